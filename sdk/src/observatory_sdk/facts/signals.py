"""Trading signals from the market event to the profit."""

from __future__ import annotations

from typing import Literal, Unpack

from opentelemetry import trace

from observatory_sdk.conventions import common, signals
from observatory_sdk.facts.checks import Money, Number
from observatory_sdk.facts.event_fact import Common, emit
from observatory_sdk.facts.span_fact import SpanFact, of


class Signal(SpanFact):
    """A signal is made. `market_event_unix_nano`: when the market event behind it happened (ns since 1970 UTC)."""

    fact = signals.SIGNAL

    type: str = of(signals.TYPE)
    symbol: str = of(signals.SYMBOL)
    side: Literal["buy", "sell", "hold"] | None = of(signals.SIDE, default=None)
    strategy_id: str | None = of(common.STRATEGY_ID, default=None)
    confidence: Number | None = of(signals.CONFIDENCE, default=None)
    quality_score: Number | None = of(signals.QUALITY, default=None)
    market_event_unix_nano: int | None = of(signals.MARKET_EVENT_TIME, default=None)


class SignalEvaluation(SpanFact):
    """A signal is judged before it goes out."""

    fact = signals.EVALUATION

    accepted: bool | None = of(signals.ACCEPTED, default=None)
    reason: str | None = of(signals.EVALUATION_REASON, default=None)
    score: Number | None = of(signals.EVALUATION_SCORE, default=None)
    type: str | None = of(signals.TYPE, default=None)
    symbol: str | None = of(signals.SYMBOL, default=None)
    strategy_id: str | None = of(common.STRATEGY_ID, default=None)


class SignalBridge(SpanFact):
    """A signal is handed over to execution; `order_id` when it became an order."""

    fact = signals.BRIDGE

    accepted: bool | None = of(signals.BRIDGE_ACCEPTED, default=None)
    reason: str | None = of(signals.BRIDGE_REASON, default=None)
    type: str | None = of(signals.TYPE, default=None)
    symbol: str | None = of(signals.SYMBOL, default=None)
    side: Literal["buy", "sell", "hold"] | None = of(signals.SIDE, default=None)
    strategy_id: str | None = of(common.STRATEGY_ID, default=None)


class Delivery(SpanFact):
    """One attempt to send a signal over one channel; `accepted` says only that the channel took it."""

    fact = signals.DELIVERY
    span_kind = trace.SpanKind.PRODUCER

    channel: str = of(common.MESSAGING_SYSTEM)
    attempt: int = of(signals.DELIVERY_ATTEMPT)
    status: Literal["accepted", "failed", "dead_letter"] | None = of(signals.DELIVERY_STATUS, default=None)
    retry_after_s: Number | None = of(signals.DELIVERY_RETRY_AFTER, default=None)
    type: str | None = of(signals.TYPE, default=None)


def delivery_receipt(
    *,
    channel: str,
    status: Literal["delivered", "seen", "bounced", "unknown"],
    received_unix_nano: int | None = None,
    **also: Unpack[Common],
) -> None:
    """The receiver's end tells what became of a signal; give `signal_id`. Never a copy of `accepted`."""
    values = {
        common.MESSAGING_SYSTEM: channel,
        signals.RECEIPT_STATUS: status,
        signals.RECEIPT_TIME: received_unix_nano,
    }
    emit(signals.RECEIPT, values, also)


def signal_outcome(
    *,
    won: bool,
    return_ratio: Number | None = None,
    pnl_usd: Money | None = None,
    horizon_s: Number | None = None,
    type: str | None = None,
    strategy_id: str | None = None,
    symbol: str | None = None,
    **also: Unpack[Common],
) -> None:
    """What came of an earlier signal; give `signal_id`."""
    values = {
        signals.OUTCOME_WON: won,
        signals.OUTCOME_RETURN: return_ratio,
        signals.OUTCOME_PNL: pnl_usd,
        signals.OUTCOME_HORIZON: horizon_s,
        signals.TYPE: type,
        common.STRATEGY_ID: strategy_id,
        signals.SYMBOL: symbol,
    }
    emit(signals.OUTCOME, values, also)


def subscription_changed(
    *, action: Literal["subscribed", "cancelled"], channel: str, plan: str | None = None, **also: Unpack[Common]
) -> None:
    """A user subscribes to a signal channel or cancels."""
    values = {
        signals.SUBSCRIPTION_ACTION: action,
        signals.SUBSCRIPTION_CHANNEL: channel,
        signals.SUBSCRIPTION_PLAN: plan,
    }
    emit(signals.SUBSCRIPTION, values, also)
