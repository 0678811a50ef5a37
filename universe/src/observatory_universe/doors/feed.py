"""A venue's public stream."""

from dataclasses import dataclass
from typing import Final, Protocol

from observatory_universe.doors.exchange import Quote

LOOK_EVERY_S: Final = 0.4


@dataclass(frozen=True, slots=True)
class Trade:
    """One public trade as a stream brought it. `sequence` counts by 1 per venue and symbol."""

    symbol: str
    price: float
    quantity: float
    sequence: int
    event_time_ns: int
    received_ns: int


@dataclass(frozen=True, slots=True)
class Gap:
    """Trades that a stream left out, by their sequence numbers, between two event times."""

    symbol: str
    first_missing: int
    last_missing: int
    from_ns: int
    to_ns: int


@dataclass(frozen=True, slots=True)
class Reading:
    """What a stream brought since the last reading; `reconnects` and `gaps` are those since then too."""

    connected: bool
    trades: tuple[Trade, ...]
    quotes: tuple[Quote, ...]
    gaps: tuple[Gap, ...]
    reconnects: int


class Feed(Protocol):
    """One venue's public stream: trades and best prices of all symbols."""

    venue: str

    async def stream(self) -> None:
        """Keeps the connection, and makes it anew when it breaks, until it is cancelled."""
        ...

    def take(self) -> Reading: ...

    def next_look_s(self) -> float:
        """How long nothing will come that is worth a look: a client cannot know, and looks often."""
        ...
