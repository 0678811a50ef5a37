"""What `CcxtExchange` and `StreamFeed` have to know of one venue: each has a subclass of `VenueClient`."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, ClassVar, Final, Protocol

from observatory_universe.doors.exchange import Quote
from observatory_universe.doors.feed import Trade
from observatory_universe.trade import Order

_MINUTE_NS: Final = 60_000_000_000
# An order or a trade in ccxt's unified structure.
Unified = dict[str, Any]


class Ask(Protocol):
    """Calls one of ccxt's unified methods on the venue: one HTTP call, and one fact of that name."""

    def __call__(self, method: str, *arguments: Any, params: Mapping[str, Any] | None = None) -> Awaitable[Any]: ...


class StreamReader(ABC):
    """How a venue's stream is read; one per connection."""

    @abstractmethod
    async def open(self, url: str) -> str:
        """The ws:// address to connect to, from the server's http:// one."""

    @abstractmethod
    def hello(self) -> Sequence[str]:
        """What to send first: the subscriptions to trades and best prices of all symbols."""

    @abstractmethod
    def read(self, text: str | bytes, received_ns: int) -> Sequence[Trade | Quote]:
        """What one message says; nothing for acknowledgements and heartbeats."""

    def ping(self) -> str | None:
        """The venue's own ping message, sent every 15 s; None where the protocol's ping will do."""
        return None


class VenueClient(ABC):
    """One venue.

    Attributes:
        name: as in `VENUES`.
        ccxt_id: the class in `ccxt.async_support`.
    """

    name: ClassVar[str]
    ccxt_id: ClassVar[str]

    @abstractmethod
    def config(self, url: str) -> dict[str, Any]:
        """ccxt's documented constructor options that this venue needs: `urls`, `options`, demo credentials.

        `timeout`, `enableRateLimit` and the session are set by `CcxtExchange`.
        """

    @abstractmethod
    def limits(self, headers: Mapping[str, str]) -> tuple[float | None, float | None]:
        """(used, limit) from an answer's headers; None where the venue does not say."""

    def retry_after_s(self, headers: Mapping[str, str]) -> float | None:
        """How long a refusal for too many calls says to wait; None where it does not say."""
        said = headers.get("Retry-After")
        return None if said is None else float(said)

    @abstractmethod
    def reader(self) -> StreamReader: ...

    async def status(self, ask: Ask) -> None:
        await ask("fetch_time")

    async def create(self, ask: Ask, order: Order, limit_price: float | None) -> Unified:
        """Places an order; what the answer lacks is fetched by `completed` afterwards."""
        kind = "market" if limit_price is None else "limit"
        params = {"clientOrderId": order.client_id}
        arguments = (order.symbol, kind, order.side, order.quantity, limit_price)
        placed: Unified = await ask("create_order", *arguments, params=params)
        return placed

    async def find(self, ask: Ask, symbol: str, client_id: str, venue_id: str | None) -> Unified:
        """The order with its trades. `venue_id` is known for orders whose creation was answered lately."""
        found = await ask("fetch_order", venue_id or client_id, symbol, params={"clientOrderId": client_id})
        return await self.completed(ask, found, symbol)

    async def cancel(self, ask: Ask, symbol: str, client_id: str, venue_id: str | None) -> None:
        """Cancels; the door calls `find` afterwards."""
        await ask("cancel_order", venue_id or client_id, symbol, params={"clientOrderId": client_id})

    async def candles(self, ask: Ask, symbol: str, limit: int, now_ns: int) -> list[list[float]]:
        """Rows of (start in ms, open, high, low, close, volume), the oldest first."""
        # Without a beginning some venues send many hours, and ccxt reckons others' from the machine's time.
        since_ms = (now_ns // _MINUTE_NS - limit + 1) * 60_000
        return await ask("fetch_ohlcv", symbol, "1m", since_ms, limit)  # type: ignore[no-any-return]  # ccxt is untyped

    def banned(self, status: int | None, error: str) -> bool:
        """Whether a refusal for too many calls means that the address is shut out."""
        return status == 418

    async def completed(self, ask: Ask, order: Unified, symbol: str) -> Unified:
        """The order as it stands, with all its trades in `order["trades"]`."""
        return order
