"""Who caused it, from plain series: no store, no settings."""

from __future__ import annotations

import math
import random
import subprocess
import sys
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from observatory.diagnose import Suspect, rank

POINTS = 240
ONSET = 160
TIMES = [1_700_000_000.0 + 5 * n for n in range(POINTS)]
EDGES = [("web", "orders"), ("web", "users"), ("orders", "stock"), ("orders", "pay"), ("stock", "db")]
SERVICES = ("web", "orders", "users", "stock", "pay", "db")
# Milliseconds of its own that each takes.
OWN = {"web": 5.0, "orders": 10.0, "users": 8.0, "stock": 6.0, "pay": 30.0, "db": 3.0}

Metrics = dict[str, dict[str, list[float | None]]]


def _below(service: str) -> set[str]:
    found = {service}
    for _ in SERVICES:
        found |= {callee for caller, callee in EDGES if caller in found}
    return found


def platform(seed: int = 1, slow: str = "", by_ms: float = 0.0, noise: float = 0.05) -> Metrics:
    """What all tell when one of them takes longer from the onset on: it, and those that wait for it."""
    chance = random.Random(seed)

    def wild(middle: float, share: float = noise) -> list[float]:
        return [middle * (1 + share * chance.gauss(0, 1)) for _ in range(POINTS)]

    found: Metrics = {}
    for service in SERVICES:
        latency = wild(sum(OWN[each] for each in _below(service)))
        if slow in _below(service):
            latency = [value + (by_ms if n >= ONSET else 0) for n, value in enumerate(latency)]
        found[service] = {
            "latency_p90": list(latency),
            "cpu": list(wild(0.2)),
            "mem": list(wild(3e8, 0.01)),
            "workload": list(wild(120)),
        }
    return found


def _raised(metrics: Metrics, service: str, metric: str, times: float, until: int = POINTS) -> Metrics:
    values = metrics[service][metric]
    metrics[service][metric] = [
        value * times if value is not None and ONSET <= n < until else value for n, value in enumerate(values)
    ]
    return metrics


def _first(found: Sequence[Suspect]) -> tuple[str, str]:
    return found[0].service, found[0].metric


@pytest.mark.parametrize("told", [None, TIMES[ONSET]])
@pytest.mark.parametrize("slow", ["db", "pay", "users", "orders"])
def test_of_all_that_are_slow_the_deepest_is_the_cause(slow: str, told: float | None) -> None:
    found = rank(platform(slow=slow, by_ms=80), TIMES, EDGES, "web", told)
    assert _first(found) == (slow, "latency_p90")
    assert found[0].kind == "cause"
    assert {each.service: each.kind for each in found}["web"] == "symptom"
    assert found[0].direction == "up"
    assert found[0].onset is not None
    assert abs(found[0].onset - TIMES[ONSET]) <= 25


def test_who_burns_the_processor_is_blamed_before_those_that_wait_for_it() -> None:
    metrics = _raised(platform(slow="stock", by_ms=40), "stock", "cpu", 4)
    found = rank(metrics, TIMES, EDGES, "web")
    assert _first(found) == ("stock", "cpu")
    assert 0 < found[0].score <= 1
    assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)


@pytest.mark.parametrize("edges", [EDGES, []])
def test_a_resource_is_found_with_and_without_a_topology(edges: list[tuple[str, str]]) -> None:
    assert _first(rank(_raised(platform(), "pay", "mem", 2), TIMES, edges, "web")) == ("pay", "mem")


def test_more_traffic_is_not_blamed_on_the_processors_that_work_it_off() -> None:
    metrics = platform()
    for service in SERVICES:
        _raised(_raised(metrics, service, "workload", 2), service, "cpu", 1.9)
    _raised(metrics, "db", "mem", 3)
    assert _first(rank(metrics, TIMES, EDGES, "web")) == ("db", "mem")


def test_a_service_that_falls_silent_is_the_cause_of_its_callers_failures() -> None:
    metrics = platform()
    for values in metrics["stock"].values():
        values[ONSET:] = [None] * (POINTS - ONSET)
    for caller in ("orders", "web"):
        metrics[caller]["errors"] = [0.0 if n < ONSET else 30.0 for n in range(POINTS)]
    found = rank(metrics, TIMES, EDGES, "web")
    assert (found[0].service, found[0].direction) == ("stock", "gone")
    assert "told nothing" in found[0].evidence[0].sentence


def test_when_all_fall_silent_it_is_the_collection() -> None:
    metrics = platform()
    for series in metrics.values():
        for values in series.values():
            values[ONSET:] = [None] * (POINTS - ONSET)
    assert rank(metrics, TIMES, EDGES, "web") == []


def test_a_trouble_that_has_ended_is_found_as_well() -> None:
    found = rank(_raised(platform(), "pay", "cpu", 5, until=200), TIMES, EDGES, "web")
    assert _first(found) == ("pay", "cpu")
    assert found[0].onset is not None
    assert abs(found[0].onset - TIMES[ONSET]) <= 25


@pytest.mark.parametrize("told", [None, TIMES[ONSET]])
@pytest.mark.parametrize("seed", range(15))
def test_nobody_is_blamed_when_nothing_is_wrong(seed: int, told: float | None) -> None:
    assert rank(platform(seed), TIMES, EDGES, "web", told) == []


