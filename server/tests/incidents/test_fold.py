"""Alerts become incidents: which join, why, and what their ends mean."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from alert_scenes import AT, ends, fires, graphs, later

from observatory.incidents import Case, Graph, State, fold, graph
from observatory.incidents.links import terms
from observatory.incidents.model import IncidentChange
from observatory.model.alert import Severity, Transition

ORDERS = {"services": ("trade_execution_service",), "area": "trading_execution"}
ROUTES = {"services": ("binance_smart_router",), "area": "trading_execution"}
TRACE = "a" * 32
CHAT = {"services": ("ai_chat_engine",), "area": "ai_systems"}


def run(*rounds: Sequence[Transition]) -> tuple[list[Case], list[IncidentChange]]:
    cases: dict[str, Case] = {}
    changes: list[IncidentChange] = []
    for each in rounds:
        folded = fold(cases.values(), each, graphs)
        cases |= folded.cases
        changes += folded.changes
    return list(cases.values()), changes


def kinds(changes: Iterable[IncidentChange]) -> list[str]:
    return [each.kind for each in changes]


def test_a_firing_alert_opens_an_incident_that_says_what_it_is() -> None:
    (case,), changes = run([fires("orders.unknown", **ORDERS)])
    incident = case.incident
    assert kinds(changes) == ["opened"]
    assert (incident.state, incident.severity, incident.opened_at) == (State.OPENED, Severity.CRITICAL, AT)
    assert (incident.title, incident.reason, incident.confidence) == ("orders.unknown is bad", "one alert", 1.0)
    assert incident.id.startswith("20260304t050607-")
    assert incident.alerts == (incident.root,)


def test_info_and_routine_alerts_open_no_incident() -> None:
    cases, changes = run(
        [
            fires("deployment", severity=Severity.INFO),
            fires("backup.done", severity=Severity.WARNING, labels={"routine": "yes"}),
            fires("burn.service.fast", "x", labels={"silent": "burn_in"}),
        ]
    )
    assert (cases, changes) == ([], [])


def test_a_shared_trace_folds_alerts_however_far_apart_they_begin() -> None:
    (case,), changes = run(
        [fires("orders.unknown", evidence=(TRACE,), **ORDERS)],
        [fires("chat.slow", after_s=7_200, evidence=("b" * 32, TRACE), **CHAT)],
    )
    assert kinds(changes) == ["opened", "joined"]
    assert case.incident.confidence == 0.95
    assert f"the trace {TRACE} is evidence of both it and orders.unknown" in case.incident.reason


def test_services_that_call_each_other_are_one_trouble_for_some_minutes_only() -> None:
    soon, _ = run(
        [fires("orders.slow", **ORDERS)], [fires("router.slow", after_s=60, services=("binance_smart_router",))]
    )
    assert len(soon) == 1
    assert "binance_smart_router, which it concerns, and trade_execution_service" in soon[0].incident.reason
    assert soon[0].incident.confidence == 0.7
    late, _ = run(
        [fires("orders.slow", **ORDERS)], [fires("router.slow", after_s=1_500, services=("binance_smart_router",))]
    )
    assert len(late) == 2


def test_without_a_graph_the_call_says_nothing() -> None:
    told = [
        fires("orders.slow", services=("trade_execution_service",)),
        fires("router.slow", after_s=200, services=("binance_smart_router",)),
    ]
    assert len(fold([], told, graphs).cases) == 1
    assert len(fold([], told, lambda _: Graph()).cases) == 2


def test_the_area_alone_counts_only_when_alerts_begin_together() -> None:
    breaker = {"area": "emergency", "services": ("chat_memory_service",)}
    told = [fires("breaker.open", "models", **breaker)]
    (case,), _ = run(told, [fires("ai.errors", after_s=100, area="ai_systems")])
    assert "is of ai_systems, as breaker.open (models) is" in case.incident.reason
    assert len(run(told, [fires("ai.errors", after_s=130, area="ai_systems")])[0]) == 2


def test_unrelated_alerts_are_incidents_of_their_own() -> None:
    cases, changes = run([fires("orders.slow", **ORDERS), fires("chat.slow", **CHAT)])
    assert len(cases) == 2
    assert kinds(changes) == ["opened", "opened"]


def test_an_exchange_named_by_both_is_a_link() -> None:
    told = [fires("market_data.stale", "binance/BTC/USDT", labels={"exchange": "binance", "rule_kind": "indicator"})]
    (case,), _ = run(told, [fires("trading.rejects", "binance", after_s=30, labels={"exchange": "binance"})])
    assert "is about exchange binance, as market_data.stale (binance/BTC/USDT) is" in case.incident.reason
    apart, _ = run(told, [fires("trading.rejects", "kraken/ETH/USDT", after_s=30, labels={"rule_kind": "indicator"})])
    assert len(apart) == 2, "a word that both members hold is no exchange"


def test_a_link_in_the_evidence_of_both_says_nothing() -> None:
    told = [fires(name, evidence=("http://wiki.test/alerts",)) for name in ("a", "b")]
    assert len(run(told)[0]) == 2


def test_an_alert_that_ends_under_other_labels_ends_all_the_same() -> None:
    (case,), _ = run([fires("a")], [ends("a", after_s=5, labels={"silent": "burn_in"}, severity=Severity.INFO)])
    assert case.incident.state is State.RESOLVED


def test_warning_and_critical_of_one_indicator_are_one_incident() -> None:
    (case,), changes = run(
        [fires("credits.payments.warning", severity=Severity.WARNING)],
        [fires("credits.payments.critical", after_s=3_000)],
    )
    assert kinds(changes) == ["opened", "joined", "severity"]
    assert case.incident.severity is Severity.CRITICAL


def test_an_alert_between_two_brings_them_together_when_all_come_at_once() -> None:
    told = [
        fires("a.slow", services=("trade_execution_service",)),
        fires("b.slow", services=("exchange_universe_service",)),
        fires("c.slow", services=("binance_smart_router",)),
    ]
    assert len(run(told)[0]) == 1
    assert len(run(told[:2])[0]) == 2


def test_the_root_is_the_deepest_of_those_that_began_first() -> None:
    (case,), _ = run(
        [
            fires("a.slow", services=("trade_execution_service",)),
            fires("b.slow", services=("binance_smart_router",)),
            fires("c.slow", services=("exchange_universe_service",)),
        ]
    )
    assert case.incident.title == "c.slow is bad"


def test_an_incident_resolves_when_its_last_alert_ends() -> None:
    (case,), changes = run(
        [fires("a", **ORDERS), fires("b", **ORDERS)],
        [ends("a", after_s=60, **ORDERS)],
        [ends("b", after_s=90, **ORDERS)],
    )
    assert kinds(changes) == ["opened", "joined", "resolved"]
    assert (case.incident.state, case.incident.resolved_at) == (State.RESOLVED, later(90))


def test_an_incident_is_mitigated_when_its_criticals_end_and_open_again_when_one_comes_back() -> None:
    warning = ORDERS | {"severity": Severity.WARNING}
    (case,), changes = run(
        [fires("a", **ORDERS), fires("b", **warning)],
        [ends("a", after_s=60, **ORDERS)],
        [fires("a", after_s=120, episode=2, **ORDERS)],
    )
    assert kinds(changes) == ["opened", "joined", "mitigated", "joined", "reopened"]
    assert (case.incident.state, case.incident.mitigated_at) == (State.OPENED, None)
    assert [each.times for each in case.members] == [2, 1]


def test_a_resolved_incident_takes_its_own_alert_back_for_some_minutes_and_swallows_no_other() -> None:
    again, changes = run(
        [fires("a", **ORDERS)], [ends("a", after_s=60, **ORDERS)], [fires("a", after_s=200, episode=2, **ORDERS)]
    )
    assert (len(again), kinds(changes)) == (1, ["opened", "resolved", "joined", "reopened"])
    assert again[0].incident.state is State.OPENED
    other, _ = run([fires("a", **ORDERS)], [ends("a", after_s=60, **ORDERS)], [fires("b", after_s=70, **ORDERS)])
    assert len(other) == 2
    late, _ = run(
        [fires("a", **ORDERS)],
        [ends("a", after_s=60, **ORDERS)],
        [fires("a", after_s=61 + terms().again_s, episode=2, **ORDERS)],
    )
    assert len(late) == 2


def test_an_alert_that_ends_as_another_begins_keeps_the_incident_open() -> None:
    (case,), changes = run([fires("a", **ORDERS)], [ends("a", after_s=60, **ORDERS), fires("b", after_s=60, **ORDERS)])
    assert kinds(changes) == ["opened", "joined"]
    assert case.incident.state is State.OPENED


def test_environments_are_never_mixed() -> None:
    cases, _ = run(
        [fires("a", evidence=(TRACE,)), fires("a", environment="staging", fingerprint="0" * 24, evidence=(TRACE,))]
    )
    assert sorted(case.incident.environment for case in cases) == ["production", "staging"]


def test_beyond_the_bound_of_open_incidents_the_newest_takes_what_comes() -> None:
    most = terms().most_open
    cases, changes = run([fires("x", f"m{nth}") for nth in range(most + 5)])
    assert len(cases) == most
    assert sum(len(case.members) for case in cases) == most + 5
    assert "no more than that are kept" in changes[-1].reason
    assert min(case.incident.confidence for case in cases) == 0


def test_an_incident_with_the_most_alerts_takes_no_more() -> None:
    most = terms().most_alerts
    cases, _ = run([fires("x", f"m{nth}", **ORDERS) for nth in range(most + 1)])
    assert sorted(len(case.members) for case in cases) == [1, most]


def test_the_graph_is_read_from_the_newest_snapshot() -> None:
    assert graph.live(lambda _: None)("production").neighbours("x") == frozenset()
