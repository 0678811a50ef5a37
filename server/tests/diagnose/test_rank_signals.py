"""Spans and logs as further evidence of who caused it."""

from __future__ import annotations

import random
from typing import Any

import pytest

from observatory.diagnose import rank
from observatory.diagnose.kinds import Kind, kind

POINTS = 180
ONSET = 120
TIMES = [1_700_000_000.0 + 10 * n for n in range(POINTS)]
END = TIMES[-1] + 10


def _calls(slow: str = "", failing: str = "") -> list[dict[str, Any]]:
    """A chain of three: each takes what the one below it takes, and something of its own."""
    chance = random.Random(3)
    found: list[dict[str, Any]] = []
    for n in range(2_500):
        at = TIMES[0] + (END - TIMES[0]) * n / 2_500
        late, took, failed = at >= TIMES[ONSET], 0.0, False
        for service, parent in (("c", "b"), ("b", "a"), ("a", None)):
            took += chance.gauss(10, 1) + (50 if late and service == slow else 0)
            failed = failed or (late and service == failing and chance.random() < 0.5)
            found.append(
                {
                    "id": f"{n}{service}",
                    "service": service,
                    "parent": f"{n}{parent}" if parent else None,
                    "start": at,
                    "duration": took,
                    "status": "ERROR" if failed else "OK",
                }
            )
    return found


@pytest.mark.parametrize("slow", ["a", "b", "c"])
@pytest.mark.parametrize("unit", [1.0, 1e3, 1e6, 1e9])
def test_own_time_of_spans_tells_who_is_slow_in_whatever_unit_they_start(slow: str, unit: float) -> None:
    spans = [{**each, "start": each["start"] * unit} for each in _calls(slow=slow)]
    found = rank({}, TIMES, [], "a", spans=spans)
    assert (found[0].service, found[0].metric) == (slow, "span_self_time")


def test_failures_are_blamed_on_the_deepest_that_fails() -> None:
    assert rank({}, TIMES, [], "a", spans=_calls(failing="c"))[0].service == "c"


def test_a_parent_may_be_the_calling_service() -> None:
    spans = [{**each, "id": None, "parent": {"c": "b", "b": "a"}.get(each["service"], "")} for each in _calls(slow="c")]
    assert rank({}, TIMES, [], "a", spans=spans)[0].service == "c"


def test_usual_spans_and_logs_blame_nobody() -> None:
    logs = [{"service": "a", "time": at, "text": "order 17 done", "level": "INFO"} for at in TIMES]
    assert rank({}, TIMES, [], "a", spans=_calls(), logs=logs) == []


def test_a_new_exception_in_the_logs_names_the_service() -> None:
    logs = [
        {"service": service, "time": at * 1000, "text": f"order {n} done in {n % 7} ms", "level": "INFO"}
        for service in "abc"
        for n, at in enumerate(TIMES)
    ]
    logs += [
        {"service": "b", "time": (at + part) * 1000, "text": "ValueError: no such key", "level": "ERROR"}
        for at in TIMES[ONSET:]
        for part in (1, 4, 7)
    ]
    found = rank({}, TIMES, [("a", "b"), ("b", "c")], "a", logs=logs)
    assert found[0].service == "b"
    assert found[0].metric in {"log_errors", "log_new_kinds"}


def test_what_has_no_service_or_no_time_is_passed_over() -> None:
    spans = [{"service": None}, {}, {"service": "x", "start": "soon", "duration": None}]
    assert rank({}, TIMES, [], "a", spans=spans, logs=[{}, {"service": "x"}, {"service": "x", "time": "?"}]) == []


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("cpu", Kind.RESOURCE),
        ("container_memory_working_set_bytes", Kind.RESOURCE),
        ("diskio", Kind.RESOURCE),
        ("process.cpu.time", Kind.RESOURCE),
        ("latency-90", Kind.LATENCY),
        ("lat_50", Kind.LATENCY),
        ("http_request_duration_seconds", Kind.LATENCY),
        ("responseTime", Kind.LATENCY),
        ("error", Kind.ERROR),
        ("http_5xx_total", Kind.ERROR),
        ("request_errors", Kind.ERROR),
        ("workload", Kind.TRAFFIC),
        ("requestsPerSecond", Kind.TRAFFIC),
        ("socket", Kind.HELD),
        ("db.client.connection.count", Kind.HELD),
        ("span_self_time", Kind.SELF),
        ("sharpe", Kind.OTHER),
    ],
)
def test_a_metrics_name_tells_its_kind(metric: str, expected: Kind) -> None:
    assert kind(metric) is expected
