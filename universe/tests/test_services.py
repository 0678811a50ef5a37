"""All 65 services live, report and are called."""

from collections import Counter
from typing import Any

from opentelemetry.trace import StatusCode

CALLER = "observatory.caller"
SERVICE = "observatory.service"


def test_there_are_65_services_each_with_its_own_id(minute: Any) -> None:
    ids = minute.universe.service_ids
    assert len(ids) == 65
    assert len(set(ids)) == 65


def test_each_service_is_called_within_a_minute(minute: Any) -> None:
    called = Counter(span.attributes[SERVICE] for span in minute.spans if CALLER in span.attributes)
    assert set(called) == set(minute.universe.service_ids)


def test_each_service_beats_from_the_start(minute: Any) -> None:
    beats = {point.attributes[SERVICE] for point in minute.points if point.metric == "observatory.service.heartbeat"}
    assert beats >= set(minute.universe.service_ids)


def test_every_caller_is_a_service_or_the_outside(minute: Any) -> None:
    callers = {span.attributes[CALLER] for span in minute.spans if CALLER in span.attributes}
    assert callers - {"external"} <= set(minute.universe.service_ids)
    assert len(callers) > 30


def test_the_main_flow_can_be_walked_edge_by_edge(minute: Any) -> None:
    edges = {(span.attributes[CALLER], span.attributes[SERVICE]) for span in minute.spans if CALLER in span.attributes}
    way = [
        ("external", "websocket_market_data"),
        ("websocket_market_data", "market_data_coordinator"),
        ("market_data_coordinator", "event_driven_services_manager"),
        ("event_driven_services_manager", "signal_generation_engine"),
        ("signal_generation_engine", "realtime_sentiment_engine"),
        ("event_driven_services_manager", "signal_evaluation_service"),
        ("signal_evaluation_service", "ai_consensus_engine"),
        ("event_driven_services_manager", "signal_delivery_service"),
        ("signal_delivery_service", "telegram_core"),
        ("signal_delivery_service", "email_service"),
        ("signal_delivery_service", "websocket_service"),
        ("event_driven_services_manager", "signal_execution_bridge"),
        ("signal_execution_bridge", "unified_strategy_service"),
        ("unified_strategy_service", "cross_strategy_coordinator"),
        ("unified_strategy_service", "position_sizing_engine"),
        ("unified_strategy_service", "portfolio_risk_service"),
        ("portfolio_risk_service", "risk_calculation_engine"),
        ("unified_strategy_service", "binance_smart_router"),
        ("unified_strategy_service", "trade_execution_service"),
        ("unified_strategy_service", "paper_trading_engine"),
        ("unified_strategy_service", "real_performance_tracker"),
        ("unified_strategy_service", "profit_sharing_service"),
        ("profit_sharing_service", "credit_ledger"),
        ("chat_integration_service", "conversational_ai_orchestrator"),
        ("conversational_ai_orchestrator", "unified_ai_manager"),
        ("unified_ai_manager", "ai_chat_engine"),
        ("ai_chat_engine", "chat_memory_service"),
        ("ai_chat_engine", "ai_consensus_engine"),
        ("strategy_submission_service", "strategy_testing_service"),
        ("strategy_testing_service", "real_backtesting_engine"),
    ]
    assert [edge for edge in way if edge not in edges] == []


def test_a_calm_universe_fails_almost_never(minute: Any) -> None:
    entries = [span for span in minute.spans if CALLER in span.attributes]
    failed = [span for span in entries if span.status.status_code is StatusCode.ERROR]
    assert len(entries) > 3_000
    assert failed == []


def test_users_and_features_are_known_where_users_are_served(minute: Any) -> None:
    features = {span.attributes.get("observatory.feature") for span in minute.spans}
    assert {"signals", "autotrade", "chat", "marketplace", "onboarding", "payments", "market_data"} <= features
    for span in minute.named("order.execute"):
        assert span.attributes["user.id"].startswith("u-")
        assert span.attributes["user.plan"] in {"free", "pro", "whale"}
        assert span.attributes["observatory.feature"] == "autotrade"
