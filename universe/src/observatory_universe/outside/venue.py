"""One venue's core: its quotes, book, candles, orders, limits and public tape. Dialects speak for it on the wire.

A dialect answers a REST call in two steps: `await venue.admit(weight)` (the time the venue takes, and its limits),
then one of the plain methods. What the venue does not do comes as `Refusal`, in words that every dialect turns into its
own error; `NoAnswer` means: break the connection, or answer 504.
"""

import math
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from observatory_universe.chance import Chance, Stream
from observatory_universe.clock import Clock
from observatory_universe.doors.exchange import Book, Candle, Quote
from observatory_universe.faults.registry import Faults
from observatory_universe.ids import Ids
from observatory_universe.market import SYMBOLS
from observatory_universe.outside.limits import Allowance, Usage
from observatory_universe.outside.market import USUAL_QUANTITY, Market
from observatory_universe.outside.orders import Placed, walked
from observatory_universe.outside.refusal import NoAnswer, Refusal
from observatory_universe.outside.tape import PublicTrade, scattered
from observatory_universe.trade import Side


@dataclass(frozen=True, slots=True)
class Day:
    """24 hours of one symbol: prices in USD, volume in the base asset."""

    open: float
    high: float
    low: float
    last: float
    volume: float


@dataclass(frozen=True, slots=True)
class News:
    """What the public stream has to say since the last reading, the oldest first.

    Its event times are `skew_ns` ahead of the true ones.
    """

    trades: tuple[PublicTrade, ...]
    quotes: tuple[Quote, ...]
    skew_ns: int


@dataclass(frozen=True, slots=True)
class _Traits:
    """Half spread in bps, the stream's and an answer's typical delay in s, weight per minute, share of the market."""

    half_spread_bps: float
    stream_s: float
    answer_s: float
    limit: int
    share: float
    others: tuple[str, ...]


_ASSETS: Final = (
    "DOGE LTC DOT AVAX ATOM NEAR UNI AAVE ALGO XLM TRX BCH ETC FIL APT ARB OP INJ SUI SEI TIA RUNE GRT MKR "
    "SNX COMP CRV LDO SAND MANA AXS EGLD FLOW ICP HBAR VET THETA EOS XTZ KAVA"
)
_ALSO: Final = tuple(f"{asset}/USDT" for asset in _ASSETS.split())
_TRAITS: Final[Mapping[str, _Traits]] = {
    "binance": _Traits(0.5, 0.012, 0.045, 6_000, 0.46, _ALSO),
    "kraken": _Traits(0.9, 0.026, 0.070, 3_600, 0.14, _ALSO[:28]),
    # It says 4,000 in half a minute.
    "kucoin": _Traits(0.8, 0.034, 0.080, 8_000, 0.16, _ALSO[:36]),
    "coinbase": _Traits(0.7, 0.021, 0.060, 3_000, 0.24, _ALSO[:24]),
}
_REJECT_RATIO: Final = 0.002
_LEAST_USD: Final = 1.0
_KEPT_ORDERS: Final = 20_000
_REFUSED_S: Final = 0.008
_LEVEL_USD: Final = 2_500.0
# A reading after a longer pause sees the newest second only.
_LONGEST_PAUSE_S: Final = 6.0
_QUOTE_NS: Final = 500_000_000
_QUANTITY_NOISE: Final = 0.05
# A resting order at the touch waits about so long for its turn.
_QUEUE_S: Final = 8.0


