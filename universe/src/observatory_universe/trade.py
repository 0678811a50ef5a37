"""What the services hand each other on the way from a market event to a booked profit."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from opentelemetry.trace import SpanContext, TraceFlags

from observatory_universe.market import MarketEvent

Side = Literal["buy", "sell"]
Mode = Literal["paper", "live"]
OrderType = Literal["market", "limit"]
OrderStatus = Literal["new", "denied", "open", "partially_filled", "filled", "cancelled", "rejected", "unknown"]

_MICRO_USD = Decimal("0.000001")


def usd(amount: float) -> Decimal:
    """An amount of money as an exact decimal, to the millionth of a dollar."""
    return Decimal(repr(round(amount, 6))).quantize(_MICRO_USD)


@dataclass(frozen=True, slots=True)
class Signal:
    """One trading signal. `confidence` and `quality_score` go from 0 to 1."""

    id: str
    kind: str
    symbol: str
    side: Side
    strategy_id: str
    confidence: float
    quality_score: float
    decision_price: float
    event: MarketEvent


@dataclass(frozen=True, slots=True)
class Verdict:
    """What several models decided together. `confidence` and `agreement_ratio` go from 0 to 1."""

    decision_id: str
    decision: str
    confidence: float
    agreement_ratio: float


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution of a part of an order, with the venue's id and time. Prices in USD."""

    id: str
    quantity: float
    price: float
    fee_usd: Decimal
    venue_time_ns: int | None = None


@dataclass(slots=True)
class Order:
    """One order on its way. Quantities in units of the base asset, prices in USD. `closes`: it ends a position."""

    id: str
    client_id: str
    user_id: str
    symbol: str
    side: Side
    mode: Mode
    strategy_id: str
    signal_id: str
    decision_id: str | None
    intended_quantity: float
    decision_price: float
    quantity: float = 0.0
    venue: str = ""
    closes: bool = False
    type: OrderType = "market"
    status: OrderStatus = "new"
    reject_reason: str | None = None
    fills: list[Fill] = field(default_factory=list)

    @property
    def filled_quantity(self) -> float:
        return sum(fill.quantity for fill in self.fills)

    @property
    def average_price(self) -> float:
        """The mean price of what was filled; 0 before the first fill."""
        filled = self.filled_quantity
        return sum(fill.quantity * fill.price for fill in self.fills) / filled if filled else 0.0

    @property
    def fee_usd(self) -> Decimal:
        return sum((fill.fee_usd for fill in self.fills), Decimal(0))


@dataclass(frozen=True, slots=True)
class Place:
    """A span's place in its trace, as plain hexadecimal text that can be stored and sent."""

    trace_id: str
    span_id: str

    @classmethod
    def of(cls, span: SpanContext) -> "Place":
        return cls(f"{span.trace_id:032x}", f"{span.span_id:016x}")

    def context(self) -> SpanContext:
        """As OpenTelemetry wants it for a link."""
        return SpanContext(
            int(self.trace_id, 16), int(self.span_id, 16), is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED)
        )


@dataclass(frozen=True, slots=True)
class Position:
    """What a user holds of one symbol because of one signal. A short position has the side `sell`.

    `opened_by` is the place of the opening order in its trace, for the link from the closing one.
    """

    symbol: str
    side: Side
    quantity: float
    entry_price: float
    fee_usd: Decimal
    opened_at_s: float
    strategy_id: str
    signal_id: str
    decision_id: str | None
    venue: str
    opened_by: Place | None

    def profit_usd(self, exit_price: float, exit_fee_usd: Decimal) -> Decimal:
        """What closing at this price earns after the fees of both orders."""
        sign = 1 if self.side == "buy" else -1
        return usd(sign * (exit_price - self.entry_price) * self.quantity) - self.fee_usd - exit_fee_usd


def opposite(side: Side) -> Side:
    return "sell" if side == "buy" else "buy"
