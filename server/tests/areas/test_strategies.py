"""Strategies: random runs and events through the real store, against the same worked out in plain Python."""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from observatory import areas
from observatory.analytics import intervals
from observatory.areas.assess import Span, read_range
from observatory.areas.readings import Readings
from observatory.store import Store

AREA = next(each for each in areas.load() if each.id == "strategies")
HOUR, DAY = 3_600, 86_400
USERS, NAMES = ["", "u1", "u2", "u3"], ["", "s1", "s2"]
# The last second before midnight and the first after it are as good as any other.
AGES = st.sampled_from([5, 20, 20, 299, 400, 3_599, 3_700, 2 * DAY, 2 * DAY + 1, 20 * DAY])
QUEUE_S = 7 * DAY

RUNS = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["execute", "execute", "test"]),
        "strategy": st.sampled_from(NAMES),
        "user": st.sampled_from(USERS),
        "status": st.sampled_from(["", "completed", "skipped", "passed", "failed"]),
        "failed": st.booleans(),
        "ms": st.sampled_from([0, 1, 40, 40, 2_500]),
        "ago": AGES,
    }
)
EVENTS = st.fixed_dictionaries(
    {
        "event": st.sampled_from(["submitted", "reviewed", "activated", "deactivated", "downloaded"]),
        "strategy": st.sampled_from(NAMES),
        "user": st.sampled_from(USERS),
        "status": st.sampled_from(["", "approved", "rejected"]),
        "ago": AGES,
    }
)


def tell(sender: Any, runs: Sequence[Mapping[str, Any]], events: Sequence[Mapping[str, Any]]) -> None:
    for run in runs:
        known = {"strategy.id": run["strategy"], "user.id": run["user"], "strategy.status": run["status"]}
        sender.span(f"strategy.{run['kind']}", ago=run["ago"], ms=run["ms"], error=run["failed"], **known)
    for event in events:
        known = {"strategy.id": event["strategy"], "user.id": event["user"], "strategy.status": event["status"]}
        sender.log(f"strategy.{event['event']}", ago=event["ago"], **known)


def switched_on(runs: Sequence[Mapping[str, Any]], events: Sequence[Mapping[str, Any]]) -> Counter[str]:
    """By user, how many strategies are switched on."""
    last: dict[tuple[str, str], tuple[float, str]] = {}
    for each in events:
        if each["event"] in ("activated", "deactivated") and each["user"] and each["strategy"]:
            key = (each["user"], each["strategy"])
            last[key] = max(last.get(key, (-1e12, "")), (-each["ago"], each["event"]))
    on = {key for key, (_, event) in last.items() if event == "activated"}
    for each in runs:
        key = (each["user"], each["strategy"])
        if each["kind"] == "execute" and all(key) and each["ago"] < HOUR and key not in last:
            on.add(key)
    return Counter(user for user, _ in on)


