"""The market: one price process per symbol, seen a little differently at each venue.

A symbol wanders, is drawn back to its anchor, and now and then takes an impulse: a jump that mostly goes on for some
seconds in its own direction. The heavier the volume at the jump, the likelier it goes on. So a signal that reads the
volume knows something, its confidence can be right, and its orders can earn money.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from observatory_universe.chance import Chance, Stream
from observatory_universe.clock import Clock

VENUES: Final = ("binance", "kraken", "kucoin", "coinbase")
# Symbol to (price at the start in USD, decimals of the price, deviation in bps per root second).
SYMBOLS: Final[Mapping[str, tuple[float, int, float]]] = {
    "BTC/USDT": (64_200.0, 2, 0.5),
    "ETH/USDT": (3_140.0, 2, 0.6),
    "SOL/USDT": (148.5, 3, 0.8),
    "XRP/USDT": (0.5820, 5, 0.8),
    "ADA/USDT": (0.4460, 5, 0.8),
    "LINK/USDT": (14.35, 4, 0.8),
}
# Venue to (half spread in bps, typical delay of its stream in seconds).
_VENUE_TRAITS: Final[Mapping[str, tuple[float, float]]] = {
    "binance": (0.5, 0.012),
    "kraken": (0.9, 0.026),
    "kucoin": (0.8, 0.034),
    "coinbase": (0.7, 0.021),
}
_STEP_S: Final = 0.1
_IMPULSE_S: Final = 12.0
_PULL_PER_S: Final = 0.002


@dataclass(frozen=True, slots=True)
class Quote:
    """The best prices of one symbol at one venue, in USD."""

    symbol: str
    venue: str
    bid: float
    ask: float
    event_time_ns: int

    @property
    def mid(self) -> float:
        return (self.bid + self.ask) / 2


@dataclass(frozen=True, slots=True)
class Frame:
    """What one venue's stream brought for one symbol since the last reading.

    `quote` is the newest message, which was `lag_s` under way. `jumped_at_ns` is when the price last jumped.
    """

    quote: Quote
    messages: int
    volume_ratio: float
    lag_s: float
    jumped_at_ns: int


@dataclass(frozen=True, slots=True)
class MarketEvent:
    """A move that stands out, as the merged feeds show it."""

    id: str
    symbol: str
    move_bps: float
    volume_ratio: float
    mid: float
    time_unix_nano: int


@dataclass(slots=True)
class _Price:
    """One symbol's state, as natural logarithms and bps."""

    log: float
    anchor: float
    deviation_bps: float
    next_impulse_s: float
    drift_bps_per_s: float = 0.0
    drift_ends_s: float = 0.0
    volume_ratio: float = 1.0
    jumped_at_ns: int = 0
    venue_offset_bps: dict[str, float] = field(default_factory=dict)


class Market:
    """Prices of all symbols at all venues, moved on to the clock's time whenever they are read.

    Args:
        impulse_gap_s: mean time between two impulses of one symbol, in seconds.
    """

    def __init__(self, clock: Clock, chance: Chance, impulse_gap_s: float) -> None:
        self._clock = clock
        self._chance: Stream = chance.of("market")
        self._impulse_gap_s = impulse_gap_s
        self._time_s: float | None = None
        self._prices = {symbol: self._opened(symbol, position) for position, symbol in enumerate(SYMBOLS)}

    def quote(self, venue: str, symbol: str) -> Quote:
        """The best bid and ask now."""
        self._advance()
        return self._quoted(venue, symbol, self._clock.now_ns())

    def frames(self, venue: str, elapsed_s: float) -> list[Frame]:
        """One frame per symbol for the `elapsed_s` seconds since the venue's last reading."""
        self._advance()
        return [self._frame(venue, symbol, price, elapsed_s) for symbol, price in self._prices.items()]

    def _opened(self, symbol: str, position: int) -> _Price:
        start, _, deviation_bps = SYMBOLS[symbol]
        offsets = {venue: self._chance.between(-0.6, 0.6) for venue in VENUES}
        # The first impulses come soon and one after the other, so that the whole flow runs within seconds.
        first_s = 1.0 + 1.1 * position
        return _Price(math.log(start), math.log(start), deviation_bps, first_s, venue_offset_bps=offsets)

    def _quoted(self, venue: str, symbol: str, event_time_ns: int) -> Quote:
        price = self._prices[symbol]
        half_spread_bps = _VENUE_TRAITS[venue][0]
        mid = math.exp(price.log + price.venue_offset_bps[venue] / 10_000)
        decimals = SYMBOLS[symbol][1]
        return Quote(
            symbol=symbol,
            venue=venue,
            bid=round(mid * (1 - half_spread_bps / 10_000), decimals),
            ask=round(mid * (1 + half_spread_bps / 10_000), decimals),
            event_time_ns=event_time_ns,
        )

    def _frame(self, venue: str, symbol: str, price: _Price, elapsed_s: float) -> Frame:
        lag_s = self._chance.duration_s(_VENUE_TRAITS[venue][1])
        quote = self._quoted(venue, symbol, self._clock.now_ns() - round(lag_s * 1e9))
        messages = max(1, round(self._chance.normal(8.0, 2.0) * elapsed_s * price.volume_ratio))
        return Frame(quote, messages, price.volume_ratio, lag_s, price.jumped_at_ns)

    def _advance(self) -> None:
        now_s = self._clock.now_s()
        if self._time_s is None:
            self._time_s = now_s
            for price in self._prices.values():
                price.next_impulse_s += now_s
        while self._time_s + _STEP_S <= now_s:
            self._time_s += _STEP_S
            for price in self._prices.values():
                self._step(price, self._time_s)

    def _step(self, price: _Price, now_s: float) -> None:
        if now_s >= price.next_impulse_s:
            self._start_impulse(price, now_s)
        if now_s >= price.drift_ends_s:
            price.drift_bps_per_s = 0.0
        price.volume_ratio += (1.0 - price.volume_ratio) * 0.04
        noise_bps = self._chance.normal(0.0, price.deviation_bps * math.sqrt(_STEP_S))
        pull = (price.anchor - price.log) * _PULL_PER_S * _STEP_S
        price.log += pull + (noise_bps + price.drift_bps_per_s * _STEP_S) / 10_000

    def _start_impulse(self, price: _Price, now_s: float) -> None:
        goes_on_ratio = self._chance.between(0.58, 0.92)
        direction = 1 if self._chance.happens(0.5) else -1
        follows = direction if self._chance.happens(goes_on_ratio) else -direction
        price.log += direction * self._chance.between(5.0, 9.0) / 10_000
        price.drift_bps_per_s = follows * self._chance.between(1.4, 2.4)
        price.drift_ends_s = now_s + _IMPULSE_S
        price.volume_ratio = volume_ratio_of(goes_on_ratio)
        price.jumped_at_ns = self._clock.now_ns() - round((self._clock.now_s() - now_s) * 1e9)
        price.next_impulse_s = now_s + _IMPULSE_S + self._chance.gap_s(self._impulse_gap_s)


def volume_ratio_of(goes_on_ratio: float) -> float:
    """The volume, as a multiple of the usual one, that comes with an impulse of this probability to go on."""
    return 2.0 + 10.0 * (goes_on_ratio - 0.5)


def goes_on_ratio_of(volume_ratio: float) -> float:
    """The probability (0.5 to 0.97) that a move with this volume goes on: the inverse of `volume_ratio_of`."""
    return min(0.97, max(0.5, 0.5 + (volume_ratio - 2.0) / 10.0))
