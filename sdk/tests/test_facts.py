"""Every fact, sent once with everything it can say, held against its declaration."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import pytest
from opentelemetry.trace import SpanKind, StatusCode

import observatory_sdk as obs
from observatory_sdk import conventions, facts, frame
from observatory_sdk.conventions import Attribute, Fact, Kind, Type, common
from observatory_sdk.facts.span_fact import SpanFact

CLASSES = [
    value
    for name, value in vars(facts).items()
    if name in facts.__all__ and isinstance(value, type) and issubclass(value, SpanFact)
]
SAMPLES: Mapping[Type, Any] = {
    Type.TEXT: "some_word",
    Type.TEXTS: ["first", "second"],
    Type.INTEGER: 3,
    Type.NUMBER: 0.75,
    Type.FLAG: True,
    Type.MONEY: Decimal("12.3400"),
    Type.INSTANT: 1_700_000_000_000_000_001,
}
ON_THE_WIRE: Mapping[Type, type] = {
    Type.TEXT: str,
    Type.TEXTS: tuple,
    Type.INTEGER: int,
    Type.NUMBER: float,
    Type.FLAG: bool,
    Type.MONEY: str,
    Type.INSTANT: int,
}
ALSO = {
    "user_id": "u1",
    "user_cohort": "beta",
    "user_plan": "pro",
    "decision_id": "d1",
    "signal_id": "s1",
    "order_id": "o1",
}
FEED = {"exchange_id": "binance", "channel": "trades", "symbol": "BTC/USDT"}
CHANGE = {"name": "exchange_breaker", "from_": "closed", "to": "open", "reason": "errors", "duration_s": 1.5}
STRATEGY = {"strategy_id": "st1", "publisher": "p1", "status": "passed"}
ORDER = {"exchange_id": "binance", "symbol": "BTC/USDT", "side": "buy", "type": "market", "mode": "live"}
START, END = 1_700_000_000_000_000_000, 1_700_000_002_000_000_000

EVENTS: Mapping[str, tuple[Callable[..., None], dict[str, Any]]] = {
    "ai.consensus.outcome": (
        facts.consensus_outcome,
        {"correct": True, "return_ratio": -0.1, "pnl_usd": Decimal("-3.5")},
    ),
    "chat.turn": (
        facts.chat_turn,
        {
            "conversation_id": "c1",
            "turn": 1,
            "channel": "web",
            "intent": "trade",
            "rating": 4,
            "re_asked": False,
            "abandoned": False,
            "action": "trade_confirmed",
        },
    ),
    "gen_ai.evaluation.result": (
        facts.evaluation_result,
        {"name": "relevance", "score": 0.9, "label": "pass", "conversation_id": "c1", "response_id": "r1"},
    ),
    "signal.delivery.receipt": (
        facts.delivery_receipt,
        {"channel": "telegram", "status": "seen", "received_unix_nano": END},
    ),
    "signal.outcome": (
        facts.signal_outcome,
        {
            "won": False,
            "return_ratio": -0.02,
            "pnl_usd": Decimal("-1.00"),
            "horizon_s": 3600,
            "type": "momentum",
            "strategy_id": "st1",
            "symbol": "BTC/USDT",
        },
    ),
    "signal.subscription.changed": (
        facts.subscription_changed,
        {"action": "cancelled", "channel": "momentum_daily", "plan": "pro"},
    ),
    "order.state.changed": (
        facts.order_state_changed,
        {
            **ORDER,
            "client_id": "c1",
            "from_": "submitted",
            "to": "unknown",
            "source": "poll",
            "venue_time_unix_nano": END,
            "value_at_risk_usd": Decimal(1000),
            "reject_reason": "timeout",
            "strategy_id": "st1",
        },
    ),
    "market_data.gap": (
        facts.feed_gap,
        {**FEED, "start_unix_nano": START, "end_unix_nano": END, "affected_ids": ["s1"]},
    ),
    "market_data.bad_tick": (
        facts.bad_tick,
        {
            **FEED,
            "price": 0.0,
            "reason": "zero_price",
            "reference_price": 50_000,
            "tick_unix_nano": END,
            "affected_ids": [],
        },
    ),
    "strategy.submitted": (facts.strategy_submitted, STRATEGY),
    "strategy.reviewed": (facts.strategy_reviewed, {**STRATEGY, "reason": "overfit"}),
    "strategy.activated": (facts.strategy_activated, STRATEGY),
    "strategy.deactivated": (facts.strategy_deactivated, STRATEGY),
    "strategy.downloaded": (facts.strategy_downloaded, STRATEGY),
    "credit.transaction": (
        facts.credit_transaction,
        {
            "type": "usage",
            "amount": Decimal("-1.50"),
            "balance_before": Decimal("3.00"),
            "balance_after": Decimal("1.50"),
            "idempotency_key": "k1",
        },
    ),
    "profit_share.distributed": (
        facts.profit_share,
        {"profit_usd": Decimal(100), "ratio": Decimal("0.25"), "amount_usd": Decimal("25.00")},
    ),
    "cost.charge": (
        facts.cost,
        {
            "provider": "kaiko",
            "category": "market_data",
            "amount_usd": Decimal("0.002"),
            "quantity": 2,
            "unit": "request",
            "operation": "ohlcv",
            "currency": "USD",
        },
    ),
    "emergency.activated": (facts.emergency_activated, {**CHANGE, "name": "trading_halt"}),
    "circuit_breaker.transition": (facts.breaker_transition, CHANGE),
    "failover": (facts.failover, {**CHANGE, "succeeded": False}),
    "service.degraded": (facts.service_degraded, CHANGE),
    "deployment": (facts.deployment, {**CHANGE, "version": "1.2.0", "actor": "ci"}),
    "feature_flag.evaluation": (
        facts.flag_evaluation,
        {"key": "new_router", "variant": "on", "from_": "off", "reason": "targeting_match"},
    ),
    "security.event": (
        facts.security_event,
        {"kind": "login_storm", "subject": "u1", "evidence": ["200 failed logins in 60 s"]},
    ),
    "onboarding.step": (facts.onboarding_step, {"step": "connect_exchange", "duration_s": 4, "subject": "u1"}),
    "auth.attempt": (facts.auth_attempt, {"method": "google", "subject": "u1"}),
    "rate_limit.decision": (
        facts.rate_limit_decision,
        {"name": "chat_per_minute", "allowed": False, "limit": 10, "used": 11, "subject": "u1"},
    ),
    "journal.entry": (facts.journal_entry, {"kind": "shutdown", "subject": "router"}),
    "health.check": (facts.health_check, {"target": "redis", "status": "healthy", "duration_s": 0.01}),
    "config.changed": (facts.config_changed, {"key": "max_leverage", "actor": "ops"}),
    "mock.served": (facts.mock_served, {"name": "price", "subject": "BTC/USDT"}),
}


def sample(attribute: Attribute) -> Any:
    return attribute.values[-1] if attribute.values else SAMPLES[attribute.type]


def assert_declared(fact: Fact, attributes: Mapping[str, Any], all_own: bool) -> None:
    """Only declared names, each with its type and an allowed value; `all_own`: every one of the fact's own is there."""
    own = {attribute.name for attribute in fact.attributes}
    declared = {attribute.name: attribute for attribute in (*fact.attributes, *common.COMMON)}
    assert attributes.keys() <= declared.keys()
    if all_own:
        assert own <= attributes.keys(), own - attributes.keys()
    for name, value in attributes.items():
        assert type(value) is ON_THE_WIRE[declared[name].type], name
        assert not declared[name].values or value in declared[name].values


