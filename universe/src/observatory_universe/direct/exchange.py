"""The venues' REST interfaces in the process."""

from collections.abc import Callable, Mapping
from typing import Final, TypeVar

from observatory_universe.clock import Clock
from observatory_universe.doors.exchange import (
    Book,
    Candle,
    ExchangeError,
    Listing,
    OrderNotFoundError,
    OrderRejectedError,
    Quote,
    RateLimitedError,
    Ticket,
    UnknownOrderStateError,
)
from observatory_universe.doors.exchange_call import exchange_call
from observatory_universe.market import SYMBOLS
from observatory_universe.outside.refusal import NoAnswer, Refusal
from observatory_universe.outside.venue import Venue
from observatory_universe.trade import Order

T = TypeVar("T")

_WEIGHTS: Final[Mapping[str, int]] = {
    "load_markets": 20,
    "fetch_ticker": 2,
    "fetch_order_book": 5,
    "fetch_ohlcv": 2,
    "fetch_order": 4,
    "fetch_order_trades": 5,
}
# What has to be asked after a new order, because the answer to it does not say.
_FOLLOWED: Final[Mapping[str, tuple[str, ...]]] = {
    "kraken": ("fetch_order", "fetch_order_trades"),
    "kucoin": ("fetch_order", "fetch_order_trades"),
    "coinbase": ("fetch_order", "fetch_order_trades"),
}
# Venues that do not say what was used.
_SILENT: Final = frozenset({"kraken", "coinbase"})


class DirectExchange:
    """One venue."""

    def __init__(self, venue: Venue, clock: Clock) -> None:
        self.venue = venue.name
        self._venue = venue
        self._clock = clock

    async def status(self) -> None:
        await self._call("fetch_status" if self.venue == "kraken" else "fetch_time", lambda: None)

    async def load_markets(self) -> Listing:
        return await self._call("load_markets", lambda: Listing(tuple(SYMBOLS), len(self._venue.others)))

    async def ticker(self, symbol: str) -> Quote:
        return await self._call("fetch_ticker", lambda: self._venue.quote(symbol))

    async def book(self, symbol: str) -> Book:
        return await self._call("fetch_order_book", lambda: self._venue.book(symbol, 20))

    async def candles(self, symbol: str, limit: int = 60) -> list[Candle]:
        return await self._call("fetch_ohlcv", lambda: self._venue.candles(symbol, limit))

    async def create_order(self, order: Order, limit_price: float | None = None) -> Ticket:
        placed = await self._call(
            "create_order",
            lambda: self._venue.place(order.symbol, order.side, order.quantity, order.client_id, limit_price),
        )
        try:
            for operation in _FOLLOWED.get(self.venue, ()):
                if operation == "fetch_order" or placed.fills:
                    placed = await self._call(operation, lambda: self._venue.order(client_id=order.client_id))
        except ExchangeError as error:
            raise UnknownOrderStateError("no_answer") from error
        return placed.ticket()

    async def fetch_order(self, symbol: str, client_id: str) -> Ticket:
        placed = await self._call("fetch_order", lambda: self._venue.order(client_id=client_id))
        if placed.fills:
            await self._call("fetch_order_trades", lambda: None)
        return placed.ticket()

    async def cancel_order(self, symbol: str, client_id: str) -> Ticket:
        await self._call("cancel_order", lambda: self._venue.cancel(client_id=client_id))
        return await self.fetch_order(symbol, client_id)

    async def _call(self, operation: str, work: Callable[[], T]) -> T:
        with exchange_call(self.venue, operation) as call:
            try:
                await self._venue.admit(_WEIGHTS.get(operation, 1))
                done = work()
                call.http_status = 200
            except Refusal as refusal:
                error = _meant(refusal, operation)
                call.http_status = _status(self.venue, refusal)
                raise error from refusal
            except NoAnswer as silence:
                raise UnknownOrderStateError("no_answer" if silence.breaks_off else "timeout") from silence
            finally:
                if self.venue not in _SILENT:
                    usage = self._venue.usage()
                    call.rate_limit_used, call.rate_limit_limit = float(usage.used), float(usage.limit)
            return done


def _status(venue: str, refusal: Refusal) -> int:
    """The HTTP status that the venue gives with a refusal."""
    if refusal.kind == "banned":
        return 418 if venue == "binance" else 429
    if venue == "kraken":
        return 200
    return 429 if refusal.kind == "rate_limited" else 400


def _meant(refusal: Refusal, operation: str) -> ExchangeError:
    """The door's error for a refusal."""
    if refusal.kind in ("rate_limited", "banned"):
        return RateLimitedError(refusal.retry_after_s, refusal.kind == "banned")
    if refusal.kind == "order_not_found":
        return OrderNotFoundError(refusal.kind)
    if operation == "create_order":
        return OrderRejectedError(refusal.kind)
    return ExchangeError(refusal.kind)