class Venue:
    """One venue. Everything it does is deterministic on a held clock.

    Attributes:
        fee_ratio: of each fill's value.
        others: further markets that it lists, as `DOGE/USDT`; they are listed and not traded here.
    """

    fee_ratio: Final = 0.0002

    def __init__(self, name: str, market: Market, clock: Clock, chance: Chance, faults: Faults, ids: Ids) -> None:
        self.name = name
        self._traits = _TRAITS[name]
        self.others = self._traits.others
        self._market = market
        self.clock = clock
        self._faults = faults
        self._ids = ids
        self._calls: Stream = chance.of(f"venue:{name}:calls")
        self._books: Stream = chance.of(f"venue:{name}:books")
        # Faults draw from a stream of their own: one that comes and goes shifts nothing else.
        self._mischance = chance.of(f"venue:{name}:faults")
        self._matching: Stream = chance.of(f"venue:{name}:matching")
        self._tape: Stream = chance.of(f"venue:{name}:tape")
        self._allowance = Allowance(clock, self._traits.limit)
        self._orders: OrderedDict[str, Placed] = OrderedDict()
        self._by_id: dict[str, Placed] = {}
        self._told_ns: int | None = None
        self._sequences: dict[str, int] = {}
        self._quoted: dict[str, int] = {}

    async def admit(self, weight: int = 1) -> Usage:
        """One call arrives: takes the venue's time and counts its weight.

        Raises:
            Refusal: rate_limited or banned.
        """
        ban_s = self._faults.grade("exchange_rate_limit_ban", self.name)
        excess = self._allowance.weigh(weight)
        if ban_s is not None or excess is not None:
            await self.clock.sleep(self._calls.duration_s(_REFUSED_S))
        if ban_s is not None:
            raise Refusal("banned", ban_s)
        if excess is not None:
            raise Refusal("banned" if excess.banned else "rate_limited", excess.retry_after_s)
        slower = self._faults.grade("exchange_slow", self.name) or 1.0
        await self.clock.sleep(self._calls.duration_s(self._traits.answer_s) * slower)
        return self.usage()

    def now_ns(self) -> int:
        return self.clock.now_ns()

    def usage(self) -> Usage:
        """What was used in this minute."""
        return self._allowance.usage()

    def stream_delay_s(self) -> float:
        """How long one message of the stream is under way."""
        return self._tape.duration_s(self._traits.stream_s)

    def next_impulse_in_s(self) -> float:
        """Seconds until the next impulse of any symbol; 0 while one runs."""
        return self._market.next_impulse_in_s()

    def quote(self, symbol: str) -> Quote:
        """The best prices now.

        Raises:
            Refusal: bad_symbol.
        """
        self._check(symbol)
        mid = self._market.mid(self.name, symbol)
        half = self._traits.half_spread_bps / 10_000
        decimals = SYMBOLS[symbol][1]
        bid, ask = round(mid * (1 - half), decimals), round(mid * (1 + half), decimals)
        return Quote(symbol, self.name, bid, max(ask, round(bid + 10**-decimals, decimals)), self.clock.now_ns())

    def book(self, symbol: str, depth: int = 20) -> Book:
        """The best `depth` levels of each side.

        Raises:
            Refusal: bad_symbol.
        """
        quote = self.quote(symbol)
        bids = self._levels(symbol, quote.bid, -1, depth)
        asks = self._levels(symbol, quote.ask, 1, depth)
        return Book(symbol, self.name, bids, asks, quote.event_time_ns)

    def day(self, symbol: str) -> Day:
        """The last 24 hours, or as much as is known of them.

        Raises:
            Refusal: bad_symbol.
        """
        self._check(symbol)
        opened, high, low, volume = self._market.candles(symbol).day()
        decimals = SYMBOLS[symbol][1]
        last = round(self._market.mid(self.name, symbol), decimals)
        return Day(
            open=round(opened, decimals),
            high=max(round(high, decimals), last),
            low=min(round(low, decimals), last),
            last=last,
            volume=round(volume * self._traits.share, 6),
        )

    def candles(self, symbol: str, limit: int = 60) -> list[Candle]:
        """One-minute candles, the oldest first; the last one is still open.

        Raises:
            Refusal: bad_symbol.
        """
        self._check(symbol)
        factor = math.exp(self._market.steady_offset_bps(self.name, symbol) / 10_000)
        return self._market.candles(symbol).last(limit, factor, self._traits.share, SYMBOLS[symbol][1])

    def place(
        self, symbol: str, side: Side, quantity: float, client_id: str, limit_price: float | None = None
    ) -> Placed:
        """A market order, or a limit order where there is a price. The quantity is kept to 8 decimals.

        Raises:
            Refusal: bad_symbol, invalid_order, insufficient_funds, duplicate_client_id.
            NoAnswer: it was taken all the same (find it by its client id).
        """
        quote = self.quote(symbol)
        if client_id in self._orders:
            raise Refusal("duplicate_client_id")
        quantity = round(quantity, 8)
        if quantity * (limit_price or quote.mid) < _LEAST_USD:
            raise Refusal("invalid_order")
        reject_ratio = self._faults.grade("exchange_rejects", self.name) or _REJECT_RATIO
        if self._matching.happens(reject_ratio):
            raise Refusal("insufficient_funds")
        placed = self._taken(symbol, side, quantity, client_id, limit_price)
        unknown_ratio = self._faults.grade("order_unknown_state", self.name)
        if unknown_ratio is not None and self._mischance.happens(unknown_ratio):
            raise NoAnswer(breaks_off=self._mischance.happens(0.5))
        return placed

    def order(self, *, client_id: str | None = None, id: str | None = None) -> Placed:
        """The order as it stands now.

        Raises:
            Refusal: order_not_found.
        """
        placed = self._orders.get(client_id) if client_id else self._by_id.get(id or "")
        if placed is None:
            raise Refusal("order_not_found")
        self._settle(placed)
        return placed

    def cancel(self, *, client_id: str | None = None, id: str | None = None) -> Placed:
        """Cancels what is left of it. A filled one stays as it is.

        Raises:
            Refusal: order_not_found.
        """
        placed = self.order(client_id=client_id, id=id)
        if placed.is_working:
            placed.is_cancelled = True
            placed.updated_ns = self.clock.now_ns()
        return placed

    def news(self) -> News:
        """The stream since the last call. One reader only: the server's ticker, or the feed in the same process."""
        # The stream shows the market as it was a moment ago, and each reading goes on where the last one ended.
        shown_ns = self.clock.now_ns() - round(self.stream_delay_s() * 1e9)
        since_ns = shown_ns if self._told_ns is None else self._told_ns
        until_ns = self._told_ns = max(shown_ns, since_ns)
        if until_ns - since_ns > _LONGEST_PAUSE_S * 1e9:
            since_ns = until_ns - 1_000_000_000
        if self._faults.grade("feed_frozen", self.name) is not None:
            return News((), (), 0)
        skew_ns = round((self._faults.grade("feed_clock_skew", self.name) or 0.0) * 1e9)
        trades = [trade for symbol in SYMBOLS for trade in self._prints(symbol, since_ns, until_ns, skew_ns)]
        trades.sort(key=_event_time)
        return News(tuple(self._spoilt(trades)), tuple(self._quotes(until_ns, skew_ns)), skew_ns)

    def _check(self, symbol: str) -> None:
        if symbol not in SYMBOLS:
            raise Refusal("bad_symbol")

    def _levels(self, symbol: str, touch: float, direction: int, depth: int) -> tuple[tuple[float, float], ...]:
        decimals = SYMBOLS[symbol][1]
        thin_bps = self._faults.grade("slippage_regime", self.name)
        away_bps = 0.0
        levels = []
        for level in range(depth):
            price = round(touch * (1 + direction * away_bps / 10_000), decimals)
            size_usd = _LEVEL_USD * (1 + level) ** 1.6 * self._books.duration_s(1.0, 0.35)
            if level == 0 and thin_bps is not None:
                # Thin: hardly anything at the touch, and then nothing for a long way.
                size_usd *= 0.0005
                away_bps += thin_bps * self._mischance.between(0.8, 1.2)
            levels.append((price, round(size_usd / price, 8)))
            away_bps += self._books.between(0.25, 0.6)
        return tuple(levels)

    def _taken(self, symbol: str, side: Side, quantity: float, client_id: str, limit_price: float | None) -> Placed:
        now_ns = self.clock.now_ns()
        kind: Literal["market", "limit"] = "market" if limit_price is None else "limit"
        placed = Placed(
            self._number("venue-order"), client_id, symbol, side, kind, quantity, limit_price, now_ns, now_ns
        )
        for price, part in walked(self.book(symbol), side, quantity, limit_price):
            placed.fill(self._number("venue-fill"), part, price, self.fee_ratio, now_ns)
        self._orders[client_id] = placed
        self._by_id[placed.id] = placed
        if len(self._orders) > _KEPT_ORDERS:
            _, oldest = self._orders.popitem(last=False)
            del self._by_id[oldest.id]
        return placed

    def _settle(self, placed: Placed) -> None:
        """Fills a resting order as far as the market came to it since it was last looked at."""
        if not placed.is_working or placed.limit_price is None:
            return
        now_ns = self.clock.now_ns()
        quote = self.quote(placed.symbol)
        beyond = placed.limit_price - quote.ask if placed.side == "buy" else quote.bid - placed.limit_price
        at_touch = placed.limit_price >= quote.bid if placed.side == "buy" else placed.limit_price <= quote.ask
        part = 0.0
        if beyond >= 0:
            part = placed.remaining
        elif at_touch:
            waited_s = (now_ns - placed.updated_ns) / 1e9
            part = placed.remaining * (1 - math.exp(-waited_s / _QUEUE_S)) * self._matching.between(0.5, 1.0)
        part = round(part, 8)
        if part > 0:
            placed.fill(self._number("venue-fill"), part, placed.limit_price, self.fee_ratio, now_ns)

    def _prints(self, symbol: str, since_ns: int, until_ns: int, skew_ns: int) -> list[PublicTrade]:
        elapsed_s = (until_ns - since_ns) / 1e9
        ratio = self._market.volume_ratio(symbol, (since_ns + until_ns) // 2)
        number = scattered(self._market.trades_per_s() * math.sqrt(ratio) * elapsed_s, self._tape.between(0.0, 1.0))
        if number == 0:
            return []
        move = self._market.move(symbol, since_ns)
        offset = self._market.offset_bps(self.name, symbol) / 10_000
        first = self._sequences.get(symbol) or until_ns // 100_000_000
        self._sequences[symbol] = first + number
        trades = []
        for position in range(number):
            time_ns = since_ns + round((until_ns - since_ns) * (position + self._tape.between(0.0, 1.0)) / number)
            side: Side = "buy" if self._tape.happens(0.5) else "sell"
            touch = self._traits.half_spread_bps / 10_000 * (1 if side == "buy" else -1)
            price = round(math.exp(move.log_at(time_ns) + offset + touch), SYMBOLS[symbol][1])
            noise = math.exp(self._tape.normal(0.0, _QUANTITY_NOISE))
            quantity = round(USUAL_QUANTITY[symbol] * self._market.volume_ratio(symbol, time_ns) * noise, 8)
            trades.append(PublicTrade(symbol, side, price, quantity, first + position, time_ns + skew_ns))
        return trades

    def _spoilt(self, trades: list[PublicTrade]) -> list[PublicTrade]:
        """The trades as the stream brings them: some left out, some with a price that cannot be."""
        missing = self._faults.grade("feed_gap", self.name)
        if missing is not None:
            trades = [trade for trade in trades if not self._mischance.happens(missing)]
        wrong = self._faults.grade("feed_bad_tick", self.name)
        if wrong is not None:
            trades = [self._misprinted(trade) if self._mischance.happens(wrong) else trade for trade in trades]
        return trades

    def _misprinted(self, trade: PublicTrade) -> PublicTrade:
        price = round(trade.price * self._mischance.pick((10.0, 0.1)), SYMBOLS[trade.symbol][1])
        return PublicTrade(trade.symbol, trade.side, price, trade.quantity, trade.sequence, trade.event_time_ns)

    def _quotes(self, now_ns: int, skew_ns: int) -> list[Quote]:
        quotes = []
        for position, symbol in enumerate(SYMBOLS):
            # One after the other, so that the stream does not come in bursts.
            slot = (now_ns + position * _QUOTE_NS // len(SYMBOLS)) // _QUOTE_NS
            if slot == self._quoted.get(symbol):
                continue
            self._quoted[symbol] = slot
            quote = self.quote(symbol)
            quotes.append(Quote(symbol, self.name, quote.bid, quote.ask, now_ns + skew_ns))
        return quotes

    def _number(self, kind: str) -> str:
        """An id of digits only, as venues give them, that no other run and no other venue of this one gives."""
        _, run, count = self._ids.next(kind).rsplit("-", 2)
        return f"{int(run, 36)}{count}"


def _event_time(trade: PublicTrade) -> int:
    return trade.event_time_ns
