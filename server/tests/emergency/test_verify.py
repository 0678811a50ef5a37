"""A check says that it is over only when it is known to be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scenes import AT, measured, sight, snapshot
from starlette.datastructures import State

from observatory import areas, catalogue
from observatory.api import runbook_checks
from observatory.model import Health, LoadState, Reading, ServiceState, Verdict
from observatory.model.alert import Alert, Phase, Severity
from observatory.runbooks import Check, Outcome, verify
from observatory.runbooks.verify import Judged, Point

INDICATORS = {name: each for area in areas.load() for name, each in area.indicators.items()}
ORDERS = INDICATORS["trading_execution.exchange_execution_success"]
CHECK = Check("indicator", ORDERS.id, 300)
ALERTS = Check("alerts", "", 120)
SERVICE = Check("service", "", 60)


def steady(value: float | None, seconds: int = 310) -> list[Point]:
    return [Point(AT - timedelta(seconds=ago), value) for ago in range(seconds, 0, -10)]


def asked(
    readings: Sequence[Reading], past: dict[str, list[Point]] | None = None, concerned: Sequence[str] = ()
) -> Outcome:
    return verify.indicator(CHECK, ORDERS, readings, past or {}, concerned, AT).outcome


def venue(value: float | None, member: str = "binance", samples: int = 100) -> Reading:
    return Reading(ORDERS.id, member, replace(measured(value), samples=samples))


def test_within_the_bound_for_long_enough_is_over() -> None:
    assert asked([venue(0.99)], {"binance": steady(0.99)}, ["binance"]) is Outcome.RECOVERED


def test_beyond_the_bound_now_is_not_over() -> None:
    found = verify.indicator(CHECK, ORDERS, [venue(0.5), venue(0.99, "kraken")], {"binance": steady(0.99)}, (), AT)
    assert found.outcome is Outcome.NOT_YET
    assert "binance" in found.reason


def test_within_the_bound_for_a_moment_is_not_over() -> None:
    past = [*steady(0.5)[:20], *steady(0.99)[20:]]
    assert asked([venue(0.99)], {"binance": past}) is Outcome.NOT_YET
    assert asked([venue(0.99)], {"binance": steady(0.99, 60)}) is Outcome.NOT_YET


def test_nothing_known_is_unknown_and_never_over() -> None:
    assert asked([]) is Outcome.UNKNOWN
    assert asked([venue(None)], {"binance": steady(0.99)}) is Outcome.UNKNOWN
    assert asked([venue(0.99)], {"binance": steady(None)}) is Outcome.UNKNOWN
    assert asked([venue(0.99, samples=1)], {"binance": steady(0.99)}) is Outcome.UNKNOWN
    assert asked([replace(venue(0.99), judged=False)], {"binance": steady(0.99)}) is Outcome.UNKNOWN


def test_that_nobody_trades_there_any_more_is_not_that_orders_succeed_again() -> None:
    others = [venue(0.99, "kraken"), venue(0.1, "binance", samples=2)]
    past = {"kraken": steady(0.99), "binance": steady(0.99)}
    assert asked(others, past, ["binance"]) is Outcome.UNKNOWN
    assert asked(others[:1], past, ["binance"]) is Outcome.UNKNOWN
    assert asked(others, past) is Outcome.RECOVERED


def test_a_member_that_is_concerned_is_judged_by_its_own_past() -> None:
    now = [venue(0.99, "kraken"), venue(0.99, "binance")]
    past = {"kraken": steady(0.99), "binance": steady(0.99, 60)}
    assert asked(now, past, ["binance"]) is Outcome.NOT_YET
    assert asked(now, past, ["kraken"]) is Outcome.RECOVERED
    assert asked(now, {"kraken": steady(0.99)}, ["binance"]) is Outcome.UNKNOWN
    assert asked(now, {"kraken": steady(0.99), "binance": steady(0.99)}, ["binance"]) is Outcome.RECOVERED
    found = verify.indicator(CHECK, ORDERS, now, past, ["binance"], AT)
    assert "of binance: within the bound, but only for 60 s" in found.reason


def question(member: str, *readings: Reading) -> runbook_checks.Asked:
    """What is asked of a round with these readings."""
    shot = snapshot(readings)
    states = SimpleNamespace(of=lambda _: SimpleNamespace(snapshot=shot))
    state = SimpleNamespace(snapshots=states, stale_after_s=60, catalogue=catalogue.load())
    return runbook_checks.Asked(cast(State, state), "production", member, (), AT)


def test_who_asks_about_one_exchange_is_told_of_that_one() -> None:
    both = [venue(0.99, "kraken"), venue(0.5, "binance")]
    told = {
        member: [each.member for each in runbook_checks.readings(question(member, *both), ORDERS)]
        for member in ("", "binance", "kraken", "kucoin", "oauth_service")
    }
    # A service is no exchange: it is asked about all of them.
    every = ["kraken", "binance"]
    assert told == {"": every, "binance": ["binance"], "kraken": ["kraken"], "kucoin": [], "oauth_service": every}
    whole = INDICATORS["trading_execution.execution_success"]
    assert runbook_checks.member_of(question("binance"), whole) is None
    failing = INDICATORS["market_data.service_error_rate"]
    assert runbook_checks.member_of(question("oauth_service"), failing) == "oauth_service"


def test_each_service_that_is_concerned_has_to_be_well() -> None:
    states = {"a": state(Health.HEALTHY), "b": state(Health.CRITICAL), "c": state(Health.HEALTHY, 10)}
    assert verify.services(SERVICE, states, ["a"], AT).outcome is Outcome.RECOVERED
    assert verify.services(SERVICE, states, ["a", "b"], AT).outcome is Outcome.NOT_YET
    assert verify.services(SERVICE, states, ["a", "c"], AT).outcome is Outcome.NOT_YET
    assert verify.services(SERVICE, states, ["a", "no service"], AT).outcome is Outcome.RECOVERED
    assert verify.services(SERVICE, states, [], AT).outcome is Outcome.NOT_YET


@given(st.lists(st.one_of(st.none(), st.floats(0, 1)), min_size=0, max_size=31), st.one_of(st.none(), st.floats(0, 1)))
def test_it_is_over_only_when_no_known_value_was_beyond_the_bound(
    values: list[float | None], now: float | None
) -> None:
    past = [Point(AT - timedelta(seconds=10 * (len(values) - place)), value) for place, value in enumerate(values)]
    outcome = asked([venue(now)], {"binance": past})
    if outcome is Outcome.RECOVERED:
        assert now is not None
        assert all(value is None or value >= 0.95 for value in (*values, now))
        assert len(values) * 10 >= CHECK.held_s - 30


def test_a_check_needs_a_bound_from_somewhere() -> None:
    with pytest.raises(ValueError, match="no bound"):
        verify.bound_of(Check("indicator", "ai_systems.calls", 60), INDICATORS["ai_systems.calls"])


def alert(phase: Phase, ended_s: float | None = None) -> Alert:
    at = None if ended_s is None else AT - timedelta(seconds=ended_s)
    return Alert(
        fingerprint="f" * 24,
        environment="production",
        rule="service.down",
        member="oauth_service",
        severity=Severity.CRITICAL,
        phase=phase,
        since=AT,
        started_at=AT,
        fired_at=AT,
        resolved_at=at,
        seen_at=AT,
        episode=1,
        measurement=None,
        bound="",
        sentence="down",
        area="",
        services=(),
        labels={},
        runbook="service-down",
        evidence=(),
        no_data=False,
    )


def test_alerts_are_over_when_none_has_been_open_for_long_enough() -> None:
    assert verify.alerts(ALERTS, [], AT, AT).outcome is Outcome.RECOVERED
    assert verify.alerts(ALERTS, [alert(Phase.FIRING)], AT, AT).outcome is Outcome.NOT_YET
    assert verify.alerts(ALERTS, [alert(Phase.RESOLVED, 60)], AT, AT).outcome is Outcome.NOT_YET
    assert verify.alerts(ALERTS, [alert(Phase.RESOLVED, 121)], AT, AT).outcome is Outcome.RECOVERED


def test_without_rounds_nobody_knows_whether_alerts_are_over() -> None:
    assert verify.alerts(ALERTS, [], None, AT).outcome is Outcome.UNKNOWN
    assert verify.alerts(ALERTS, [], AT - timedelta(minutes=5), AT).outcome is Outcome.UNKNOWN


def state(health: Health, since_s: float | None = 600) -> ServiceState:
    since = None if since_s is None else AT - timedelta(seconds=since_s)
    return ServiceState(sight("oauth_service", load=LoadState.REPORTING), Verdict(health, (), since))


@pytest.mark.parametrize(
    ("found", "outcome"),
    [
        (state(Health.HEALTHY), Outcome.RECOVERED),
        (state(Health.HEALTHY, 10), Outcome.NOT_YET),
        (state(Health.CRITICAL), Outcome.NOT_YET),
        (state(Health.DEGRADED), Outcome.NOT_YET),
        (state(Health.UNKNOWN), Outcome.UNKNOWN),
    ],
)
def test_a_service_is_well_again_when_it_has_been_for_long_enough(found: ServiceState, outcome: Outcome) -> None:
    assert verify.service(SERVICE, {"oauth_service": found}, "oauth_service", AT).outcome is outcome


def test_without_a_service_it_is_asked_whether_any_is_critical() -> None:
    assert verify.service(SERVICE, {}, "", AT).outcome is Outcome.UNKNOWN
    assert verify.service(SERVICE, {"a": state(Health.CRITICAL)}, "", AT).outcome is Outcome.NOT_YET
    assert verify.service(SERVICE, {"a": state(Health.DEGRADED)}, "", AT).outcome is Outcome.RECOVERED


@given(st.lists(st.sampled_from(Outcome), min_size=1, max_size=5))
def test_all_checks_together_are_over_only_when_each_is(found: list[Outcome]) -> None:
    together = verify.together(Judged(each, "") for each in found)
    assert (together is Outcome.RECOVERED) == (set(found) == {Outcome.RECOVERED})
    assert (together is Outcome.NOT_YET) == (Outcome.NOT_YET in found)
