"""Orders as a venue keeps them, and how they meet its book."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, Literal

from observatory_universe.doors.exchange import Book, Ticket, TicketStatus
from observatory_universe.trade import Fill, Side, usd

# What is left below this is filled: quantities are kept to 8 decimals.
_NOTHING: Final = 5e-9


@dataclass(slots=True)
class Placed:
    """One order. `id` consists of digits. Prices in USD, quantities in the base asset, times in ns since 1970."""

    id: str
    client_id: str
    symbol: str
    side: Side
    kind: Literal["market", "limit"]
    quantity: float
    limit_price: float | None
    created_ns: int
    updated_ns: int
    fills: list[Fill] = field(default_factory=list)
    is_cancelled: bool = False

    @property
    def filled_quantity(self) -> float:
        return round(sum(fill.quantity for fill in self.fills), 8)

    @property
    def remaining(self) -> float:
        return self.quantity - self.filled_quantity

    @property
    def value_usd(self) -> float:
        """What the fills cost or brought, without fees."""
        return sum(fill.quantity * fill.price for fill in self.fills)

    @property
    def average_price(self) -> float:
        """The mean price of what was filled; 0 before the first fill."""
        filled = self.filled_quantity
        return self.value_usd / filled if filled else 0.0

    @property
    def fee_usd(self) -> Decimal:
        return sum((fill.fee_usd for fill in self.fills), Decimal(0))

    @property
    def status(self) -> TicketStatus:
        if self.remaining < _NOTHING:
            return "filled"
        if self.is_cancelled:
            return "cancelled"
        return "partially_filled" if self.fills else "open"

    @property
    def is_working(self) -> bool:
        """Whether it may still be filled."""
        return self.status in ("open", "partially_filled")

    def ticket(self) -> Ticket:
        """The order as a door hands it on."""
        return Ticket(self.id, self.client_id, self.status, tuple(self.fills), self.updated_ns)

    def fill(self, id: str, quantity: float, price: float, fee_ratio: float, time_ns: int) -> None:
        """Adds one execution."""
        self.fills.append(Fill(id, round(quantity, 8), price, usd(quantity * price * fee_ratio), time_ns))
        self.updated_ns = time_ns


def walked(book: Book, side: Side, quantity: float, limit_price: float | None) -> list[tuple[float, float]]:
    """What an order takes from the book, as (price, quantity): level by level, no worse than its limit.

    A market order that is larger than the book takes the rest at the last level.
    """
    taken: list[tuple[float, float]] = []
    left = quantity
    for price, offered in book.asks if side == "buy" else book.bids:
        if limit_price is not None and (price > limit_price if side == "buy" else price < limit_price):
            return taken
        part = round(min(left, offered), 8)
        if part > 0:
            taken.append((price, part))
        left = round(left - part, 8)
        if left < _NOTHING:
            return taken
    if limit_price is None and taken:
        taken[-1] = (taken[-1][0], taken[-1][1] + left)
    return taken
