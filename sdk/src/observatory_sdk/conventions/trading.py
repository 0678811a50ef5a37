"""Orders, their states, routing, sizing, and the calls of exchanges."""

from __future__ import annotations

from observatory_sdk.conventions.common import EXCHANGE_ID, PORTFOLIO_ID, SERVER_ADDRESS, STRATEGY_ID
from observatory_sdk.conventions.model import (
    count,
    event,
    flag,
    instant,
    money,
    number,
    ratio,
    seconds,
    span,
    span_event,
    text,
    texts,
)

CLIENT_ID = text("order.client_id", "Our own id of the order, known to the venue.")
SYMBOL = text("order.symbol", "The pair, such as `BTC/USDT`.")
SIDE = text("order.side", "The direction.", "buy", "sell")
TYPE = text("order.type", "The order type, such as `market` or `limit`.")
MODE = text("order.mode", "Whether real money moves.", "paper", "live")
QUANTITY = number("order.quantity", "Quantity sent, in the base asset.", "{base}", minimum=0)
INTENDED_QUANTITY = number("order.intended_quantity", "Quantity wanted before sizing and risk.", "{base}", minimum=0)
DECISION_PRICE = number("order.decision_price", "Price when the decision was made.", "{quote}", minimum=0)
ARRIVAL_MID = number("order.arrival_mid", "Mid price when the order started.", "{quote}", minimum=0)
AVERAGE_PRICE = number("order.average_price", "Average price of the fills.", "{quote}", minimum=0)
REFERENCE_PRICE = number("order.reference_price", "The venue's last price.", "{quote}", minimum=0)
FILLED_QUANTITY = number("order.filled_quantity", "Quantity filled, in the base asset.", "{base}", minimum=0)
FEE = money("order.fee_usd", "Fees of the order.")
STATUS = text(
    "order.status",
    "Its last known state; `rejected` by the venue, `denied` by us.",
    "filled",
    "partially_filled",
    "open",
    "cancelled",
    "rejected",
    "denied",
    "unknown",
)
REJECT_REASON = text("order.reject_reason", "Why it was rejected or denied, in a fixed word.")
SIMULATED = flag("order.simulated", "A live request was answered by a simulation.")

FILL_ID = text("order.fill.id", "The venue's id of the fill.")
FILL_PRICE = number("order.fill.price", "Price of the fill.", "{quote}", minimum=0)
FILL_QUANTITY = number("order.fill.quantity", "Quantity of the fill, in the base asset.", "{base}", minimum=0)
FILL_FEE = money("order.fill.fee_usd", "Fee of the fill.")
FILL_TIME = instant("order.fill.venue_time_unix_nano", "When the venue says it happened.")

STATES = (
    "intended sized approved submitted acknowledged partially_filled filled open cancelled rejected denied expired"
    " unknown"
)
STATE_FROM = text("order.state.from", "The state before.", *STATES.split())
STATE_TO = text("order.state.to", "The state after.", *STATES.split())
STATE_TIME = instant("order.state.venue_time_unix_nano", "When the venue says it happened.")
STATE_SOURCE = text("order.state.source", "Who told us.", "ack", "stream", "poll", "reconciler")
STATE_RISK = money("order.state.value_at_risk_usd", "Value that is in doubt while the state is unknown.")

ROUTE_SYMBOL = text("order.route.symbol", "The pair that is routed.")
ROUTE_VENUES = texts("order.route.venues", "Venues considered.")
ROUTE_CHOSEN = text("order.route.chosen", "The venue chosen.")
ROUTE_PRICE = number("order.route.expected_price", "Price expected there.", "{quote}", minimum=0)

SIZE_SYMBOL = text("position.size.symbol", "The pair that is sized.")
SIZE_INTENDED = number("position.size.intended", "Quantity wanted, in the base asset.", "{base}", minimum=0)
SIZE_ALLOWED = number("position.size.allowed", "Quantity allowed, in the base asset.", "{base}", minimum=0)
SIZE_LIMIT = text("position.size.binding_limit", "The limit that bound, absent when none did.")

