"""Every fact that is no fault is reported within a minute, with values that belong together."""

import statistics
from decimal import Decimal
from typing import Any

import pytest

from observatory_sdk.conventions import FACTS, METRICS, Kind

# A calm universe has none of these: they tell of faults, of attacks, or of changes made from outside.
NOT_WHEN_CALM = {
    "market_data.gap",
    "market_data.bad_tick",
    "emergency.activated",
    "circuit_breaker.transition",
    "failover",
    "service.degraded",
    "deployment",
    "feature_flag.evaluation",
    "security.event",
}
# The SDK reads these from the process by itself, or reports them only after something was lost.
FROM_THE_SDK = {
    "observatory.service.heartbeat",
    "observatory.sdk.losses",
    "observatory.service.cpu.time",
    "process.cpu.time",
    "process.memory.usage",
    "process.thread.count",
}
EXCHANGES = {"binance", "kraken", "kucoin", "coinbase"}


def _seen(recording: Any) -> set[str]:
    seen = {span.name for span in recording.spans}
    seen |= {event.name for span in recording.spans for event in span.events}
    seen |= {log.log_record.event_name for log in recording.logs}
    # These two are named by what is called.
    seen |= {"gen_ai.client.inference" for span in recording.spans if "gen_ai.request.model" in span.attributes}
    return seen | {"exchange.call" for span in recording.spans if "exchange.operation" in span.attributes}


def test_every_fact_that_is_no_fault_is_reported_within_a_minute(minute: Any) -> None:
    declared = {fact.name for fact in FACTS}
    assert declared >= NOT_WHEN_CALM
    assert declared - NOT_WHEN_CALM - _seen(minute) == set()


def test_a_calm_universe_tells_of_no_fault(minute: Any) -> None:
    assert _seen(minute) & NOT_WHEN_CALM == set()


def test_each_fact_is_told_by_a_service_that_owns_it(minute: Any) -> None:
    by_name = {fact.name: fact for fact in FACTS if fact.kind is Kind.SPAN}
    for span in minute.spans:
        fact = by_name.get(span.name)
        if fact is not None:
            assert span.attributes["observatory.service"] in fact.owners, span.name
    events = {fact.name: fact for fact in FACTS if fact.kind is Kind.EVENT}
    for log in minute.logs:
        fact = events[log.log_record.event_name]
        assert log.log_record.attributes["observatory.service"] in fact.owners, fact.name


def test_the_sdk_refused_nothing(minute: Any) -> None:
    assert [span.name for span in minute.spans if "observatory.invalid" in span.attributes] == []
    assert [log for log in minute.logs if "observatory.invalid" in log.log_record.attributes] == []
    assert minute.losses == {}


def test_every_metric_is_reported(minute: Any) -> None:
    reported = {point.metric for point in minute.points}
    # Nobody reconnects while nothing breaks.
    expected = {metric.name for metric in METRICS} - FROM_THE_SDK - {"market_data.reconnects"}
    assert expected - reported == set()


def test_each_exchange_and_symbol_has_a_feed_that_flows(minute: Any) -> None:
    for metric in ("market_data.messages", "market_data.lag", "market_data.connection.up"):
        points = [point for point in minute.points if point.metric == metric]
        assert {point.attributes["exchange.id"] for point in points} == EXCHANGES
        assert len({point.attributes["market_data.symbol"] for point in points}) == 6
        assert len(points) == 24
        assert all(point.value > 0 for point in points)


def test_model_calls_follow_the_conventions_and_carry_their_tokens(minute: Any) -> None:
    calls = [span for span in minute.spans if "gen_ai.request.model" in span.attributes]
    assert {call.attributes["gen_ai.provider.name"] for call in calls} == {"openai", "anthropic", "gcp.gemini"}
    for call in calls:
        found = call.attributes
        assert call.name == f"{found['gen_ai.operation.name']} {found['gen_ai.request.model']}"
        assert found["gen_ai.usage.input_tokens"] > found.get("gen_ai.usage.cache_read.input_tokens", 0)
        assert found["gen_ai.usage.output_tokens"] > 0
        assert found["gen_ai.response.finish_reasons"] == ("stop",)


def test_a_consensus_says_what_its_votes_say(minute: Any) -> None:
    decisions = minute.named("ai.consensus.decide")
    assert decisions
    for decision in decisions:
        votes = [event.attributes for event in decision.events if event.name == "ai.consensus.vote"]
        decided = decision.attributes["ai.consensus.decision"]
        agreeing = [vote for vote in votes if vote["ai.consensus.vote.decision"] == decided]
        sure = [vote["ai.consensus.vote.confidence"] for vote in agreeing]
        assert len(votes) == len(decision.attributes["ai.consensus.models"]) == 3
        assert decision.attributes["ai.consensus.agreement_ratio"] == len(agreeing) / 3
        assert decision.attributes["ai.consensus.confidence"] == pytest.approx(statistics.fmean(sure))


def test_order_prices_come_from_one_market(minute: Any) -> None:
    orders = [span.attributes for span in minute.named("order.execute") if span.attributes["order.status"] == "filled"]
    slippages_bps = []
    for order in orders:
        sign = 1 if order["order.side"] == "buy" else -1
        slippage_bps = sign * (order["order.average_price"] / order["order.arrival_mid"] - 1) * 10_000
        slippages_bps.append(slippage_bps)
        assert abs(order["order.decision_price"] / order["order.arrival_mid"] - 1) < 0.01
        assert 0 < order["order.quantity"] <= order["order.intended_quantity"]
        assert order["order.filled_quantity"] <= order["order.quantity"] * (1 + 1e-9)
        assert order["order.simulated"] is False
    assert len(orders) > 50
    assert sorted(slippages_bps)[int(0.95 * len(orders))] < 20
    assert statistics.fmean(slippages_bps) > 0


def test_an_order_is_the_sum_of_its_fills(minute: Any) -> None:
    for span in minute.named("order.execute"):
        fills = [event.attributes for event in span.events if event.name == "order.fill"]
        quantity = sum(fill["order.fill.quantity"] for fill in fills)
        fee_usd = sum((Decimal(fill["order.fill.fee_usd"]) for fill in fills), Decimal(0))
        if span.attributes["order.status"] == "filled":
            turnover = sum(fill["order.fill.quantity"] * fill["order.fill.price"] for fill in fills)
            assert abs(turnover / quantity / span.attributes["order.average_price"] - 1) < 1e-9
            assert Decimal(span.attributes["order.fee_usd"]) == fee_usd


def test_spending_stays_far_below_the_alarm(minute: Any) -> None:
    charged_usd = sum(Decimal(str(event["cost.amount_usd"])) for event in minute.events("cost.charge"))
    assert 0 < charged_usd * 60 < 20
    tokens = sum(
        span.attributes["gen_ai.usage.input_tokens"] + 4 * span.attributes["gen_ai.usage.output_tokens"]
        for span in minute.spans
        if "gen_ai.request.model" in span.attributes
    )
    # No model of the universe costs more than 3 USD per million tokens in, and five times that out.
    assert tokens * 60 / 1_000_000 * 3.75 < 30
