"""The market: one price process per symbol, seen a little differently at each venue.

A symbol wanders with the whole market and by itself, and now and then takes an impulse: a jump that mostly goes on for
some seconds in its own direction. The heavier the volume at the jump, the likelier it goes on. So a client that reads
the volume knows something, its confidence can be right, and its orders can earn money. The volume shows in nothing but
the quantities of the trades.

Between two happenings everything has a closed form, so the process goes to any moment in one step, be it a tenth of a
second or a minute away.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from observatory_universe.chance import Chance, Stream
from observatory_universe.clock import Clock
from observatory_universe.faults.registry import Faults
from observatory_universe.market import SYMBOLS, VENUES, volume_ratio_of
from observatory_universe.outside.tape import MINUTE_NS, Candles, Move

Regime = Literal["calm", "trending", "volatile"]

# What one trade moves when nothing special happens, in units of the base asset: some 300 USD.
USUAL_QUANTITY: Final[Mapping[str, float]] = {
    "BTC/USDT": 0.0047,
    "ETH/USDT": 0.096,
    "SOL/USDT": 2.02,
    "XRP/USDT": 515.0,
    "ADA/USDT": 672.0,
    "LINK/USDT": 20.9,
}
TRADES_PER_S: Final = 7.0

_IMPULSE_S: Final = 12.0
# The volume of a jump stays whole for a moment, so that it can be measured, and then fades.
_FULL_VOLUME_S: Final = 1.5
_FADE_PER_S: Final = 0.408
_PULL_PER_S: Final = 0.002
_SLOW_PULL_PER_S: Final = 1 / (5 * 86_400)
_SLOW_BPS: Final = 0.45
# How much of a symbol's noise is the whole market's.
_COMMON: Final = 0.65
_OWN: Final = math.sqrt(1 - _COMMON**2)
_REGIME_S: Final[Mapping[Regime, float]] = {"calm": 3_600.0, "trending": 1_500.0, "volatile": 900.0}
_REGIME_NOISE: Final[Mapping[Regime, float]] = {"calm": 1.0, "trending": 1.15, "volatile": 1.8}
_REGIME_TRADES: Final[Mapping[Regime, float]] = {"calm": 1.0, "trending": 1.15, "volatile": 1.5}
_FIRST_CALM_S: Final = 900.0
_TREND_BPS_PER_S: Final = 0.02
# A venue strays from the others by so much (bps, typical), and comes back within seconds.
_STRAY_BPS: Final = 0.35
_STRAY_S: Final = 5.0
_HISTORY_MINUTES: Final = 1_000
# Readings that follow each other faster than this see the same prices: a step for each of them would be lost work.
_SHORTEST_S: Final = 0.005


@dataclass(slots=True)
class _Price:
    """One symbol's state: natural logarithms, bps, and seconds since the market's start.

    `log` is `anchor` and what the symbol is away from it for the moment; the anchor wanders slowly.
    """

    symbol: str
    log: float
    anchor: float
    home: float
    deviation_bps: float
    candles: Candles
    next_impulse_s: float
    drift_bps_per_s: float = 0.0
    drift_ends_s: float = -math.inf
    jumped_at_s: float = -math.inf
    jump_volume_ratio: float = 1.0
    log_before_jump: float = 0.0
    # Venue to (offset that stays, offset that strays, when it was last drawn).
    offsets_bps: dict[str, tuple[float, float, float]] = field(default_factory=dict)


class Market:
    """Prices of all symbols at all venues, moved on to the clock's time whenever they are read.

    Args:
        impulse_gap_s: mean time from an impulse's end to the next one of the same symbol, in seconds.
        liveliness: how many times as often that is at a moment (ns since 1970).
    """

    def __init__(
        self,
        clock: Clock,
        chance: Chance,
        faults: Faults,
        impulse_gap_s: float,
        liveliness: Callable[[int], float] = lambda now_ns: 1.0,
    ) -> None:
        self._clock = clock
        self._liveliness = liveliness
        self._faults = faults
        self._chance: Stream = chance.of("market")
        self._regimes: Stream = chance.of("market:regimes")
        self._strays: Stream = chance.of("market:venues")
        self._past: Stream = chance.of("market:past")
        self._mischance: Stream = chance.of("fault:market")
        self._impulse_gap_s = impulse_gap_s
        self._start_ns: int | None = None
        self._time_s = 0.0
        self._regime: Regime = "calm"
        self._regime_ends_s = _FIRST_CALM_S
        self._trend_bps_per_s = 0.0
        self._prices = {symbol: self._opened(symbol, position) for position, symbol in enumerate(SYMBOLS)}

    @property
    def regime(self) -> Regime:
        """What the market is like now."""
        self._advance()
        return self._regime

    def mid(self, venue: str, symbol: str) -> float:
        """The price between the best bid and the best ask of this venue now, in USD."""
        self._advance()
        price = self._prices[symbol]
        return math.exp(price.log + self._offset_bps(price, venue) / 10_000)

    def move(self, symbol: str, since_ns: int) -> Move:
        """What the symbol did from this moment until now: for the trades of that time."""
        self._advance()
        price = self._prices[symbol]
        assert self._start_ns is not None
        return Move(
            log=price.log,
            log_before_jump=price.log_before_jump,
            jumped_at_ns=None if price.jumped_at_s < 0 else self._start_ns + round(price.jumped_at_s * 1e9),
            since_ns=since_ns,
            until_ns=self._start_ns + round(self._time_s * 1e9),
        )

    def volume_ratio(self, symbol: str, at_ns: int) -> float:
        """The volume at a moment that is not over for long, as a multiple of the usual one."""
        self._advance()
        assert self._start_ns is not None
        return self._volume_ratio(self._prices[symbol], (at_ns - self._start_ns) / 1e9)

    def trades_per_s(self) -> float:
        """Trades per second and symbol at each venue while the volume is the usual one."""
        self._advance()
        return self._trades_per_s()

    def offset_bps(self, venue: str, symbol: str) -> float:
        """How far this venue is from the whole market now."""
        self._advance()
        return self._offset_bps(self._prices[symbol], venue)

    def steady_offset_bps(self, venue: str, symbol: str) -> float:
        """How far this venue is from the whole market on the average."""
        return self._prices[symbol].offsets_bps[venue][0]

    def candles(self, symbol: str) -> Candles:
        """The whole market's minutes of this symbol."""
        self._advance()
        return self._prices[symbol].candles

    def next_impulse_in_s(self) -> float:
        """Seconds until the next impulse of any symbol; 0 while one runs."""
        self._advance()
        if any(price.drift_ends_s > self._time_s for price in self._prices.values()):
            return 0.0
        return max(0.0, min(price.next_impulse_s for price in self._prices.values()) - self._time_s)

    def _opened(self, symbol: str, position: int) -> _Price:
        start, _, deviation_bps = SYMBOLS[symbol]
        offsets = {venue: (self._chance.between(-0.6, 0.6), 0.0, 0.0) for venue in VENUES}
        # The first impulses come soon and one after the other, so that the whole flow runs within seconds.
        first_s = 1.0 + 1.1 * position
        log = math.log(start)
        return _Price(symbol, log, log, log, deviation_bps, Candles(), first_s, offsets_bps=offsets)

    def _trades_per_s(self) -> float:
        quiet = self._faults.grade("quiet_market")
        return TRADES_PER_S * _REGIME_TRADES[self._regime] * (1.0 if quiet is None else quiet)

    def _offset_bps(self, price: _Price, venue: str) -> float:
        stays, strays, drawn_s = price.offsets_bps[venue]
        elapsed_s = self._time_s - drawn_s
        if elapsed_s > 0.05:
            kept = math.exp(-elapsed_s / _STRAY_S)
            strays = strays * kept + self._strays.normal(0.0, _STRAY_BPS * math.sqrt(1 - kept * kept))
            price.offsets_bps[venue] = (stays, strays, self._time_s)
        return stays + strays

    def _volume_ratio(self, price: _Price, at_s: float) -> float:
        since_s = at_s - price.jumped_at_s
        if since_s < 0:
            return 1.0
        return 1.0 + (price.jump_volume_ratio - 1.0) * math.exp(-_FADE_PER_S * max(0.0, since_s - _FULL_VOLUME_S))

    def _advance(self) -> None:
        now_ns = self._clock.now_ns()
        if self._start_ns is None:
            self._start_ns = now_ns
            self._write_past(now_ns)
        target_s = (now_ns - self._start_ns) / 1e9
        if target_s - self._time_s < _SHORTEST_S:
            return
        while self._time_s < target_s:
            self._step(min(target_s, self._next_happening_s()))

    def _next_happening_s(self) -> float:
        """When the closed form ends: at the next impulse, the end of one, the regime's end, or the minute's."""
        assert self._start_ns is not None
        soonest = min(self._regime_ends_s, self._minute_ends_s())
        for price in self._prices.values():
            soonest = min(soonest, price.next_impulse_s)
            if price.drift_ends_s > self._time_s:
                soonest = min(soonest, price.drift_ends_s)
        # A happening whose moment is this one must not stop the time.
        return max(soonest, self._time_s + 1e-6)

    def _minute_ends_s(self) -> float:
        assert self._start_ns is not None
        minute = (self._start_ns + round(self._time_s * 1e9)) // MINUTE_NS
        return ((minute + 1) * MINUTE_NS - self._start_ns) / 1e9

    def _step(self, until_s: float) -> None:
        elapsed_s = until_s - self._time_s
        common, slow = self._chance.normal(0.0, 1.0), self._chance.normal(0.0, 1.0)
        for price in self._prices.values():
            self._move(price, elapsed_s, common, slow)
        self._time_s = until_s
        if until_s >= self._regime_ends_s:
            self._change_regime()
        for price in self._prices.values():
            if until_s >= price.next_impulse_s:
                self._start_impulse(price)

    def _move(self, price: _Price, elapsed_s: float, common: float, slow: float) -> None:
        """The exact step of a process that is drawn to its anchor and drifts, and of the anchor itself."""
        root_s = math.sqrt(elapsed_s)
        price.anchor += (price.home - price.anchor) * min(1.0, _SLOW_PULL_PER_S * elapsed_s)
        slow_bps = _SLOW_BPS * root_s * (_COMMON * slow + _OWN * self._chance.normal(0.0, 1.0))
        shift = (slow_bps + self._trend_bps_per_s * elapsed_s) / 10_000
        price.anchor += shift
        kept = math.exp(-_PULL_PER_S * elapsed_s)
        drifts = self._time_s < price.drift_ends_s
        drift_bps = price.drift_bps_per_s * (1 - kept) / _PULL_PER_S if drifts else 0.0
        deviation_bps = price.deviation_bps * _REGIME_NOISE[self._regime]
        spread_bps = deviation_bps * math.sqrt((1 - kept * kept) / (2 * _PULL_PER_S))
        noise_bps = spread_bps * (_COMMON * common + _OWN * self._chance.normal(0.0, 1.0))
        before = price.log
        away = (before + shift - price.anchor) * kept
        price.log = price.anchor + away + (drift_bps + noise_bps) / 10_000
        self._write(price, before, elapsed_s, math.hypot(deviation_bps, _SLOW_BPS) / 10_000)

    def _write(self, price: _Price, before: float, elapsed_s: float, deviation: float) -> None:
        """Tells the candles: where the price went, what it touched on the way, and what was traded."""
        assert self._start_ns is not None
        high, low = max(before, price.log), min(before, price.log)
        if elapsed_s > 1.0:
            high, low = self._touched(before, price.log, elapsed_s, deviation)
        middle_s = self._time_s + elapsed_s / 2
        # Heavy volume is both: larger trades, and more of them.
        usual = USUAL_QUANTITY[price.symbol] * self._trades_per_s() * elapsed_s
        traded = usual * self._volume_ratio(price, middle_s) ** 1.5
        minute = (self._start_ns + round(self._time_s * 1e9)) // MINUTE_NS
        price.candles.add(minute, math.exp(before), math.exp(high), math.exp(low), math.exp(price.log), traded)

    def _touched(self, before: float, after: float, elapsed_s: float, deviation: float) -> tuple[float, float]:
        """The highest and the lowest point between two known ones: exact for a walk without a pull."""
        square = 2 * deviation * deviation * elapsed_s
        up = math.sqrt((after - before) ** 2 - square * math.log(1 - self._chance.between(0.0, 1.0 - 1e-12)))
        down = math.sqrt((after - before) ** 2 - square * math.log(1 - self._chance.between(0.0, 1.0 - 1e-12)))
        return (before + after + up) / 2, (before + after - down) / 2

    def _start_impulse(self, price: _Price) -> None:
        price.next_impulse_s = (
            self._time_s + _IMPULSE_S + self._chance.gap_s(self._impulse_gap_s / self._liveliness(self._clock.now_ns()))
        )
        goes_on_ratio = self._chance.between(0.58, 0.92)
        direction = 1 if self._chance.happens(0.5) else -1
        follows = direction if self._chance.happens(goes_on_ratio) else -direction
        jump_bps, drift_bps_per_s = self._chance.between(5.0, 9.0), self._chance.between(1.4, 2.4)
        # Drawn before it is asked whether there is an impulse at all: those after the quiet stay the same.
        quiet = self._faults.grade("quiet_market")
        if quiet is not None and not self._mischance.happens(quiet):
            return
        price.log_before_jump = price.log
        price.log += direction * jump_bps / 10_000
        price.drift_bps_per_s = follows * drift_bps_per_s
        price.drift_ends_s = self._time_s + _IMPULSE_S
        price.jump_volume_ratio = volume_ratio_of(goes_on_ratio)
        price.jumped_at_s = self._time_s

    def _change_regime(self) -> None:
        others: list[Regime] = [regime for regime in _REGIME_S if regime != self._regime]
        # After something special it is calm most of the time.
        self._regime = "calm" if "calm" in others and self._regimes.happens(0.7) else self._regimes.pick(others)
        self._regime_ends_s = self._time_s + 120.0 + self._regimes.gap_s(_REGIME_S[self._regime])
        self._trend_bps_per_s = 0.0
        if self._regime == "trending":
            self._trend_bps_per_s = _TREND_BPS_PER_S * self._regimes.pick((-1, 1)) * self._regimes.between(0.5, 1.5)

    def _write_past(self, now_ns: int) -> None:
        """Draws the minutes before the start, backwards from the present prices."""
        minute_root = math.sqrt(60.0)
        first = now_ns // MINUTE_NS - 1
        ends = {symbol: price.log for symbol, price in self._prices.items()}
        for back in range(_HISTORY_MINUTES):
            common = self._past.normal(0.0, 1.0)
            for symbol, price in self._prices.items():
                deviation = math.hypot(price.deviation_bps * 0.7, _SLOW_BPS) * minute_root / 10_000
                close = ends[symbol]
                opened = close - deviation * (_COMMON * common + _OWN * self._past.normal(0.0, 1.0))
                high = max(opened, close) + abs(self._past.normal(0.0, deviation * 0.4))
                low = min(opened, close) - abs(self._past.normal(0.0, deviation * 0.4))
                traded = USUAL_QUANTITY[symbol] * TRADES_PER_S * 60 * self._past.between(1.0, 3.0)
                prices = math.exp(opened), math.exp(high), math.exp(low), math.exp(close)
                price.candles.prepend(first - back, *prices, traded)
                ends[symbol] = opened
