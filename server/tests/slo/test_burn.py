"""Budgets of errors and of slowness: what is left of them, how fast they burn, and when that is said."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scenes import AT

from observatory import catalogue, slo
from observatory.alerting.inputs import Inputs
from observatory.app import plan
from observatory.selfwatch import Selfwatch
from observatory.settings import Settings
from observatory.slo import Counts, Measure, Objective
from observatory.store import Store

WINDOWS = slo.windows()
HOUR, FIVE_MINUTES = 3_600, 300
SERVICE = Objective("service:x", "service", "x", "X", 0.99, ("x",))


def counts(events: int, bad: int, age: timedelta = timedelta(days=9)) -> Counts:
    lengths = WINDOWS.lengths_s
    return Counts(dict.fromkeys(lengths, events), dict.fromkeys(lengths, bad), AT - age)


def burning(found: slo.Burn) -> list[str]:
    return [each.pair.name for each in found.burnings if each.burning]


def test_the_windows_are_those_of_the_book() -> None:
    assert [(each.factor, each.long_s, each.short_s) for each in WINDOWS.pairs] == [
        (14.4, 3_600, 300),
        (6.0, 21_600, 1_800),
        (1.0, 259_200, 21_600),
    ]
    assert WINDOWS.period_s == 30 * 86_400


def test_a_rate_is_the_bad_share_per_what_is_allowed_and_the_budget_what_is_left_of_it() -> None:
    found = slo.assess(SERVICE, counts(1_000, 5), WINDOWS, AT)
    assert found.burnings[0].long_rate == pytest.approx(0.5)
    assert found.budget_left_ratio == pytest.approx(0.5)
    assert slo.assess(SERVICE, counts(1_000, 30), WINDOWS, AT).budget_left_ratio == pytest.approx(-2)


@pytest.mark.parametrize(
    ("bad", "expected"),
    [(10, []), (11, ["slow"]), (60, ["slow"]), (61, ["medium", "slow"]), (145, ["fast", "medium", "slow"])],
)
def test_each_pair_burns_beyond_its_factor(bad: int, expected: list[str]) -> None:
    assert burning(slo.assess(SERVICE, counts(1_000, bad), WINDOWS, AT)) == expected


def test_both_windows_must_burn() -> None:
    for length_s in (HOUR, FIVE_MINUTES):
        found = counts(1_000, 500)
        calm = Counts(found.events, {**found.bad, length_s: 0}, found.first_at)
        assert "fast" not in burning(slo.assess(SERVICE, calm, WINDOWS, AT))


@pytest.mark.parametrize(("events", "bad"), [(99, 99), (1, 1), (100, 9), (10_000, 9)])
def test_a_few_failures_at_night_are_no_evidence(events: int, bad: int) -> None:
    found = slo.assess(SERVICE, counts(events, bad), WINDOWS, AT)
    assert burning(found) == []
    assert not any(each.enough for each in found.burnings)


def test_whoever_is_new_burns_in_silence() -> None:
    new = slo.assess(SERVICE, counts(1_000, 500, timedelta(minutes=59)), WINDOWS, AT)
    assert (new.burn_in, burning(new)) == (True, ["fast", "medium", "slow"])
    assert not slo.assess(SERVICE, counts(1_000, 500, timedelta(minutes=61)), WINDOWS, AT).burn_in
    assert slo.assess(SERVICE, Counts({}, {}), WINDOWS, AT).burn_in


def test_nothing_called_is_nothing_known() -> None:
    found = slo.assess(SERVICE, Counts({}, {}), WINDOWS, AT)
    assert (found.budget_left_ratio, burning(found)) == (None, [])
    assert {each.long_rate for each in found.burnings} == {None}


def test_a_promise_of_everything_allows_nothing() -> None:
    whole = Objective("service:x", "service", "x", "X", 1.0, ("x",))
    assert slo.assess(whole, counts(1_000, 0), WINDOWS, AT).burnings[0].long_rate == 0
    assert slo.assess(whole, counts(1_000, 1), WINDOWS, AT).burnings[0].long_rate == float("inf")


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.floats(0.5, 0.9999))
def test_more_failures_never_burn_less(events: int, bad: int, promised: float) -> None:
    events, bad = max(events, bad + 1), bad
    objective = Objective("service:x", "service", "x", "X", promised, ("x",))
    less, more = (slo.assess(objective, counts(events, each), WINDOWS, AT) for each in (bad, bad + 1))
    assert set(burning(less)) <= set(burning(more))
    assert (more.budget_left_ratio or 0) < (less.budget_left_ratio or 0)


def test_every_service_and_area_promises_that_calls_succeed_and_are_in_time() -> None:
    found = list(slo.objectives(catalogue.load()))
    assert len(found) == 2 * (65 + 10)
    assert len({each.id for each in found}) == len(found)
    chat = next(each for each in found if each.id == "service:ai_chat_engine:latency")
    assert (chat.promised_ratio, chat.latency_ms, chat.measure) == (0.95, 20_000, Measure.LATENCY)


def test_the_server_counts_slow_calls_by_what_the_catalogue_promises(tmp_path: Path) -> None:
    limits = plan(Settings(data_dir=tmp_path)).limits
    assert limits.slow_ms == {each.id: each.objective.latency_ms for each in catalogue.load().services}


async def test_failed_and_slow_calls_are_counted_for_the_service_and_its_area(store: Store, sender: Any) -> None:
    called = {"observatory.service": "oauth_service", "observatory.caller": "external"}
    for place in range(40):
        sender.span("work", ago=60, ms=5_000 if place < 8 else 10, error=place < 4, **called)
    sender.span("work", ago=60, ms=90_000, **{**called, "observatory.service": "stranger"})
    sender.flush()
    inputs = Inputs(store.ticking, store.guarded, catalogue.load(), Selfwatch(), sender.at - timedelta(days=1))
    burns = (await inputs.count(sender.at))[sender.environment]
    area = catalogue.load().service("oauth_service").area
    failed, slow = burns["service:oauth_service"].counts, burns["service:oauth_service:latency"].counts
    assert (failed.events[FIVE_MINUTES], failed.bad[FIVE_MINUTES]) == (40, 4)
    assert (slow.events[HOUR], slow.bad[HOUR]) == (40, 8)
    assert burns[f"area:{area}"].counts.bad[HOUR] == 4
    assert burns[f"area:{area}:latency"].counts.bad[HOUR] == 8
    # 8 of 40 are four times the 5 % that may be slow.
    assert burns["service:oauth_service:latency"].burnings[0].long_rate == pytest.approx(4)
    assert burns["service:oauth_service:latency"].objective.latency_ms == 2_000
