"""A venue's REST interface."""

from dataclasses import dataclass
from typing import Literal, Protocol

from observatory_universe.errors import Trouble
from observatory_universe.trade import Fill, Order


@dataclass(frozen=True, slots=True)
class Quote:
    """The best prices of one symbol at one venue, in USD, with the venue's own time."""

    symbol: str
    venue: str
    bid: float
    ask: float
    event_time_ns: int

    @property
    def mid(self) -> float:
        return (self.bid + self.ask) / 2


@dataclass(frozen=True, slots=True)
class Book:
    """An order book: levels as (price in USD, quantity in the base asset), the best first."""

    symbol: str
    venue: str
    bids: tuple[tuple[float, float], ...]
    asks: tuple[tuple[float, float], ...]
    event_time_ns: int


@dataclass(frozen=True, slots=True)
class Candle:
    """One minute of trades, prices in USD, volume in the base asset."""

    start_ns: int
    open: float
    high: float
    low: float
    close: float
    volume: float


@dataclass(frozen=True, slots=True)
class Listing:
    """What a venue lists: the symbols that the universe trades, and how many other markets."""

    symbols: tuple[str, ...]
    others: int


TicketStatus = Literal["open", "partially_filled", "filled", "cancelled", "rejected"]


@dataclass(frozen=True, slots=True)
class Ticket:
    """One order as its venue knows it now."""

    id: str
    client_id: str
    status: TicketStatus
    fills: tuple[Fill, ...]
    venue_time_ns: int


class ExchangeError(Trouble):
    """A call of a venue failed. The message is a fixed word for the reason."""


class OrderRejectedError(ExchangeError):
    """The venue did not take the order."""


class OrderNotFoundError(ExchangeError):
    """The venue knows no such order."""


class UnknownOrderStateError(ExchangeError):
    """The order may or may not have been taken: no answer came, or one that does not say."""


class RateLimitedError(ExchangeError):
    """Too many calls. `banned`: the address is shut out (418) and not merely slowed (429)."""

    def __init__(self, retry_after_s: float, banned: bool) -> None:
        super().__init__("banned" if banned else "rate_limited")
        self.retry_after_s = retry_after_s
        self.banned = banned


class VenueUnavailableError(ExchangeError):
    """No answer, or a server error."""


class Exchange(Protocol):
    """One venue's REST interface. Every call is one fact `exchange.call` of the service that calls.

    Raises:
        ExchangeError: one of its kinds, from every method.
    """

    venue: str

    async def status(self) -> None: ...

    async def load_markets(self) -> Listing: ...

    async def ticker(self, symbol: str) -> Quote: ...

    async def book(self, symbol: str) -> Book: ...

    async def candles(self, symbol: str, limit: int = 60) -> list[Candle]:
        """One-minute candles, the oldest first; the last one is still open."""
        ...

    async def create_order(self, order: Order, limit_price: float | None = None) -> Ticket:
        """Places a market order, or a limit order where there is a price. The client id is the order's."""
        ...

    async def fetch_order(self, symbol: str, client_id: str) -> Ticket: ...

    async def cancel_order(self, symbol: str, client_id: str) -> Ticket:
        """The order as it stands once it is cancelled; an order that was filled before stays filled."""
        ...
