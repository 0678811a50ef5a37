"""Orders, their states, routing, sizing, and the calls of exchanges."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Unpack

from opentelemetry import context, trace

from observatory_sdk.conventions import common, trading
from observatory_sdk.facts.checks import Money, Number
from observatory_sdk.facts.event_fact import Common, emit
from observatory_sdk.facts.leaf import LeafFact
from observatory_sdk.facts.span_fact import SpanFact, of

Side = Literal["buy", "sell"]
Mode = Literal["paper", "live"]
Status = Literal["filled", "partially_filled", "open", "cancelled", "rejected", "denied", "unknown"]
Source = Literal["ack", "stream", "poll", "reconciler"]
State = Literal[
    "intended",
    "sized",
    "approved",
    "submitted",
    "acknowledged",
    "partially_filled",
    "filled",
    "open",
    "cancelled",
    "rejected",
    "denied",
    "expired",
    "unknown",
]


_UNDER_WAY = context.create_key("observatory-order-under-way")


def order_under_way() -> bool:
    """Whether a call further out tells of the order that is placed here: one order is told of once."""
    return bool(context.get_value(_UNDER_WAY))


class Order(SpanFact):
    """One order from the moment it is taken up to its last known state; `fill` for each fill.

    Quantities are in the base asset, prices in the quote asset. `rejected` is the venue's word, `denied` ours.
    """

    fact = trading.ORDER

    exchange_id: str = of(common.EXCHANGE_ID)
    symbol: str = of(trading.SYMBOL)
    side: Side = of(trading.SIDE)
    type: str = of(trading.TYPE)
    mode: Mode = of(trading.MODE)
    client_id: str | None = of(trading.CLIENT_ID, default=None)
    quantity: Number | None = of(trading.QUANTITY, default=None)
    intended_quantity: Number | None = of(trading.INTENDED_QUANTITY, default=None)
    decision_price: Number | None = of(trading.DECISION_PRICE, default=None)
    arrival_mid: Number | None = of(trading.ARRIVAL_MID, default=None)
    average_price: Number | None = of(trading.AVERAGE_PRICE, default=None)
    filled_quantity: Number | None = of(trading.FILLED_QUANTITY, default=None)
    fee_usd: Money | None = of(trading.FEE, default=None)
    status: Status | None = of(trading.STATUS, default=None)
    reject_reason: str | None = of(trading.REJECT_REASON, default=None)
    simulated: bool | None = of(trading.SIMULATED, default=None)
    reference_price: Number | None = of(trading.REFERENCE_PRICE, default=None)
    strategy_id: str | None = of(common.STRATEGY_ID, default=None)
    portfolio_id: str | None = of(common.PORTFOLIO_ID, default=None)

    def _context(self, span: trace.Span) -> context.Context:
        return context.set_value(_UNDER_WAY, True, super()._context(span))

    def fill(
        self,
        *,
        price: Number,
        quantity: Number,
        fee_usd: Money | None = None,
        fill_id: str | None = None,
        venue_time_unix_nano: int | None = None,
    ) -> None:
        """One fill; `venue_time_unix_nano` in nanoseconds since 1970 UTC."""
        values = {
            trading.FILL_PRICE: price,
            trading.FILL_QUANTITY: quantity,
            trading.FILL_FEE: fee_usd,
            trading.FILL_ID: fill_id,
            trading.FILL_TIME: venue_time_unix_nano,
        }
        self._add(trading.FILL, values)


class Routing(SpanFact):
    """A venue is chosen."""

    fact = trading.ROUTE

    symbol: str = of(trading.ROUTE_SYMBOL)
    venues: Sequence[str] | None = of(trading.ROUTE_VENUES, default=None)
    chosen: str | None = of(trading.ROUTE_CHOSEN, default=None)
    expected_price: Number | None = of(trading.ROUTE_PRICE, default=None)


class Sizing(SpanFact):
    """A quantity is settled; `binding_limit` only when a limit bound."""

    fact = trading.SIZE

    symbol: str = of(trading.SIZE_SYMBOL)
    intended: Number = of(trading.SIZE_INTENDED)
    allowed: Number | None = of(trading.SIZE_ALLOWED, default=None)
    binding_limit: str | None = of(trading.SIZE_LIMIT, default=None)
    strategy_id: str | None = of(common.STRATEGY_ID, default=None)
    portfolio_id: str | None = of(common.PORTFOLIO_ID, default=None)


class Coordination(SpanFact):
    """Intents of several strategies are brought together."""

    fact = trading.COORDINATE

    conflicts: int | None = of(trading.COORDINATE_CONFLICTS, default=None)
    netted: Number | None = of(trading.COORDINATE_NETTED, default=None)
    portfolio_id: str | None = of(common.PORTFOLIO_ID, default=None)


class ExchangeCall(LeafFact):
    """One HTTP call of a venue. HTTP instrumentations below it stay silent. Rate limits: the venue's own headers."""

    fact = trading.EXCHANGE_CALL
    span_kind = trace.SpanKind.CLIENT
    leaf = "exchange"

    exchange_id: str = of(common.EXCHANGE_ID)
    operation: str = of(trading.OPERATION)
    rate_limit_used: Number | None = of(trading.RATE_USED, default=None)
    rate_limit_limit: Number | None = of(trading.RATE_LIMIT, default=None)
    rate_limit_headroom_ratio: Number | None = of(trading.RATE_HEADROOM, default=None)
    rate_limit_retry_after_s: Number | None = of(trading.RATE_RETRY_AFTER, default=None)
    http_method: str | None = of(trading.HTTP_METHOD, default=None)
    http_status: int | None = of(trading.HTTP_STATUS, default=None)
    resend_count: int | None = of(trading.HTTP_RESENDS, default=None)
    server_address: str | None = of(common.SERVER_ADDRESS, default=None)

    def span_name(self) -> str:
        return f"exchange {self.operation}"


def order_state_changed(
    *,
    client_id: str,
    to: State,
    source: Source,
    from_: State | None = None,
    exchange_id: str | None = None,
    symbol: str | None = None,
    side: Side | None = None,
    type: str | None = None,
    mode: Mode | None = None,
    venue_time_unix_nano: int | None = None,
    value_at_risk_usd: Money | None = None,
    reject_reason: str | None = None,
    strategy_id: str | None = None,
    **also: Unpack[Common],
) -> None:
    """An order goes from one state to another; `value_at_risk_usd` while it is unknown."""
    values = {
        trading.CLIENT_ID: client_id,
        trading.STATE_FROM: from_,
        trading.STATE_TO: to,
        trading.STATE_SOURCE: source,
        common.EXCHANGE_ID: exchange_id,
        trading.SYMBOL: symbol,
        trading.SIDE: side,
        trading.TYPE: type,
        trading.MODE: mode,
        trading.STATE_TIME: venue_time_unix_nano,
        trading.STATE_RISK: value_at_risk_usd,
        trading.REJECT_REASON: reject_reason,
        common.STRATEGY_ID: strategy_id,
    }
    emit(trading.STATE_CHANGED, values, also)
