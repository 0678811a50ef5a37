"""The safety systems: random events through the real store, against the same worked out in plain Python."""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from observatory import areas, catalogue
from observatory.analytics import flapping, intervals
from observatory.areas import deepdive
from observatory.areas.assess import Span, read_range
from observatory.areas.emergency.sections import losses
from observatory.areas.readings import Readings
from observatory.store import Store

AREA = next(each for each in areas.load() if each.id == "emergency")
(EMERGENCY,) = deepdive.load(AREA)
HOUR, DAY = 3_600, 86_400
WELL = {"healthy", "ok"}
AGES = st.integers(1, 2 * HOUR)
TRANSITIONS = st.tuples(st.sampled_from(["a", "b"]), st.sampled_from(["open", "OPEN", "half_open", "closed"]), AGES)
EVENTS = st.tuples(
    st.sampled_from(["emergency.activated", "failover", "service.degraded", "security.event", "deployment"]),
    st.sampled_from(["x", "y"]),
    st.sampled_from(["", "healthy", "critical", "ok"]),
    st.booleans(),
    AGES,
)
Stay = tuple[float, float, str]


def told(transitions: Sequence[tuple[str, str, int]]) -> Mapping[str, list[tuple[float, str]]]:
    """By breaker its states in order, times in seconds after the time to look; open is the later of two at once."""
    found = defaultdict(list)
    for name, state, ago in transitions:
        found[name].append((-float(ago), state.lower()))
    return {name: sorted(each, key=lambda one: (one[0], one[1] == "open")) for name, each in found.items()}


def stays(states: Sequence[tuple[float, str]]) -> list[Stay]:
    ends = [at for at, _ in states[1:]] + [0.0]
    return [(at, end, state) for (at, state), end in zip(states, ends, strict=True)]


def recoveries(states: Sequence[tuple[float, str]], since: float) -> list[float]:
    found, opened = [], None
    for at, state in states:
        if state != "closed" and opened is None:
            opened = at
        elif state == "closed" and opened is not None:
            found += [at - opened] if at > since else []
            opened = None
    return found


def open_s(states: Sequence[tuple[float, str]]) -> float:
    return sum(end - max(at, -HOUR) for at, end, state in stays(states) if state == "open" and end > -HOUR)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(TRANSITIONS, max_size=20, unique_by=lambda each: (each[0], each[2])), st.lists(EVENTS, max_size=15))
async def test_safety_events_of_any_kind_are_measured_as_by_hand(
    store: Store,
    sender: Any,
    transitions: list[tuple[str, str, int]],
    events: list[tuple[str, str, str, bool, int]],
) -> None:
    # An environment for each example.
    sender.environment = f"test-{uuid.uuid4().hex[:12]}"
    for name, state, ago in transitions:
        sender.log("circuit_breaker.transition", ago=ago, **{"safety.name": name, "safety.to": state})
    for event, name, state, good, ago in events:
        known = {"safety.name": name, "safety.to": state, "safety.succeeded": good}
        sender.log(event, ago=ago, **known)
    sender.flush()
    span = Span(sender.at, HOUR, sender.at - timedelta(days=1))
    names = frozenset(each.id for each in AREA.indicators.values() if each.value)
    found = Readings(AREA.id, await read_range(AREA, store.reader, names, sender.environment, span))
    for name, value in expected(transitions, events).items():
        measured = found.whole(name)
        shown = measured.value if measured is not None else None
        assert shown == (None if value is None else pytest.approx(value)), name
    await _expect_breakers(store, sender, span, transitions)


def expected(
    transitions: Sequence[tuple[str, str, int]], events: Sequence[tuple[str, str, str, bool, int]]
) -> dict[str, float | None]:
    recent = Counter(event for event, *_, ago in events if ago < HOUR)
    moved = [good for event, _, _, good, ago in events if event == "failover" and ago < HOUR]
    worse = [
        1 for event, _, state, _, ago in events if event == "service.degraded" and ago < HOUR and state not in WELL
    ]
    breakers = told(transitions)
    times = [each for states in breakers.values() for each in recoveries(states, -HOUR)]
    trips = [state.lower() == "open" for _, state, ago in transitions if ago < HOUR]
    opened = sum(open_s(states) for states in breakers.values())
    was_open = any(state == "open" and end > -HOUR for states in breakers.values() for _, end, state in stays(states))
    return {
        "activations": recent["emergency.activated"] or None,
        "security_events": recent["security.event"] or None,
        "deployments": recent["deployment"] or None,
        "failovers": len(moved) or None,
        "failovers_failed": moved.count(False) if moved else None,
        "failover_success": moved.count(True) / len(moved) if moved else None,
        "degradations": len(worse) or None,
        "breaker_trips": sum(trips) if trips else None,
        "breakers_open": sum(states[-1][1] == "open" for states in breakers.values()) if breakers else None,
        "breaker_open_time": opened if was_open else None,
        "breaker_recovery_time": sum(times) / len(times) if times else None,
        "breaker_recovery_time_max": max(times) if times else None,
    }


