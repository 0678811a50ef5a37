"""Which fires belong to which labels, and what may stand in a file of labels."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observatory.alerting.files import Written
from observatory.errors import InvalidRequest
from observatory.model.alert import Alert, Phase, Severity, Transition
from observatory.replay import Fire, Label, fires, score
from observatory.replay.labels import load, plain, truth
from observatory_universe.faults import Faults
from observatory_universe.faults.truth import Truth

START = datetime(2026, 3, 4, 5, 0, tzinfo=UTC)
UNTIL = START + timedelta(hours=1)
ALERT = Alert(
    fingerprint="f" * 24,
    environment="production",
    rule="emergency.security_events.critical",
    member="",
    severity=Severity.CRITICAL,
    phase=Phase.FIRING,
    since=START,
    started_at=START,
    fired_at=START,
    resolved_at=None,
    seen_at=START,
    episode=1,
    measurement=None,
    bound="",
    sentence="it is so",
    area="emergency",
    services=(),
    labels={},
    runbook="",
    evidence=(),
    no_data=False,
)


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def fire(minutes: float, **other: Any) -> Fire:
    alert = replace(ALERT, started_at=at(minutes), **other)
    return Fire(alert, at(minutes), at(minutes + 1), at(minutes + 1))


def label(name: str, begin: float, end: float | None, **other: Any) -> Label:
    told = {"areas": ("emergency",), **other}
    return Label(id=name, start=at(begin), end=None if end is None else at(end), **told)


@pytest.fixture(scope="module")
def rules(shipped: Mapping[str, Written]) -> Any:
    return [shipped[ALERT.rule].rule, shipped["service.down"].rule]


@pytest.mark.parametrize(
    ("begun", "true"), [(9.9, False), (10, True), (12, True), (12 + 5.4, True), (12 + 5.6, False), (40, False)]
)
def test_a_fire_is_true_from_the_start_of_a_fault_until_windows_forget_it(rules: Any, begun: float, true: bool) -> None:
    found = score([fire(begun)], [label("storm", 10, 12)], rules, START, UNTIL)
    assert (found.precision.hits, found.precision.of) == (int(true), 1)
    assert found.recall.hits == int(true)


def test_an_area_that_may_show_a_fault_excuses_a_fire_and_does_not_find_the_fault(rules: Any) -> None:
    storm = label("storm", 10, 12, areas=("emergency",), permitted=("costs",))
    found = score([fire(11, area="costs")], [storm], rules, START, UNTIL)
    assert (found.precision.hits, found.recall.hits) == (1, 0)
    found = score([fire(11, area="credits")], [storm], rules, START, UNTIL)
    assert (found.precision.hits, found.recall.hits) == (0, 0)


def test_a_label_that_names_rules_is_found_by_those_alone(rules: Any) -> None:
    storm = label("storm", 10, 12, areas=(), rules=("security.*",))
    assert score([fire(11)], [storm], rules, START, UNTIL).precision.hits == 0
    found = score([fire(11, rule="security.event", area="")], [storm], rules, START, UNTIL)
    assert found.precision.hits == 1
    # None of the rules that were replayed is there for it, so it is not asked for.
    assert found.recall.of == 0
    assert found.recall.ratio is None


def test_what_only_looks_like_a_fault_excuses_nothing_and_is_not_asked_for(rules: Any) -> None:
    found = score([fire(11)], [label("busy", 10, 12, fault=False)], rules, START, UNTIL)
    assert (found.precision.hits, found.precision.of, found.recall.of) == (0, 1, 0)
    assert [each.alert.rule for each in found.false] == [ALERT.rule]


def test_events_of_the_daily_run_and_silent_services_do_not_count(rules: Any) -> None:
    unheard = [
        fire(11, severity=Severity.INFO),
        fire(11, labels={"routine": "yes"}),
        fire(11, labels={"silent": "burn_in"}),
    ]
    found = score(unheard, [label("storm", 10, 12)], rules, START, UNTIL)
    assert (found.precision.of, found.recall.hits, found.recall.of) == (0, 0, 1)


def test_faults_from_before_excuse_and_are_not_asked_for(rules: Any) -> None:
    found = score([fire(1)], [label("old", -5, None)], rules, START, UNTIL)
    assert (found.precision.hits, found.recall.of) == (1, 0)


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from([Phase.FIRING, Phase.RESOLVED])), max_size=30))
def test_every_firing_becomes_one_fire_that_ends_no_earlier_than_it_begins(told: list[tuple[int, Phase]]) -> None:
    changes, firing = list[Transition](), set[str]()
    for place, (member, phase) in enumerate(told):
        name = str(member)
        # A machine resolves only what fires, and fires only what does not.
        if (phase is Phase.FIRING) is (name in firing):
            continue
        firing ^= {name}
        alert = replace(ALERT, fingerprint=name, member=name, phase=phase)
        before = Phase.PENDING if phase is Phase.FIRING else Phase.FIRING
        changes.append(Transition(alert, before, at(place), "so"))
    found = fires(changes, at(len(told)))
    assert len(found) == sum(each.alert.phase is Phase.FIRING for each in changes)
    assert {each.alert.member for each in found if each.resolved_at is None} == firing
    assert all(each.duration_s >= 0 for each in found)
    assert [each.fired_at for each in found] == sorted(each.fired_at for each in found)


def test_labels_of_a_universe_are_its_ground_truth(tmp_path: Path) -> None:
    now_ns = int(START.timestamp()) * 10**9
    moment = [now_ns]
    path = tmp_path / "truth.jsonl"
    with Truth(path) as kept:
        faults = Faults(lambda: moment[0], kept)
        storm = faults.begin("login_storm").id
        moment[0] += 60 * 10**9
        faults.end(storm)
        faults.begin("exchange_slow")
    ended, running = load(path)
    assert ended.id.startswith("login_storm/")
    assert (ended.start, ended.end, ended.areas, ended.fault) == (START, at(1), ("emergency",), True)
    assert running.end is None
    assert "trading_execution" in running.areas


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("labels: [", "no YAML"),
        ("faults: []", "under labels"),
        ("labels: [{id: a, start: 2026-01-01T00:00:00Z}]", "labels[0]: "),
        ("labels: [{id: a, start: 2026-01-01T00:00:00, areas: [costs]}]", "labels[0].start"),
        ("labels: [{id: a, start: soon, areas: [costs]}]", "labels[0].start"),
        ("labels: [{id: a, start: 2026-01-01T00:00:00Z, areas: [costs], colour: red}]", "labels[0].colour"),
        ("labels: [7]", "labels[0]"),
    ],
)
def test_a_bad_label_is_refused_by_its_place(text: str, named: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        plain(text, "labels.yaml")
    assert named in str(refused.value)


def test_a_torn_record_and_a_file_that_is_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="line 2"):
        truth(json.dumps({"id": "a-1", "kind": "k", **_ENDS}) + '\n{"id": "a-2"')
    with pytest.raises(InvalidRequest, match=r"nothing\.yaml"):
        load(tmp_path / "nothing.yaml")


_ENDS = {"start_ns": 1, "end_ns": 2, "expected_areas": ["costs"], "permitted_areas": [], "is_fault": True}