@pytest.mark.parametrize("points", [0, 1, 5, 12])
def test_too_few_points_are_not_enough_evidence(points: int) -> None:
    metrics = {
        service: {name: values[:points] for name, values in series.items()} for service, series in platform().items()
    }
    assert rank(metrics, TIMES[:points], EDGES, "web") == []


@pytest.mark.parametrize("told", [TIMES[0], TIMES[-1], TIMES[-1] + 3600, 0.0])
def test_a_beginning_with_nothing_before_or_after_it_is_not_enough_evidence(told: float) -> None:
    assert rank(platform(slow="db", by_ms=80), TIMES, EDGES, "web", told) == []


def test_the_order_and_the_units_in_which_data_come_decide_nothing() -> None:
    metrics = platform(slow="db", by_ms=80)
    shuffled = {
        service: {
            name: [None if value is None else value * 1e6 for value in series[name]] for name in sorted(series)[::-1]
        }
        for service, series in sorted(metrics.items(), reverse=True)
    }
    first = rank(metrics, TIMES, EDGES, "web")
    second = rank(shuffled, TIMES, EDGES[::-1], "web")
    assert [(each.service, each.metric, each.score) for each in first] == [
        (each.service, each.metric, each.score) for each in second
    ]
    assert rank(metrics, TIMES, EDGES, "web") == first


def test_gaps_constants_and_lone_infinities_do_no_harm() -> None:
    metrics = platform(slow="db", by_ms=80)
    chance = random.Random(5)
    for series in metrics.values():
        for name, values in series.items():
            series[name] = [value if chance.random() > 0.1 else chance.choice([None, math.nan]) for value in values]
        series["version"] = [3.0] * POINTS
        series["never"] = [None] * POINTS
    metrics["web"]["cpu"][ONSET + 5] = math.inf
    assert _first(rank(metrics, TIMES, EDGES, "web")) == ("db", "latency_p90")


def test_a_target_and_callees_without_metrics_are_no_hindrance() -> None:
    metrics = platform(slow="db", by_ms=80)
    del metrics["web"]
    assert rank(metrics, TIMES, [*EDGES, ("web", "unknown"), ("gate", "web")], "gate")[0].service == "db"


def test_services_that_call_each_other_in_a_circle_are_ranked() -> None:
    found = rank(platform(slow="db", by_ms=80), TIMES, [*EDGES, ("db", "web"), ("pay", "pay")], "web")
    assert "db" in {each.service for each in found}


@pytest.mark.parametrize(
    ("metrics", "times", "named"),
    [
        ({"a": {"cpu": [1.0] * 3}}, TIMES, "a.cpu"),
        ({"a": {"cpu": ["x"] * POINTS}}, TIMES, "a.cpu"),
        ({"a": {"cpu": [1.0] * 2}}, [1.0, math.nan], "times"),
    ],
)
def test_data_that_do_not_fit_are_named(metrics: Metrics, times: list[float], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        rank(metrics, times, [], "a")


def test_times_may_come_in_any_order_and_twice() -> None:
    metrics = platform(slow="db", by_ms=80)
    there = [*range(POINTS), *range(20)]
    random.Random(2).shuffle(there)
    mixed = {
        service: {name: [values[n] for n in there] for name, values in series.items()}
        for service, series in metrics.items()
    }
    assert rank(mixed, [TIMES[n] for n in there], EDGES, "web") == rank(metrics, TIMES, EDGES, "web")


def test_series_that_are_told_more_often_than_they_are_read_are_no_change_of_level() -> None:
    chance = random.Random(4)
    metrics: Metrics = {
        service: {name: [value for _ in range(20) for value in [chance.gauss(9, 1)] * 12] for name in ("cpu", "mem")}
        for service in SERVICES
    }
    assert rank(metrics, TIMES, EDGES, "web") == []


def test_evidence_tells_what_moved_from_where_to_where() -> None:
    found = rank(_raised(platform(), "pay", "cpu", 5), TIMES, EDGES, "web")
    fact = found[0].evidence[0]
    assert fact.id == "metric:pay:cpu"
    assert fact.samples >= POINTS - ONSET
    assert fact.usual == pytest.approx(0.2, rel=0.1)
    assert fact.value == pytest.approx(1.0, rel=0.15)
    assert fact.since is not None
    assert abs(fact.since.timestamp() - TIMES[ONSET]) <= 25


_VALUE = st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True), st.integers(-5, 5).map(float))


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.lists(_VALUE, min_size=30, max_size=30), max_size=6),
    told=st.one_of(st.none(), st.floats(0, 40)),
)
def test_whatever_comes_an_answer_comes_and_its_scores_fall(rows: list[list[float | None]], told: float | None) -> None:
    metrics = {f"s{n % 3}": {f"m{n}": row} for n, row in enumerate(rows)}
    found = rank(metrics, [float(n) for n in range(30)], [("s0", "s1")], "s0", told)
    scores = [each.score for each in found]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)


def test_it_needs_neither_settings_nor_a_store() -> None:
    program = (
        "import sys, observatory.diagnose\n"
        "assert observatory.diagnose.rank({}, [], [], 'a') == []\n"
        "print([name for name in sys.modules if name in ('observatory.settings', 'observatory.store', 'chdb')])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