@pytest.mark.parametrize("made", CLASSES, ids=lambda made: made.fact.name)
def test_every_span_fact_says_all_it_declares_and_nothing_else(recorded: Any, made: type[SpanFact]) -> None:
    fields = {name: sample(attribute) for name, attribute in made._fields.items()}
    fields["outcome"] = "success"
    del fields["error_type"]
    with made(**fields) as fact:
        pass
    (span,) = recorded.spans()
    name = fact.span_name()
    assert span.name == name
    assert span.name.startswith(fact.fact.name) or fact.fact.name in ("gen_ai.client.inference", "exchange.call")
    assert_declared(fact.fact, span.attributes, all_own=True)
    assert span.attributes["observatory.service"] == fact.fact.owner
    assert span.status.status_code is StatusCode.UNSET


@pytest.mark.parametrize("name", EVENTS)
def test_every_event_says_all_it_declares_and_nothing_else(recorded: Any, name: str) -> None:
    function, values = EVENTS[name]
    (fact,) = [fact for fact in conventions.FACTS if fact.name == name]
    before = time.time_ns()
    function(**values, **ALSO, outcome="success", outcome_reason="done", error_type="none")
    (record,) = [found.log_record for found in recorded.logs()]
    assert record.event_name == name
    assert before <= record.timestamp <= time.time_ns()
    assert_declared(fact, record.attributes, all_own=True)
    assert record.attributes["observatory.service"] == fact.owner
    assert record.attributes["user.id"] == "u1"
    assert record.attributes["order.id"] == "o1"


