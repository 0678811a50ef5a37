"""The venues' REST interfaces through ccxt."""

import asyncio
import importlib
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, Final

import aiohttp

import observatory_sdk as obs
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
    TicketStatus,
    UnknownOrderStateError,
    VenueUnavailableError,
)
from observatory_universe.doors.exchange_call import exchange_call
from observatory_universe.market import SYMBOLS
from observatory_universe.sockets.venues import CLIENTS
from observatory_universe.sockets.venues.client import Unified
from observatory_universe.trade import Fill, Order, usd

_TIMEOUT_MS: Final = 10_000
_CONNECTIONS: Final = 64
_DEPTH: Final = 20
_REMEMBERED_IDS: Final = 5_000
# What to wait where a venue says "too many" and not how long.
_RETRY_AFTER_S: Final = 5.0
_MS: Final = 1_000_000


@dataclass(slots=True)
class _Answer:
    """What came over the wire in one call: ccxt does not hand it on by call."""

    sent: bool = False
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


_ANSWER: ContextVar[_Answer | None] = ContextVar("exchange_answer", default=None)


class CcxtExchange:
    """One venue through ccxt's class for it; nothing but its URLs and credentials are changed.

    Args:
        url: the http:// address of the venue's server.
    """

    def __init__(self, venue: str, url: str, clock: Clock) -> None:
        self.venue = venue
        self._url = url
        self._clock = clock
        self._client = CLIENTS[venue]
        self._ccxt: Any = None
        self._session: aiohttp.ClientSession | None = None
        self._opening = asyncio.Lock()
        self._ids: OrderedDict[str, str] = OrderedDict()

    async def open(self) -> None:
        """Loads ccxt and the venue's markets now, and not in the middle of the first piece of work.

        Raises:
            ExchangeError: the venue does not answer.
        """
        await self._ready()

    async def status(self) -> None:
        await self._ready()
        await self._client.status(self._ask)

    async def load_markets(self) -> Listing:
        await self._open()
        markets = await self._ask("load_markets", True)
        ours = tuple(symbol for symbol in SYMBOLS if symbol in markets)
        return Listing(ours, len(markets) - len(ours))

    async def ticker(self, symbol: str) -> Quote:
        await self._ready()
        ticker = await self._ask("fetch_ticker", symbol)
        return Quote(symbol, self.venue, float(ticker["bid"]), float(ticker["ask"]), self._time_ns(ticker))

    async def book(self, symbol: str) -> Book:
        await self._ready()
        book = await self._ask("fetch_order_book", symbol, _DEPTH)
        bids, asks = (tuple((float(row[0]), float(row[1])) for row in book[side][:_DEPTH]) for side in ("bids", "asks"))
        return Book(symbol, self.venue, bids, asks, self._time_ns(book))

    async def candles(self, symbol: str, limit: int = 60) -> list[Candle]:
        await self._ready()
        rows = await self._client.candles(self._ask, symbol, limit, self._clock.now_ns())
        return [Candle(int(row[0]) * _MS, *(float(value) for value in row[1:6])) for row in rows[-limit:]]

    async def create_order(self, order: Order, limit_price: float | None = None) -> Ticket:
        await self._ready()
        placed = await self._client.create(self._ask, order, limit_price)
        self._remember(order.client_id, str(placed["id"]))
        try:
            placed = await self._client.completed(self._ask, placed, order.symbol)
        except ExchangeError as error:
            # It stands at the venue, and what became of it was not told.
            raise UnknownOrderStateError("no_answer") from error
        return self._ticket(order.client_id, placed)

    async def fetch_order(self, symbol: str, client_id: str) -> Ticket:
        await self._ready()
        found = await self._client.find(self._ask, symbol, client_id, self._ids.get(client_id))
        return self._ticket(client_id, found)

    async def cancel_order(self, symbol: str, client_id: str) -> Ticket:
        await self._ready()
        # Venues do not tell a finished order from one they never saw; asking for it does.
        with suppress(OrderNotFoundError):
            await self._client.cancel(self._ask, symbol, client_id, self._ids.get(client_id))
        return await self.fetch_order(symbol, client_id)

    async def close(self) -> None:
        """Ends all connections."""
        if self._ccxt is not None:
            await self._ccxt.close()
        if self._session is not None:
            await self._session.close()

    async def _ready(self) -> None:
        """ccxt needs a venue's markets before anything else."""
        if self._ccxt is None or not self._ccxt.markets:
            await self._open()
            async with self._opening:
                if not self._ccxt.markets:
                    await self._ask("load_markets")

    async def _open(self) -> None:
        async with self._opening:
            if self._ccxt is not None:
                return
            module = await _imported()
            tracing = aiohttp.TraceConfig()
            tracing.on_request_headers_sent.append(_note_sent)
            tracing.on_request_end.append(_note_answer)
            connector = aiohttp.TCPConnector(limit=_CONNECTIONS)
            self._session = aiohttp.ClientSession(connector=connector, trace_configs=[tracing])
            config = {
                "session": self._session,
                "timeout": _TIMEOUT_MS,
                # The platform watches its own limits, and ccxt would hold calls back where nobody sees it.
                "enableRateLimit": False,
                "verify": False,
                "timeout_on_exit": 0,
            }
            self._ccxt = getattr(module, self._client.ccxt_id)(config | self._client.config(self._url))

    async def _ask(self, method: str, *arguments: Any, params: Mapping[str, Any] | None = None) -> Any:
        answer = _Answer()
        token = _ANSWER.set(answer)
        further = {} if params is None else {"params": dict(params)}
        try:
            with exchange_call(self.venue, method) as call:
                try:
                    return await getattr(self._ccxt, method)(*arguments, **further)
                except (await _imported()).BaseError as error:
                    raise self._meant(method, error, answer) from error
                finally:
                    self._write(call, answer)
        finally:
            _ANSWER.reset(token)

    def _write(self, call: obs.facts.exchange_call, answer: _Answer) -> None:
        if answer.status is not None:
            call.http_status = answer.status
            call.rate_limit_used, call.rate_limit_limit = self._client.limits(answer.headers)

    def _meant(self, method: str, error: Exception, answer: _Answer) -> ExchangeError:
        """The door's error for one of ccxt's."""
        words = {kind.__name__ for kind in type(error).__mro__}
        if words & {"DDoSProtection", "RateLimitExceeded"}:
            said_s = self._client.retry_after_s(answer.headers)
            after_s = _RETRY_AFTER_S if said_s is None else said_s
            return RateLimitedError(after_s, self._client.banned(answer.status, str(error)))
        if method == "create_order":
            return _refused(words, str(error), answer)
        if "NetworkError" in words:
            return VenueUnavailableError("timeout" if "RequestTimeout" in words else "unavailable")
        if "InvalidOrder" in words:
            return OrderNotFoundError("order_not_found")
        return ExchangeError("bad_symbol" if "BadSymbol" in words else "refused")

    def _ticket(self, client_id: str, order: Unified) -> Ticket:
        self._remember(client_id, str(order["id"]))
        time_ns = self._time_ns(order)
        fills = tuple(_fill(trade, time_ns) for trade in order["trades"])
        return Ticket(str(order["id"]), client_id, _status(order), fills, time_ns)

    def _remember(self, client_id: str, id: str) -> None:
        self._ids[client_id] = id
        if len(self._ids) > _REMEMBERED_IDS:
            self._ids.popitem(last=False)

    def _time_ns(self, said: Unified) -> int:
        """The venue's time, where it says one."""
        for name in ("lastUpdateTimestamp", "lastTradeTimestamp", "timestamp"):
            if said.get(name):
                return int(said[name]) * _MS
        return self._clock.now_ns()