async def _expect_breakers(store: Store, sender: Any, span: Span, transitions: Sequence[tuple[str, str, int]]) -> None:
    shown = await deepdive.read(AREA, EMERGENCY, store.reader, sender.environment, span, only="breakers")
    found = {row["breaker"]: row for row in shown[0].rows}
    breakers = told(transitions)
    assert set(found) == set(breakers)
    for name, states in breakers.items():
        times = [at for at, _ in states]
        assert found[name]["state"] == states[-1][1]
        assert found[name]["in_state_s"] == pytest.approx(-times[-1])
        assert found[name]["open_s"] == pytest.approx(open_s(states))
        assert found[name]["transitions"] == sum(at > -HOUR for at in times)
        most = max(
            (sum(at - 600 <= each <= at for each in times if each > -HOUR - 600) for at in times if at > -HOUR - 600),
            default=0,
        )
        assert found[name]["most_transitions_10m"] == most
        assert found[name]["flapping"] == (most >= 4)


async def test_four_transitions_within_ten_minutes_are_flapping_and_three_are_not(sender: Any, look: Any) -> None:
    for name, times in (("flaps", 4), ("trips", 3)):
        for place in range(times):
            state = "closed" if place % 2 else "open"
            sender.log("circuit_breaker.transition", ago=500 - place, **{"safety.name": name, "safety.to": state})
    view = await look("emergency")
    flaps = AREA.indicators["emergency.breaker_flaps"].warn
    assert flaps is not None
    broken = {name: flaps.broken_by(view.member("emergency.breaker_flaps", name).value) for name in ("flaps", "trips")}
    assert broken == {"flaps": True, "trips": False}


async def test_a_breaker_that_opened_long_ago_is_still_open(sender: Any, look: Any) -> None:
    sender.log("circuit_breaker.transition", ago=20 * DAY, **{"safety.name": "old", "safety.to": "open"})
    assert (await look("emergency"))["breakers_open"] == 1


async def test_a_service_that_is_well_again_is_degraded_no_longer(sender: Any, look: Any) -> None:
    for name, ago, state in (("a", 200, "critical"), ("a", 100, "healthy"), ("b", 50, "degraded")):
        sender.log("service.degraded", ago=ago, **{"safety.name": name, "safety.to": state})
    view = await look("emergency")
    assert view["degradations_5m"] == 2
    assert view.member("emergency.services_degraded").value == 1


async def test_changes_that_do_no_harm_alarm_nobody(sender: Any, look: Any) -> None:
    sender.log("deployment", **{"safety.name": "email_service", "service.version": "2.0"})
    sender.log("config.changed", **{"config.key": "cache.ttl_s"})
    view = await look("emergency", alive={"emergency_manager", "system_monitoring_service", "oauth_service"})
    shown = {name: view[name] for name in ("activations_5m", "security_events_5m", "degradations_5m", "failovers_5m")}
    assert shown == dict.fromkeys(shown, 0)
    assert view.member("emergency.deployments").value == 1
    assert view.member("emergency.config_changes").value == 1


def test_for_each_service_it_is_said_what_users_lose_with_it() -> None:
    assert set(losses()) == {service.id for service in catalogue.load().services}


@given(st.lists(st.integers(0, 3_000), max_size=30))
def test_flapping_is_looked_for_in_every_stretch(times: list[int]) -> None:
    expected_most = max((sum(start <= at <= start + 600 for at in times) for start in times), default=0)
    assert flapping.most(times, 600) == expected_most


async def test_failovers_are_told_with_the_interval_of_their_success(sender: Any, look: Any) -> None:
    for good in (True, True, False):
        sender.log("failover", **{"safety.name": "state", "safety.succeeded": good, "safety.duration_s": 0.25})
    measured = (await look("emergency")).member("emergency.failover_success_by_name", "state")
    assert measured.value == pytest.approx(2 / 3)
    assert measured.interval == pytest.approx(intervals.wilson(2 / 3, 3))