COORDINATE_CONFLICTS = count("strategy.coordinate.conflicts", "Intents of strategies that contradict each other.")
COORDINATE_NETTED = number("strategy.coordinate.netted", "Quantity netted out between strategies.", "{base}", minimum=0)

OPERATION = text("exchange.operation", "What was asked of the venue, such as `create_order` or `fetch_ticker`.")
RATE_USED = number("exchange.rate_limit.used", "Weight used, from the venue's own headers.", minimum=0)
RATE_LIMIT = number("exchange.rate_limit.limit", "Weight allowed.", minimum=0)
RATE_HEADROOM = ratio("exchange.rate_limit.headroom_ratio", "Share of the weight allowed that is left.")
RATE_RETRY_AFTER = seconds("exchange.rate_limit.retry_after_s", "How long the venue told us to wait.")
HTTP_METHOD = text("http.request.method", "The HTTP method.")
HTTP_STATUS = count("http.response.status_code", "The HTTP status.")
HTTP_RESENDS = count("http.request.resend_count", "How often the same request was sent before. Absent the first time.")

ORDER = span(
    "order.execute",
    "One order from the moment it is taken up to its last known state.",
    "trade_execution_service paper_trading_engine",
    EXCHANGE_ID,
    CLIENT_ID,
    SYMBOL,
    SIDE,
    TYPE,
    MODE,
    QUANTITY,
    INTENDED_QUANTITY,
    DECISION_PRICE,
    ARRIVAL_MID,
    AVERAGE_PRICE,
    FILLED_QUANTITY,
    FEE,
    STATUS,
    REJECT_REASON,
    SIMULATED,
    REFERENCE_PRICE,
    STRATEGY_ID,
    PORTFOLIO_ID,
)
FILL = span_event(
    "order.fill",
    "One fill of an order.",
    "trade_execution_service paper_trading_engine",
    FILL_ID,
    FILL_PRICE,
    FILL_QUANTITY,
    FILL_FEE,
    FILL_TIME,
)
STATE_CHANGED = event(
    "order.state.changed",
    "An order goes from one state to another.",
    "trade_execution_service",
    CLIENT_ID,
    EXCHANGE_ID,
    SYMBOL,
    SIDE,
    TYPE,
    MODE,
    STATE_FROM,
    STATE_TO,
    STATE_TIME,
    STATE_SOURCE,
    STATE_RISK,
    REJECT_REASON,
    STRATEGY_ID,
)
ROUTE = span(
    "order.route",
    "A venue is chosen.",
    "binance_smart_router",
    ROUTE_SYMBOL,
    ROUTE_VENUES,
    ROUTE_CHOSEN,
    ROUTE_PRICE,
)
SIZE = span(
    "position.size",
    "A quantity is settled.",
    "position_sizing_engine",
    SIZE_SYMBOL,
    SIZE_INTENDED,
    SIZE_ALLOWED,
    SIZE_LIMIT,
    STRATEGY_ID,
    PORTFOLIO_ID,
)
COORDINATE = span(
    "strategy.coordinate",
    "Intents of several strategies are brought together.",
    "cross_strategy_coordinator",
    COORDINATE_CONFLICTS,
    COORDINATE_NETTED,
    PORTFOLIO_ID,
)
EXCHANGE_CALL = span(
    "exchange.call",
    "One HTTP call of a venue. The span is named by its operation, as `exchange fetch_ticker`.",
    "real_market_data_service trade_execution_service dynamic_exchange_discovery exchange_universe_service",
    EXCHANGE_ID,
    OPERATION,
    RATE_USED,
    RATE_LIMIT,
    RATE_HEADROOM,
    RATE_RETRY_AFTER,
    HTTP_METHOD,
    HTTP_STATUS,
    HTTP_RESENDS,
    SERVER_ADDRESS,
)
