"""Escalations, in thousands of orders: nobody told twice, never silent, bounded, stopped by who takes it, resumed."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise

from alert_scenes import AT
from hypothesis import given, settings
from hypothesis import strategies as st

from observatory.model.alert import Severity
from observatory.oncall import Escalation, Facts, Level, Policy, State, Step, Whom, advance, begin, simulate
from observatory.oncall import escalation as escalations

WHOM = (Whom(channel="desk"),)
SECONDS = st.integers(0, 7_200)


def made(waits: list[int], loops: int = 0, timeout_s: int | None = None, delay_s: int = 0) -> Policy:
    levels = tuple(Level(each, WHOM) for each in waits)
    return Policy("p", "", (Severity.CRITICAL,), (), (), 100, delay_s, levels, loops, timeout_s)


policies = st.builds(
    made,
    st.lists(st.integers(10, 3_600), min_size=1, max_size=4),
    st.integers(0, 3),
    st.none() | st.integers(60, 3_600),
    st.integers(0, 600),
)


def later(seconds: float) -> datetime:
    return AT + timedelta(seconds=seconds)


def looks(
    policy: Policy, every_s: list[int], taken: list[int], over_s: int | None
) -> list[tuple[float, Step | None, Escalation]]:
    """Look again and again, with these pauses, at something that is taken and ends at these times."""
    found: list[tuple[float, Step | None, Escalation]] = []
    escalation, at_s = begin(policy, "alert:x", "production", Severity.CRITICAL, AT), 0
    for pause_s in every_s:
        at_s += pause_s
        newest = max((later(each) for each in taken if each <= at_s), default=None)
        facts = Facts(later(at_s), newest, over_s is not None and at_s >= over_s)
        escalation, step = advance(escalation, facts)
        found.append((at_s, step, escalation))
    return found


pauses = st.lists(st.integers(0, 900), min_size=1, max_size=120)


@settings(deadline=None)
@given(policies, pauses, st.lists(SECONDS, max_size=3), st.none() | SECONDS)
def test_no_level_is_told_twice_within_a_round(
    policy: Policy, every_s: list[int], taken: list[int], over_s: int | None
) -> None:
    told = Counter(step for _, step, _ in looks(policy, every_s, taken, over_s) if step is not None)
    assert all(count == 1 for count in told.values())


@settings(deadline=None)
@given(policies, pauses, st.lists(SECONDS, max_size=3), st.none() | SECONDS)
def test_levels_are_told_in_their_order(
    policy: Policy, every_s: list[int], taken: list[int], over_s: int | None
) -> None:
    told = [(step.run, step.round, step.level) for _, step, _ in looks(policy, every_s, taken, over_s) if step]
    assert told == sorted(told)
    for (run, turn, level), after in pairwise(told):
        following = (run, turn, level + 1) if level + 1 < len(policy.levels) else (run, turn + 1, 0)
        assert after == following or after[1:] == (0, 0)


@settings(deadline=None)
@given(policies, st.lists(SECONDS, max_size=3), st.none() | SECONDS)
def test_rounds_are_bounded(policy: Policy, taken: list[int], over_s: int | None) -> None:
    every_s = [60] * 300
    steps = [step for _, step, _ in looks(policy, every_s, taken, over_s) if step]
    runs = Counter(step.run for step in steps)
    assert all(count <= policy.steps for count in runs.values())
    assert all(step.round <= policy.loops for step in steps)
    # It starts over only after somebody took it.
    assert len(runs) <= 1 + len(taken)


@settings(deadline=None)
@given(policies, st.integers(10, 200))
def test_it_is_never_silent_while_nobody_has_it(policy: Policy, pause_s: int) -> None:
    whole_s = policy.delay_s + sum(each.wait_s for each in policy.levels) * (policy.loops + 1)
    seen = looks(policy, [pause_s] * ((whole_s + 40 * pause_s * policy.steps) // pause_s + 2), [], None)
    told = [(at_s, step) for at_s, step, _ in seen if step]
    assert len(told) == policy.steps
    assert told[0][0] <= policy.delay_s + pause_s
    for (before_s, step), (after_s, _) in pairwise(told):
        wait_s = policy.levels[step.level].wait_s
        assert wait_s <= after_s - before_s <= wait_s + pause_s
    assert seen[-1][2].state is State.EXHAUSTED


@settings(deadline=None)
@given(policies, SECONDS, pauses)
def test_who_takes_it_stops_it_until_the_time_for_that_is_over(
    policy: Policy, taken_s: int, every_s: list[int]
) -> None:
    end_s = float("inf") if policy.acknowledgement_timeout_s is None else taken_s + policy.acknowledgement_timeout_s
    for at_s, step, escalation in looks(policy, every_s, [taken_s], None):
        if taken_s <= at_s < end_s:
            assert step is None
            assert escalation.state is State.ACKNOWLEDGED


@settings(deadline=None)
@given(policies.filter(lambda each: each.acknowledgement_timeout_s is not None), SECONDS)
def test_it_goes_on_from_the_first_level_when_that_time_is_over(policy: Policy, taken_s: int) -> None:
    timeout_s = policy.acknowledgement_timeout_s or 0
    found = simulate(policy, AT, later(taken_s + timeout_s), [later(taken_s)])
    assert [each.kind for each in found[-2:]] == ["timed_out", "told"]
    assert (found[-1].at, found[-1].run, found[-1].round, found[-1].level) == (later(taken_s + timeout_s), 2, 0, 0)


@settings(deadline=None)
@given(policies, SECONDS, SECONDS)
def test_what_is_given_back_goes_on_at_once(policy: Policy, taken_s: int, kept_s: int) -> None:
    escalation = begin(policy, "alert:x", "production", Severity.CRITICAL, AT)
    escalation, _ = advance(escalation, Facts(later(taken_s), later(taken_s)))
    escalation, step = advance(escalation, Facts(later(taken_s + kept_s)))
    assert step == Step(2, 0, 0)


@settings(deadline=None)
@given(policies, pauses, SECONDS)
def test_nobody_is_told_of_what_has_ended(policy: Policy, every_s: list[int], over_s: int) -> None:
    for at_s, step, escalation in looks(policy, every_s, [], over_s):
        if at_s >= over_s:
            assert step is None
            assert escalation.state is State.ENDED


@settings(deadline=None)
@given(policies, pauses)
def test_a_silence_holds_it_and_its_end_lets_it_go_on(policy: Policy, every_s: list[int]) -> None:
    escalation, at_s = begin(policy, "alert:x", "production", Severity.CRITICAL, AT), 0
    for pause_s in every_s:
        at_s += pause_s
        escalation, step = advance(escalation, Facts(later(at_s), muted=True))
        assert step is None
    _, step = advance(escalation, Facts(later(at_s + policy.delay_s)))
    assert step == Step(1, 0, 0)


@settings(deadline=None)
@given(policies, pauses, st.lists(SECONDS, max_size=3), st.none() | SECONDS)
def test_what_is_kept_is_what_was(policy: Policy, every_s: list[int], taken: list[int], over_s: int | None) -> None:
    for _, _, each in looks(policy, every_s, taken, over_s):
        kept = escalations.encode(each)
        assert escalations.decode(each.subject, each.environment, each.state.value, each.started_at, kept) == each


@settings(deadline=None, max_examples=25)
@given(policies, st.lists(SECONDS, max_size=4), st.none() | SECONDS)
def test_a_simulation_says_what_a_server_that_looks_each_second_does(
    policy: Policy, taken: list[int], over_s: int | None
) -> None:
    until_s = 3_600
    whole = [0] + [1] * until_s
    real = [(later(at_s), step) for at_s, step, _ in looks(policy, whole, taken, over_s) if step]
    played = simulate(
        policy, AT, later(until_s), map(later, taken), None if over_s is None else later(over_s), most=10_000
    )
    told = [(each.at, Step(each.run or 0, each.round or 0, each.level or 0)) for each in played if each.kind == "told"]
    assert told == real
