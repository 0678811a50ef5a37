"""Each of the 65 services reports a fact of its own, and something is measured on it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from observatory import areas, catalogue
from observatory.catalogue import Service
from observatory.store import parse
from observatory_sdk import conventions

SERVICES = catalogue.load().services
FACTS = {fact.name: fact for fact in (*conventions.FACTS, *conventions.METRICS)}
INDICATORS = {each.id: each for area in areas.load() for each in area.indicators.values()}
# Recognised by an attribute, whatever its span is called.
ATTRIBUTES = {
    "gen_ai.client.inference": "gen_ai.operation.name",
    "exchange.call": "exchange.operation",
}
# The views that fill each table, as one text.
VIEWS: dict[str, str] = {}
for _area in areas.load():
    for _view in parse(_area.facts, _area.id)[1]:
        VIEWS[_view.target] = VIEWS.get(_view.target, "") + _view.select


def _takes(view: str, fact: str) -> bool:
    """Whether a view takes a fact in, by its name or by how its name begins."""
    begins = re.findall(r"startsWith\(MetricName, '([^']+)'\)", view)
    return f"'{ATTRIBUTES.get(fact, fact)}'" in view or any(fact.startswith(each) for each in begins)


def test_there_are_65_services() -> None:
    assert len(SERVICES) == 65


@pytest.mark.parametrize("service", SERVICES, ids=lambda each: each.id)
def test_every_service_owns_a_fact_and_an_indicator_on_it(service: Service) -> None:
    assert service.fact in FACTS, f"{service.id} owns no fact"
    assert service.id in FACTS[service.fact].owners
    assert service.indicator in INDICATORS, f"{service.id} owns no indicator"
    # Rate, errors and duration come from the calls of the service and are everybody's.
    tables = set(re.findall(r"fact_\w+", INDICATORS[service.indicator].source)) - {"fact_calls"}
    assert any(_takes(VIEWS.get(table, ""), service.fact) for table in tables), (service.id, tables)


async def test_what_only_two_services_report_is_counted_for_each(sender: Any, look: Any) -> None:
    for service in ("real_backtesting_engine", "signal_backtesting_service"):
        sender.span("backtest.run", **{"observatory.service": service})
    sender.span("backtest.run", error=True, **{"observatory.service": "real_backtesting_engine"})
    view = await look("strategies")
    assert view.member("strategies.backtests", "real_backtesting_engine").value == 2
    assert view.member("strategies.backtests", "signal_backtesting_service").value == 1
    assert view.member("strategies.backtest_failure_ratio", "real_backtesting_engine").value == 0.5


async def test_an_order_for_which_a_venue_was_chosen_is_counted(sender: Any, look: Any) -> None:
    sender.span("order.route", **{"order.route.chosen": "binance", "order.id": "1"})
    assert (await look("trading_execution")).member("trading_execution.orders_routed").value == 1
