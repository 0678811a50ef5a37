"""The list of names is whole, well formed, and what the reference page shows."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from observatory_sdk import conventions, facts
from observatory_sdk.conventions import Attribute, Fact, Kind, Metric, Type
from observatory_sdk.conventions.page import render
from observatory_sdk.facts.checks import CHECKS

ROOT = Path(__file__).parents[2]
NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")

_IDS = """
ai_consensus_engine ai_chat_engine chat_memory_service unified_ai_manager sentiment_analysis_engine
debug_insight_generator dynamic_strategy_generator conversational_ai_orchestrator chat_integration_service
chat_service_adapters signal_generation_engine signal_delivery_service signal_performance_service
signal_evaluation_service signal_backtesting_service signal_channel_service signal_execution_bridge
realtime_sentiment_engine trade_execution_service paper_trading_engine strategy_marketplace_service
strategy_monitoring_service strategy_testing_service strategy_submission_service unified_strategy_service
cross_strategy_coordinator binance_smart_router market_analysis_service real_market_data_service
websocket_market_data dynamic_exchange_discovery exchange_universe_service market_data_coordinator
real_backtesting_engine real_performance_tracker portfolio_risk_service risk_calculation_engine
portfolio_optimization_engine position_sizing_engine correlation_analysis_engine stress_testing_engine
user_opportunity_discovery simple_asset_discovery dynamic_asset_filter user_onboarding_service credit_ledger
crypto_payment_service profit_sharing_service system_monitoring_service health_monitor emergency_manager
event_driven_services_manager resource_monitor strategy_system_monitor system_journal api_cost_tracker
background_service_manager rate_limit_service state_coordinator email_service oauth_service mock_data_service
telegram_core websocket_service enterprise_system_optimization
"""
SERVICES = _IDS.split()


def test_each_of_the_65_services_owns_a_fact_or_a_metric() -> None:
    owners = {owner for found in (*conventions.FACTS, *conventions.METRICS) for owner in found.owners}
    assert len(SERVICES) == 65
    assert owners == set(SERVICES)


@pytest.mark.parametrize("found", [*conventions.ATTRIBUTES, *conventions.FACTS, *conventions.METRICS], ids=str)
def test_every_name_is_lower_case_and_dotted_and_has_a_sentence(found: Attribute | Fact | Metric) -> None:
    assert NAME.fullmatch(str(found.name))
    assert found.sentence[0].isupper() or found.sentence[0] in "`0123456789"
    assert found.sentence.endswith(".")


def test_no_name_is_declared_twice() -> None:
    declared: dict[str, Attribute] = {}
    for area in conventions.AREAS:
        for value in vars(area).values():
            if isinstance(value, Attribute):
                assert declared.setdefault(value.name, value) is value, value
    for found in (conventions.FACTS, conventions.METRICS):
        names = [entry.name for entry in found]
        assert len(names) == len(set(names))


def test_an_attribute_is_its_own_name() -> None:
    assert conventions.trading.SYMBOL == "order.symbol"
    assert f"SpanAttributes['{conventions.trading.SYMBOL}']" == "SpanAttributes['order.symbol']"
    assert type(conventions.trading.SYMBOL.name) is str


def test_money_is_text_and_ratios_are_bounded() -> None:
    for attribute in conventions.ATTRIBUTES:
        assert attribute.type in CHECKS
        if attribute.endswith("_usd"):
            assert attribute.type is Type.MONEY
        if attribute.type is Type.INSTANT:
            assert attribute.endswith("_unix_nano")
        if attribute.endswith("_s") and attribute.type is Type.NUMBER:
            assert attribute.unit == "s"


def test_every_attribute_belongs_to_a_fact_a_metric_or_the_common_ones() -> None:
    used = {name for found in (*conventions.FACTS, *conventions.METRICS) for name in found.attributes}
    loose = [name for name in conventions.ATTRIBUTES if name not in used and not hasattr_value(name)]
    assert loose == []


def hasattr_value(name: str) -> bool:
    return any(value is name or value == name for value in vars(conventions.common).values())


def test_every_fact_has_a_way_to_be_reported() -> None:
    classes = [value for value in vars(facts).values() if isinstance(value, type)]
    spans = {found.fact.name for found in classes if hasattr(found, "fact")}
    assert spans == {fact.name for fact in conventions.FACTS if fact.kind is Kind.SPAN}


def test_the_reference_page_is_up_to_date() -> None:
    page = (ROOT / "docs" / "reference" / "conventions.md").read_text("utf-8")
    assert page == render(), "run: python -m observatory_sdk.conventions > docs/reference/conventions.md"


def test_the_module_prints_the_page() -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "observatory_sdk.conventions"], capture_output=True, check=True, encoding="utf-8"
    )
    assert printed.stdout == render()
    assert "| `order.execute` | span |" in printed.stdout
    assert "| `market_data.messages` | counter, each 1 s |" in printed.stdout