def test_no_event_is_forgotten() -> None:
    assert set(EVENTS) == {fact.name for fact in conventions.FACTS if fact.kind is Kind.EVENT}


def test_the_events_of_spans_say_what_they_declare(recorded: Any) -> None:
    with facts.consensus(decision="buy", models=["a", "b"]) as consensus:
        consensus.vote(model="a", decision="buy", confidence=0.9)
    with facts.order(**ORDER) as order:
        order.fill(price=50_000, quantity=0.1, fee_usd=Decimal("0.05"), fill_id="f1", venue_time_unix_nano=END)
        order.fill(price=50_001, quantity=0.2, fee_usd=Decimal("0.10"), fill_id="f2", venue_time_unix_nano=END)
    with facts.opportunity_scan(scanned=10, found=4) as scan:
        scan.drop(reason="illiquid", count=5)
        scan.drop(reason="delisted", count=1)
    events = [event for span in recorded.spans() for event in span.events]
    declared = {fact.name: fact for fact in conventions.FACTS if fact.kind is Kind.SPAN_EVENT}
    assert {event.name for event in events} == set(declared)
    for event in events:
        assert_declared(declared[event.name], event.attributes, all_own=True)
    assert len(recorded.span("order.execute").events) == 2
    assert recorded.span("opportunity.scan").attributes["discovery.dropped"] == 6


def test_facts_know_service_feature_and_user_from_the_context(recorded: Any) -> None:
    with obs.feature("autotrade", user_id="u9"), obs.service("paper_trading_engine", "place"):
        with facts.order(**ORDER):
            facts.journal_entry(kind="order")
        facts.journal_entry(kind="other", service="system_journal", feature="ops", user_id="root")
    expected = {"observatory.service": "paper_trading_engine", "observatory.feature": "autotrade", "user.id": "u9"}
    assert recorded.span("order.execute").attributes.items() >= expected.items()
    assert "observatory.caller" not in recorded.span("order.execute").attributes
    inside, given = [found.log_record for found in recorded.logs()]
    assert inside.attributes.items() >= expected.items()
    assert inside.span_id == recorded.span("order.execute").context.span_id
    assert (given.attributes["observatory.service"], given.attributes["user.id"]) == ("system_journal", "root")
    assert given.attributes["observatory.feature"] == "ops"


def test_without_a_service_at_work_what_is_inside_counts_for_the_owner(recorded: Any) -> None:
    with facts.order(**ORDER):
        assert frame.current().service == "trade_execution_service"
        with facts.exchange_call(exchange_id="binance", operation="create_order"):
            pass
    assert frame.current() == frame.EMPTY
    call = recorded.span("exchange create_order")
    assert call.attributes["observatory.service"] == "trade_execution_service"


def test_fields_may_be_set_until_the_end(recorded: Any) -> None:
    with facts.order(**ORDER, quantity=1) as order:
        order.status = "partially_filled"
        order.filled_quantity = Decimal("0.5")
        order.status = "filled"
        order.outcome = "simulated"
    attributes = recorded.span("order.execute").attributes
    assert attributes["order.status"] == "filled"
    assert attributes["order.filled_quantity"] == 0.5
    assert attributes["observatory.outcome"] == "simulated"


def test_a_fact_that_fails_by_its_outcome_is_an_error(recorded: Any) -> None:
    with facts.payment(rail="card", amount_usd=Decimal("9.99")) as payment:
        payment.status = "declined"
        payment.outcome, payment.outcome_reason = "failure", "card_expired"
    span = recorded.span("payment.process")
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "card_expired")
    assert span.events == ()


