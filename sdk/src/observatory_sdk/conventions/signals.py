"""Trading signals from the market event to the profit."""

from __future__ import annotations

from observatory_sdk.conventions.common import MESSAGING_SYSTEM, ORDER_ID, SIGNAL_ID, STRATEGY_ID
from observatory_sdk.conventions.model import (
    Instrument,
    Metric,
    count,
    event,
    flag,
    instant,
    money,
    number,
    ratio,
    seconds,
    span,
    text,
)

TYPE = text("signal.type", "The kind of signal, such as `momentum`.")
SYMBOL = text("signal.symbol", "The pair, such as `BTC/USDT`.")
SIDE = text("signal.side", "What it advises.", "buy", "sell", "hold")
CONFIDENCE = ratio("signal.confidence", "How sure the generator is.")
QUALITY = ratio("signal.quality_score", "Quality as scored when it was made.")
MARKET_EVENT_TIME = instant(
    "signal.market_event.time_unix_nano",
    "When the market event behind it happened; latency is the span's end minus it.",
)

ACCEPTED = flag("signal.evaluation.accepted", "The signal passed.")
EVALUATION_REASON = text("signal.evaluation.reason", "Why it passed or not, in a fixed word.")
EVALUATION_SCORE = ratio("signal.evaluation.score", "The evaluation's score.")
BRIDGE_ACCEPTED = flag("signal.bridge.accepted", "The signal became an order.")
BRIDGE_REASON = text("signal.bridge.reason", "Why it became one or not, in a fixed word.")

DELIVERY_STATUS = text("signal.delivery.status", "What the channel answered.", "accepted", "failed", "dead_letter")
DELIVERY_ATTEMPT = count("signal.delivery.attempt", "Which attempt this is, from 1.")
DELIVERY_RETRY_AFTER = seconds("signal.delivery.retry_after_s", "How long the channel told us to wait.")
RECEIPT_STATUS = text(
    "signal.receipt.status", "What became of it at the receiver's end.", "delivered", "seen", "bounced", "unknown"
)
RECEIPT_TIME = instant("signal.receipt.time_unix_nano", "When the receiver's end says so.")

OUTCOME_RETURN = number("signal.outcome.return_ratio", "What came of the signal, as a share of what was staked.")
OUTCOME_PNL = money("signal.outcome.pnl_usd", "Profit or loss that came of the signal.")
OUTCOME_WON = flag("signal.outcome.won", "The signal made money.")
OUTCOME_HORIZON = seconds("signal.outcome.horizon_s", "Over how long it was judged.")

SUBSCRIPTION_ACTION = text("signal.subscription.action", "What changed.", "subscribed", "cancelled")
SUBSCRIPTION_CHANNEL = text("signal.subscription.channel", "The signal channel that is subscribed.")
SUBSCRIPTION_PLAN = text("signal.subscription.plan", "The plan it runs under.")

SIGNAL = span(
    "signal.generate",
    "A signal is made.",
    "signal_generation_engine",
    TYPE,
    STRATEGY_ID,
    SYMBOL,
    SIDE,
    CONFIDENCE,
    QUALITY,
    MARKET_EVENT_TIME,
)
EVALUATION = span(
    "signal.evaluate",
    "A signal is judged before it goes out.",
    "signal_evaluation_service",
    ACCEPTED,
    EVALUATION_REASON,
    EVALUATION_SCORE,
    TYPE,
    STRATEGY_ID,
    SYMBOL,
)
BRIDGE = span(
    "signal.bridge",
    "A signal is handed over to execution.",
    "signal_execution_bridge",
    BRIDGE_ACCEPTED,
    BRIDGE_REASON,
    ORDER_ID,
    TYPE,
    STRATEGY_ID,
    SYMBOL,
    SIDE,
)
DELIVERY = span(
    "signal.deliver",
    "One attempt to send a signal over one channel.",
    "signal_delivery_service telegram_core email_service websocket_service",
    MESSAGING_SYSTEM,
    DELIVERY_STATUS,
    DELIVERY_ATTEMPT,
    DELIVERY_RETRY_AFTER,
    TYPE,
)
RECEIPT = event(
    "signal.delivery.receipt",
    "The receiver's end tells what became of a signal.",
    "signal_delivery_service",
    SIGNAL_ID,
    MESSAGING_SYSTEM,
    RECEIPT_STATUS,
    RECEIPT_TIME,
)
OUTCOME = event(
    "signal.outcome",
    "What came of an earlier signal.",
    "signal_performance_service real_performance_tracker",
    SIGNAL_ID,
    OUTCOME_RETURN,
    OUTCOME_PNL,
    OUTCOME_WON,
    OUTCOME_HORIZON,
    TYPE,
    STRATEGY_ID,
    SYMBOL,
)
SUBSCRIPTION = event(
    "signal.subscription.changed",
    "A user subscribes to signals or cancels.",
    "signal_channel_service",
    SUBSCRIPTION_ACTION,
    SUBSCRIPTION_CHANNEL,
    SUBSCRIPTION_PLAN,
)
SUBSCRIPTIONS_ACTIVE = Metric(
    "signal.subscriptions.active",
    Instrument.GAUGE,
    "{subscription}",
    "Subscriptions that run.",
    ("signal_channel_service",),
    (SUBSCRIPTION_CHANNEL, SUBSCRIPTION_PLAN),
)
