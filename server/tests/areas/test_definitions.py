from __future__ import annotations

import re
from typing import Any

import pytest

from observatory import areas, catalogue
from observatory.areas import DefinitionError, View, definition
from observatory.model import Indicator
from observatory.store import Store
from observatory_sdk import conventions

SEED = {
    "ai_systems": ("response_time_p95_ms", "active_models", "error_rate_5m", "cost_last_hour_usd"),
    "signal_intelligence": ("signals_generated_5m", "delivery_success_rate", "avg_signal_latency_ms"),
    "trading_execution": ("orders_executed_5m", "execution_success_rate", "avg_slippage_bps"),
    "market_data": ("exchanges_connected", "data_staleness_max_ms", "websocket_uptime"),
    "risk_management": ("risk_calcs_5m", "avg_calc_time_ms", "breaches_5m"),
}
INDICATORS = [indicator for area in areas.load() for indicator in area.indicators.values()]


def test_there_are_ten_areas_each_with_indicators_and_facts() -> None:
    assert [area.id for area in areas.load()] == [area.id for area in catalogue.load().areas]
    assert len(areas.load()) == 10
    for area in areas.load():
        own = [each for each in area.indicators.values() if not each.id.endswith(".services_alive_ratio")]
        assert any(indicator.bounded for indicator in own)
        assert "-- table " in area.facts
        assert "-- view " in area.facts


@pytest.mark.parametrize("area", SEED)
def test_the_fields_of_the_seed_are_there_under_their_own_names(area: str) -> None:
    view = next(each.view for each in areas.load() if each.id == area)
    assert set(SEED[area]) <= {*view.numbers, *view.lists}


@pytest.mark.parametrize("indicator", INDICATORS, ids=lambda each: each.id)
def test_every_indicator_says_what_it_is_and_where_its_bounds_come_from(indicator: Indicator) -> None:
    assert indicator.sentence
    assert indicator.unit
    assert indicator.bound_source
    assert all(name in catalogue.load() for name in indicator.zero_from)
    if indicator.warn and indicator.crit:
        assert indicator.warn.upward == indicator.crit.upward
        milder = indicator.warn.value <= indicator.crit.value
        assert milder if indicator.warn.upward else indicator.warn.value >= indicator.crit.value


def test_the_facts_read_only_names_that_the_conventions_declare() -> None:
    ours = re.compile(
        r"a\['((?:ai|signal|order|exchange|risk|credit|payment|profit_share|strategy|cost|safety|security)\.[^']+)'\]"
    )
    declared = {str(attribute) for attribute in conventions.ATTRIBUTES}
    read = {name for area in areas.load() for name in ours.findall(area.facts)}
    assert read
    assert read <= declared


MINIMAL = "bound_source: contract\nindicators:\n  - {id: x, sentence: s, unit: ms, from: t, value: count()"


@pytest.mark.parametrize(
    ("indicators", "complaint"),
    [
        (MINIMAL + ", warn: high}", "bound is 'high'"),
        (MINIMAL + ", windows: 5 minutes}", "window is '5 minutes'"),
        (MINIMAL + ", treshold: 5}", "unknown field treshold"),
        (MINIMAL + "}\n  - {id: x, sentence: s, unit: ms, from: t}", "stands twice"),
    ],
)
def test_a_bad_indicator_is_refused_with_its_place(indicators: str, complaint: str) -> None:
    with pytest.raises(DefinitionError, match=complaint):
        definition.decode("toy", facts="", indicators=indicators, view=View({}))


def test_a_view_of_an_indicator_that_nobody_measures_is_refused() -> None:
    with pytest.raises(DefinitionError, match="shows y"):
        definition.decode("toy", facts="", indicators=MINIMAL + "}", view=View({"y_5m": "y"}))


async def test_a_new_area_is_a_folder_of_facts_indicators_and_a_view(store: Store, sender: Any) -> None:
    toy = definition.decode(
        "toy",
        facts="",
        indicators=MINIMAL.replace("from: t", "from: fact_calls") + "}",
        view=View({"calls_5m": "x"}),
    )
    sender.span("chat", **{"observatory.service": "ai_chat_engine", "observatory.caller": "external"})
    sender.flush()
    readings = await areas.read(toy, store.reader, sender.at, sender.at)
    assessment = areas.shape(toy, readings[sender.environment], (), sender.at, sender.at)
    found = assessment.fields["calls_5m"]
    assert not isinstance(found, tuple)
    assert found.value == 1