def queue(events: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Depth, oldest age and what was overtaken."""
    submitted, reviewed = defaultdict(list), defaultdict(list)
    for each in events:
        if each["strategy"] and each["event"] in ("submitted", "reviewed") and each["ago"] < QUEUE_S:
            (submitted if each["event"] == "submitted" else reviewed)[each["strategy"]].append(-each["ago"])
    last = {name: max(reviewed[name], default=-1e12) for name in {*submitted, *reviewed}}
    waits = {name: [at for at in ats if at > last[name]] for name, ats in submitted.items()}
    served = max((at for name, ats in submitted.items() for at in ats if at <= last[name]), default=-1e12)
    since = [min(ats) for ats in waits.values() if ats]
    overtaken = sum(at < served for at in since)
    return {
        "submissions_waiting": len(since) or None,
        "oldest_submission_age": -min(since) if since else None,
        "submissions_overtaken": overtaken if since else None,
    }


def review_times(events: Sequence[Mapping[str, Any]], within_s: int) -> list[float]:
    told = [each for each in events if each["strategy"] and each["ago"] < QUEUE_S]
    found = []
    for review in (each for each in told if each["event"] == "reviewed" and each["ago"] < within_s):
        before = [
            each["ago"]
            for each in told
            if each["event"] == "submitted" and each["strategy"] == review["strategy"] and each["ago"] >= review["ago"]
        ]
        found += [min(before) - review["ago"]] if before else []
    return found


def expected(runs: Sequence[Mapping[str, Any]], events: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Every measure of the area over the last hour, None where nothing is known."""
    executions = [each for each in runs if each["kind"] == "execute" and each["ago"] < HOUR]
    tests = [each for each in runs if each["kind"] == "test" and each["ago"] < HOUR]
    judged = [
        each["status"] == "passed" for each in tests if each["status"] in ("passed", "failed") and not each["failed"]
    ]
    told = Counter(each["event"] for each in events if each["ago"] < HOUR)
    verdicts = [
        each["status"] == "approved"
        for each in events
        if each["ago"] < HOUR and each["event"] == "reviewed" and each["status"]
    ]
    pairs = {(each["user"], each["strategy"]) for each in executions if each["user"] and each["strategy"]}
    active = list(switched_on(runs, events).values())
    times = [each["ms"] for each in tests]
    reviews = review_times(events, HOUR)
    return {
        "executions": len(executions) or None,
        "execution_success": np.mean([not each["failed"] for each in executions]) if executions else None,
        "strategies_per_user": len(pairs) / len({user for user, _ in pairs}) if pairs else None,
        "users_with_strategies": len(active) or None,
        "strategies_switched_on": sum(active) or None,
        "active_per_user_mean": np.mean(active) if active else None,
        "active_per_user_p50": np.quantile(active, 0.5) if active else None,
        "active_per_user_p95": np.quantile(active, 0.95) if active else None,
        "active_per_user_max": max(active) if active else None,
        "tests": len(tests) or None,
        "tests_broken": sum(each["failed"] for each in tests) if tests else None,
        "tests_broken_ratio": np.mean([each["failed"] for each in tests]) if tests else None,
        "tests_passed_ratio": np.mean(judged) if judged else None,
        "test_time": np.mean(times) if times else None,
        "test_time_p50": np.quantile(times, 0.5) if times else None,
        "test_time_p95": np.quantile(times, 0.95) if times else None,
        "test_time_p99": np.quantile(times, 0.99) if times else None,
        "marketplace_activations": told["activated"] or None,
        "marketplace_deactivations": told["deactivated"] or None,
        "marketplace_downloads": told["downloaded"] or None,
        "submitted": told["submitted"] or None,
        "reviewed": told["reviewed"] or None,
        "approved_ratio": np.mean(verdicts) if verdicts else None,
        "review_time": np.mean(reviews) if reviews else None,
        "review_time_p50": np.quantile(reviews, 0.5) if reviews else None,
        **queue(events),
    }


async def read(store: Store, environment: str, at: datetime) -> Readings:
    span = Span(at, HOUR, at - timedelta(days=1))
    names = frozenset(each.id for each in AREA.indicators.values() if each.value)
    return Readings(AREA.id, await read_range(AREA, store.reader, names, environment, span))


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(RUNS, max_size=25), st.lists(EVENTS, max_size=40))
async def test_strategies_of_any_kind_are_measured_as_by_hand(
    store: Store, sender: Any, runs: list[dict[str, Any]], events: list[dict[str, Any]]
) -> None:
    # An environment for each example.
    sender.environment = f"test-{uuid.uuid4().hex[:12]}"
    tell(sender, runs, events)
    sender.flush()
    found = await read(store, sender.environment, sender.at)
    for name, value in expected(runs, events).items():
        measured = found.whole(name)
        shown = measured.value if measured is not None else None
        assert shown == (None if value is None else pytest.approx(float(value), rel=1e-9)), name
    for strategy in NAMES:
        own = [
            each for each in runs if each["kind"] == "execute" and each["ago"] < HOUR and each["strategy"] == strategy
        ]
        measured = found.members("strategy_execution_success").get(strategy)
        if not own or not strategy:
            continue
        good = sum(not each["failed"] for each in own) / len(own)
        assert measured is not None
        assert measured.value == pytest.approx(good)
        assert measured.interval == pytest.approx(intervals.wilson(good, len(own)), abs=1e-9)


async def test_a_queue_that_stands_still_is_judged_before_a_day_has_passed(sender: Any, look: Any) -> None:
    for number in range(30):
        for event, later in (("submitted", 0), ("reviewed", 3)):
            sender.log(f"strategy.{event}", ago=3_000 - 10 * number - later, **{"strategy.id": f"d{number}"})
    sender.log("strategy.submitted", ago=90, **{"strategy.id": "stuck"})
    view = await look("strategies")
    assert view.member("strategies.queue_stall").value == pytest.approx(30)
    assert view.judged("strategies.queue_stall")


async def test_a_lost_submission_is_no_sign_of_a_queue_that_stands_still(sender: Any, look: Any) -> None:
    sender.log("strategy.submitted", ago=5_000, **{"strategy.id": "lost"})
    for number in range(30):
        for event, later in (("submitted", 0), ("reviewed", 3)):
            sender.log(f"strategy.{event}", ago=3_000 - 10 * number - later, **{"strategy.id": f"d{number}"})
    view = await look("strategies")
    assert view.member("strategies.queue_stall").value == 0
    assert view["oldest_submission_age_s"] == pytest.approx(5_000)


async def test_a_failing_strategy_is_judged_only_beyond_chance(sender: Any, look: Any) -> None:
    for name, runs, failures in (("bad", 40, 20), ("unlucky", 25, 2), ("good", 25, 0)):
        for place in range(runs):
            sender.span("strategy.execute", error=place < failures, **{"strategy.id": name})
    view = await look("strategies")
    judged = {name: view.judged("strategies.strategy_execution_success", name) for name in ("bad", "unlucky", "good")}
    assert judged == {"bad": True, "unlucky": False, "good": True}


async def test_an_event_that_arrives_late_counts_when_it_happened(sender: Any, look: Any) -> None:
    sender.log("strategy.deactivated", ago=100, **{"strategy.id": "s", "user.id": "u"})
    sender.flush()
    sender.log("strategy.activated", ago=500, **{"strategy.id": "s", "user.id": "u"})
    view = await look("strategies")
    assert view.member("strategies.users_with_strategies").value is None
