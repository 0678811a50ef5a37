"""Everything the platform reports besides rate, errors and duration: one function or context manager for each fact.

Spans are context managers (`with facts.order(...) as order: order.status = "filled"`), or `facts.order(...).record(
start_unix_nano=..., end_unix_nano=...)` for one that is over. Events are functions. Metrics are objects to keep.
"""

from __future__ import annotations

from observatory_sdk.facts.ai import (
    Consensus,
    MemoryLookup,
    ModelCall,
    Sentiment,
    chat_turn,
    consensus_outcome,
    evaluation_result,
)
from observatory_sdk.facts.credits import Payment, cost, credit_transaction, profit_share
from observatory_sdk.facts.feeds import Feed, Pool, Queue, Redis, Websockets, subscriptions
from observatory_sdk.facts.market_data import bad_tick, feed_gap
from observatory_sdk.facts.platform import (
    Message,
    auth_attempt,
    config_changed,
    health_check,
    journal_entry,
    mock_served,
    onboarding_step,
    rate_limit_decision,
)
from observatory_sdk.facts.risk import Backtest, Correlation, LimitCheck, Optimisation, RiskCalculation, StressTest
from observatory_sdk.facts.safety import (
    breaker_transition,
    deployment,
    emergency_activated,
    failover,
    flag_evaluation,
    security_event,
    service_degraded,
)
from observatory_sdk.facts.signals import (
    Delivery,
    Signal,
    SignalBridge,
    SignalEvaluation,
    delivery_receipt,
    signal_outcome,
    subscription_changed,
)
from observatory_sdk.facts.strategies import (
    AssetDiscovery,
    AssetFilter,
    OpportunityScan,
    StrategyRun,
    StrategyTest,
    strategy_activated,
    strategy_deactivated,
    strategy_downloaded,
    strategy_reviewed,
    strategy_submitted,
)
from observatory_sdk.facts.trading import Coordination, ExchangeCall, Order, Routing, Sizing, order_state_changed

model_call = ModelCall
consensus = Consensus
memory_lookup = MemoryLookup
sentiment = Sentiment
signal = Signal
signal_evaluation = SignalEvaluation
signal_bridge = SignalBridge
delivery = Delivery
order = Order
routing = Routing
sizing = Sizing
coordination = Coordination
exchange_call = ExchangeCall
risk_calculation = RiskCalculation
limit_check = LimitCheck
correlation = Correlation
stress_test = StressTest
optimisation = Optimisation
backtest = Backtest
opportunity_scan = OpportunityScan
asset_discovery = AssetDiscovery
asset_filter = AssetFilter
strategy_run = StrategyRun
strategy_test = StrategyTest
payment = Payment
message = Message
feed = Feed
queue = Queue
websockets = Websockets
pool = Pool
redis = Redis

__all__ = [
    "asset_discovery",
    "asset_filter",
    "auth_attempt",
    "backtest",
    "bad_tick",
    "breaker_transition",
    "chat_turn",
    "config_changed",
    "consensus",
    "consensus_outcome",
    "coordination",
    "correlation",
    "cost",
    "credit_transaction",
    "delivery",
    "delivery_receipt",
    "deployment",
    "emergency_activated",
    "evaluation_result",
    "exchange_call",
    "failover",
    "feed",
    "feed_gap",
    "flag_evaluation",
    "health_check",
    "journal_entry",
    "limit_check",
    "memory_lookup",
    "message",
    "mock_served",
    "model_call",
    "onboarding_step",
    "opportunity_scan",
    "optimisation",
    "order",
    "order_state_changed",
    "payment",
    "pool",
    "profit_share",
    "queue",
    "rate_limit_decision",
    "redis",
    "risk_calculation",
    "routing",
    "security_event",
    "sentiment",
    "service_degraded",
    "signal",
    "signal_bridge",
    "signal_evaluation",
    "signal_outcome",
    "sizing",
    "strategy_activated",
    "strategy_deactivated",
    "strategy_downloaded",
    "strategy_reviewed",
    "strategy_run",
    "strategy_submitted",
    "strategy_test",
    "stress_test",
    "subscription_changed",
    "subscriptions",
    "websockets",
]