def _refused(words: set[str], message: str, answer: _Answer) -> ExchangeError:
    """What became of an order that ccxt raised an error for."""
    if "NetworkError" in words:
        if not answer.sent:
            return VenueUnavailableError("unavailable")
        return UnknownOrderStateError("timeout" if "RequestTimeout" in words else "no_answer")
    if "uplicate" in message:
        return OrderRejectedError("duplicate_client_id")
    if "InsufficientFunds" in words:
        return OrderRejectedError("insufficient_funds")
    if "BadSymbol" in words:
        return OrderRejectedError("bad_symbol")
    return OrderRejectedError("invalid_order")


def _fill(trade: Unified, order_time_ns: int) -> Fill:
    time_ns = int(trade["timestamp"]) * _MS if trade.get("timestamp") else order_time_ns
    return Fill(
        id=str(trade["id"]),
        quantity=float(trade["amount"]),
        price=float(trade["price"]),
        fee_usd=usd(float(trade["fee"]["cost"])),
        venue_time_ns=time_ns,
    )


def _status(order: Unified) -> TicketStatus:
    filled, status = order.get("filled") or 0.0, order.get("status")
    if status == "closed":
        return "filled"
    if status == "canceled":
        return "cancelled"
    if status in ("rejected", "expired"):
        return "rejected"
    return "partially_filled" if filled else "open"


async def _imported() -> ModuleType:
    """ccxt, on first use: its import takes seconds, so it is done beside the loop."""
    global _CCXT
    if _CCXT is None:
        _CCXT = await asyncio.to_thread(importlib.import_module, "ccxt.async_support")
    return _CCXT


_CCXT: ModuleType | None = None


async def _note_sent(
    session: aiohttp.ClientSession, context: object, sent: aiohttp.TraceRequestHeadersSentParams
) -> None:
    answer = _ANSWER.get()
    if answer is not None:
        answer.sent = True


async def _note_answer(session: aiohttp.ClientSession, context: object, end: aiohttp.TraceRequestEndParams) -> None:
    answer = _ANSWER.get()
    if answer is not None:
        answer.status, answer.headers = end.response.status, end.response.headers