def test_an_exception_leaves_the_fact_untouched_and_keeps_its_fields(recorded: Any) -> None:
    error = TimeoutError("venue is silent")
    order = facts.order(**ORDER)

    def send() -> None:
        with order:
            order.status = "unknown"
            raise error

    with pytest.raises(TimeoutError) as caught:
        send()
    assert caught.value is error
    span = recorded.span("order.execute")
    assert span.attributes["order.status"] == "unknown"
    assert span.attributes["error.type"] == "TimeoutError"
    assert [event.name for event in span.events] == ["exception"]


async def test_facts_work_in_asynchronous_blocks(recorded: Any) -> None:
    async with facts.sentiment(symbol="BTC", score=-0.4) as sentiment:
        sentiment.sources = ["news"]
    assert recorded.span("sentiment.analyse").attributes["sentiment.sources"] == ("news",)


def test_a_fact_that_is_over_can_be_recorded_with_its_times(recorded: Any) -> None:
    order = facts.order(**ORDER, status="filled")
    order.fill(price=1, quantity=1, venue_time_unix_nano=START + 1)
    order.record(start_unix_nano=START, end_unix_nano=END)
    span = recorded.span("order.execute")
    assert (span.start_time, span.end_time) == (START, END)
    assert span.attributes["order.status"] == "filled"
    assert [event.name for event in span.events] == ["order.fill"]


def test_an_event_may_have_happened_earlier(recorded: Any) -> None:
    facts.deployment(name="backend", version="2.0", time_unix_nano=START)
    (found,) = recorded.logs()
    assert found.log_record.timestamp == START
    assert found.log_record.observed_timestamp > START


def test_severities_tell_the_grave_from_the_plain(recorded: Any) -> None:
    facts.emergency_activated(name="halt", reason="drawdown")
    facts.mock_served(name="price")
    facts.journal_entry(kind="start")
    facts.journal_entry(kind="stop", severity="critical")
    texts = [found.log_record.severity_text for found in recorded.logs()]
    assert texts == ["FATAL", "WARN", "INFO", "FATAL"]


def test_facts_link_to_what_led_to_them(recorded: Any) -> None:
    with facts.signal(type="momentum", symbol="BTC/USDT", signal_id="s1") as signal:
        pass
    assert signal.span_context is not None
    with facts.order(**ORDER, signal_id="s1").link(signal.span_context):
        pass
    (link,) = recorded.span("order.execute").links
    assert link.context.span_id == recorded.span("signal.generate").context.span_id


def test_a_model_call_is_a_genai_span_that_silences_what_is_below(recorded: Any) -> None:
    from opentelemetry import context
    from opentelemetry.context import _SUPPRESS_HTTP_INSTRUMENTATION_KEY, _SUPPRESS_INSTRUMENTATION_KEY

    with facts.model_call(provider="openai", request_model="gpt-5", input_tokens=10, output_tokens=0) as call:
        assert context.get_value(_SUPPRESS_HTTP_INSTRUMENTATION_KEY)
        assert context.get_value(_SUPPRESS_INSTRUMENTATION_KEY)
        with facts.model_call(provider="openai", request_model="gpt-5") as below:
            assert below.span_context is None
        with facts.exchange_call(exchange_id="binance", operation="fetch_ticker"):
            pass
        call.fallback_from, call.fallback_reason = "claude", "timeout"
    assert not context.get_value(_SUPPRESS_INSTRUMENTATION_KEY)
    span = recorded.span("chat gpt-5")
    assert span.kind is SpanKind.CLIENT
    assert span.attributes["gen_ai.operation.name"] == "chat"
    assert span.attributes["gen_ai.usage.output_tokens"] == 0
    assert "gen_ai.usage.cache_read.input_tokens" not in span.attributes
    assert span.attributes["ai.fallback.from"] == "claude"
    assert recorded.span("exchange fetch_ticker").parent.span_id == span.context.span_id


def test_too_many_fills_are_counted_not_kept(recorded: Any, lenient: None) -> None:
    with facts.order(**ORDER) as order:
        for _ in range(130):
            order.fill(price=1, quantity=1)
    assert len(recorded.span("order.execute").events) == 128
    assert obs.losses() == {"too many events on a span": 2}
