"""Each rule that comes with the server fires on what it is about, resolves after it, and is quiet while all is well."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from scenes import AT, measured, reading, scene, sight, snapshot

from observatory import alerting, areas, catalogue, slo
from observatory.alerting import machine
from observatory.alerting.conditions import Anomaly, Bounded, Burns, Expected, Service, Sql, ToldOf
from observatory.alerting.files import Written, shipped
from observatory.alerting.observe import missing, observe
from observatory.alerting.rule import Observation, Rule
from observatory.alerting.scene import Scene, Score, Told
from observatory.model import Bound, Comparison, Finding, Health, LoadState, Reason, ServiceState, Verdict
from observatory.model.alert import Phase, Severity

KNOWN = alerting.known(areas.load(), catalogue.load())
RULES = {each.rule.id: each.rule for each in shipped(KNOWN)}
MEMBER = "a"


def beyond(bound: Bound) -> float:
    step = max(abs(bound.value) * 0.5, 1.0)
    exact = bound.comparison in (Comparison.AT_LEAST, Comparison.AT_MOST)
    return bound.value if exact else bound.value + (step if bound.upward else -step)


def within(bound: Bound) -> float:
    step = max(abs(bound.value) * 0.5, 1.0)
    return bound.value - step if bound.upward else bound.value + step


def bounded(condition: Bounded, bad: bool) -> Scene:
    member = "/".join([MEMBER] * len(condition.indicator.group_by))
    value = (beyond if bad else within)(condition.held_to)
    return scene(KNOWN, snapshot([reading(condition.indicator.id, value, member)]))


def service(condition: Service, bad: bool) -> Scene:
    shot = snapshot()
    if not bad:
        return scene(KNOWN, shot)
    reason = {"down": Reason.SILENT, "failing": Reason.BEYOND_CRITICAL_BOUND}[condition.state]
    gone = ServiceState(
        sight("oauth_service", load=LoadState.SILENT if condition.state == "down" else LoadState.REPORTING),
        Verdict(Health.CRITICAL, (Finding(reason, "no heartbeat for 1 min", Health.CRITICAL, "oauth_service"),), AT),
    )
    return scene(KNOWN, replace(shot, services={**shot.services, "oauth_service": gone}))


def expected(condition: Expected, bad: bool) -> Scene:
    last = {condition.indicator.id: {MEMBER: AT - timedelta(seconds=condition.missing_s + 1)}}
    return (
        scene(KNOWN, snapshot([] if bad else [reading(condition.indicator.id, 1, MEMBER)]), expected=last)
        if (not bad)
        else scene(KNOWN, snapshot([reading(condition.indicator.id, 1, "b")]), expected=last)
    )


def burning(condition: Burns, bad: bool) -> Scene:
    windows = slo.windows()
    mine = (condition.of, condition.measure)
    objective = next(each for each in slo.objectives(catalogue.load()) if (each.kind, each.measure) == mine)
    failures = 900 if bad else 0
    lengths = windows.lengths_s
    counts = slo.Counts(dict.fromkeys(lengths, 1_000), dict.fromkeys(lengths, failures), AT - timedelta(days=9))
    return scene(KNOWN, snapshot(), burns={objective.id: slo.assess(objective, counts, windows, AT)})


def told(condition: ToldOf, bad: bool) -> Scene:
    return scene(KNOWN, snapshot(), told={condition.topic: [Told(MEMBER, bad, "as it was told", measured(1))]})


def scored(condition: Anomaly, bad: bool) -> Scene:
    score = Score(measured(5.0), 0.999 if bad else 0.2, bad, condition.points)
    return scene(KNOWN, snapshot(), scores={condition.indicator.id: {"": score}})


def asked(rule: Rule, condition: Sql, bad: bool) -> Scene:
    row = {"member": MEMBER, "value": 1_000.0, "samples": 10, "evidence": ["t1"], "services": ["oauth_service"]}
    return scene(KNOWN, snapshot(), rows={rule.id: [row] if bad else []})


def staged(rule: Rule, bad: bool) -> Scene:
    condition = rule.condition
    match condition:
        case Bounded():
            return bounded(condition, bad)
        case Service():
            return service(condition, bad)
        case Expected():
            return expected(condition, bad)
        case Burns():
            return burning(condition, bad)
        case ToldOf():
            return told(condition, bad)
        case Anomaly():
            return scored(condition, bad)
        case Sql():
            return asked(rule, condition, bad)
    raise AssertionError(condition)


def worst(rule: Rule, seen: list[Observation]) -> Observation:
    return max(seen, key=lambda each: (each.verdict == "bad", each.verdict == "good"))


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_the_rule_fires_and_resolves(rule: Rule) -> None:
    bad = worst(rule, list(observe([rule], staged(rule, True))[rule.id]))
    assert bad.verdict == "bad", bad
    assert bad.sentence
    alert, change = machine.step(None, bad, rule, AT)
    if rule.for_s:
        assert alert is not None
        assert alert.phase is Phase.PENDING
        alert, change = machine.step(alert, bad, rule, AT + timedelta(seconds=rule.for_s))
    assert alert is not None
    assert change is not None
    assert (alert.phase, alert.severity) == (Phase.FIRING, rule.severity)
    well = staged(rule, False)
    seen = observe([rule], well)[rule.id]
    good = next(each for each in [*seen, *missing(rule, seen, [alert])] if each.member == alert.member)
    assert good.verdict == "good", good
    later = AT + timedelta(seconds=rule.for_s + rule.keep_firing_for_s)
    alert, change = machine.step(alert, good, rule, later)
    assert alert is not None
    assert alert.phase is Phase.RESOLVED


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_each_rule_says_what_people_need(rule: Rule) -> None:
    assert rule.sentence
    assert "{" not in rule.id + rule.sentence + rule.runbook
    if rule.severity is not Severity.INFO:
        assert rule.runbook
    known = set(RULES)
    for muted in rule.inhibits:
        assert muted in known or "*" in muted or muted.endswith(".warning"), muted


def test_every_bound_of_every_indicator_has_a_rule() -> None:
    for each in KNOWN.indicators.values():
        assert (each.crit is not None) == (f"{each.id}.critical" in RULES), each.id
        assert (each.warn is not None) == (f"{each.id}.warning" in RULES), each.id


def test_everything_that_the_contract_names_is_there() -> None:
    labels = {rule.labels.get("contract") for rule in RULES.values()}
    assert labels >= {
        *("service_down", "data_loss", "ledger_invariant", "security_event", "emergency_activated", "unknown_orders"),
        *("all_venues_stale", "guard_silent", "budget_exhausted", "cost_spike", "forecast_over_budget"),
        *("calibration_drift", "paper_live_divergence", "queue_stalled", "flapping_breaker"),
    }
    assert {"burn.service.fast", "burn.service.medium", "burn.service.slow", "anomaly.ai_systems.calls"} <= set(RULES)
    info = {rule.id for rule in RULES.values() if rule.severity is Severity.INFO}
    assert info == {
        *("deployment", "config.changed", "model.new", "model.unpriced", "subscription.churn", "stress_test.done"),
        *("backup.done", "digest.sent", "foreign.info"),
    }


def test_nothing_fires_in_a_universe_that_is_well() -> None:
    good = []
    for each in KNOWN.indicators.values():
        bounds = [bound for bound in (each.warn, each.crit) if bound is not None]
        if bounds:
            member = "/".join([MEMBER] * len(each.group_by))
            good.append(reading(each.id, within(bounds[0]), member))
    lengths = slo.windows().lengths_s
    counts = slo.Counts(dict.fromkeys(lengths, 100_000), dict.fromkeys(lengths, 0), AT - timedelta(days=9))
    burns = {each.id: slo.assess(each, counts, slo.windows(), AT) for each in slo.objectives(catalogue.load())}
    well = scene(
        KNOWN,
        snapshot(good),
        burns=burns,
        rows={rule.id: [] for rule in RULES.values() if isinstance(rule.condition, Sql)},
        told={"budget.exhausted": [Told("b", False, "half of it is left")]},
    )
    seen = observe(RULES.values(), well)
    assert len(seen) > 100
    bad = [each for of in seen.values() for each in of if each.verdict == "bad"]
    assert bad == []


def test_nothing_fires_when_nothing_is_known() -> None:
    seen = observe(
        RULES.values(), scene(KNOWN, snapshot([reading(name, None, samples=0) for name in KNOWN.indicators]))
    )
    assert [each for of in seen.values() for each in of if each.verdict == "bad"] == []


def test_a_server_that_has_just_begun_to_listen_takes_no_absence_for_a_loss() -> None:
    rule = RULES["expected.exchange"]
    condition: Any = rule.condition
    gone = replace(expected(condition, True), since=AT - timedelta(seconds=5))
    assert {each.verdict.value for each in observe([rule], gone)[rule.id] if each.member == MEMBER} == {"no_data"}


def test_each_member_has_its_own_state() -> None:
    rule = RULES["signal_intelligence.channel_delivery_success.critical"]
    shot = snapshot(
        [
            reading("signal_intelligence.channel_delivery_success", value, name)
            for name, value in (("telegram", 0.1), ("email", 0.99))
        ]
    )
    seen = {each.member: each for each in observe([rule], scene(KNOWN, shot))[rule.id]}
    assert (seen["telegram"].verdict, seen["email"].verdict) == ("bad", "good")
    assert seen["telegram"].labels == {"channel": "telegram"}


def test_an_objective_that_is_new_is_watched_and_nobody_is_told() -> None:
    rule = RULES["burn.service.fast"]
    windows = slo.windows()
    objective = next(each for each in slo.objectives(catalogue.load()) if each.kind == "service")
    lengths = windows.lengths_s
    counts = slo.Counts(dict.fromkeys(lengths, 1_000), dict.fromkeys(lengths, 900), AT - timedelta(minutes=10))
    new = scene(KNOWN, snapshot(), burns={objective.id: slo.assess(objective, counts, windows, AT)})
    (seen,) = observe([rule], new)[rule.id]
    assert seen.verdict == "bad"
    assert seen.labels["silent"] == "burn_in"


@pytest.mark.parametrize(("events", "bad"), [(99, 99), (1_000, 9)])
def test_few_events_burn_no_budget(events: int, bad: int) -> None:
    windows = slo.windows()
    objective = next(each for each in slo.objectives(catalogue.load()) if each.kind == "service")
    lengths = windows.lengths_s
    counts = slo.Counts(dict.fromkeys(lengths, events), dict.fromkeys(lengths, bad), AT - timedelta(days=9))
    assert not any(each.burning for each in slo.assess(objective, counts, windows, AT).burnings)


def test_a_burn_needs_both_of_its_windows() -> None:
    windows = slo.windows()
    objective = next(each for each in slo.objectives(catalogue.load()) if each.kind == "service")
    fast = windows.pairs[0]
    events = dict.fromkeys(windows.lengths_s, 1_000)
    over = slo.Counts(events, {**dict.fromkeys(windows.lengths_s, 900), fast.short_s: 0}, AT - timedelta(days=9))
    assert not slo.assess(objective, over, windows, AT).burnings[0].burning
    assert slo.assess(objective, over, windows, AT).budget_left_ratio is not None


def test_the_shipped_files_are_part_of_the_server(shipped: Mapping[str, Written]) -> None:
    room = Path(alerting.__file__).parent / "rules"
    assert {each.place.partition(":")[0] for each in shipped.values()} == {path.name for path in room.glob("*.yaml")}
