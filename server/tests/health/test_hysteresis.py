from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from observatory.health import hysteresis
from observatory.health.hysteresis import Held
from observatory.model import Finding, Health, Reason, Verdict

START = datetime(2026, 3, 4, tzinfo=UTC)
TICK_S = 5.0
HEALTHS = st.sampled_from(list(Health))


def verdict(health: Health) -> Verdict:
    findings = () if health is Health.HEALTHY else (Finding(Reason.NO_DATA, f"it is {health}", health),)
    return Verdict(health, findings)


def run(rounds: list[Health]) -> list[Verdict]:
    held: Held | None = None
    seen = []
    for place, health in enumerate(rounds):
        held = hysteresis.step(held, verdict(health), START + timedelta(seconds=place * TICK_S))
        seen.append(held.verdict)
    return seen


@given(HEALTHS, HEALTHS, st.integers(1, 20), st.integers(1, 20))
def test_one_noisy_round_never_flips_a_verdict(steady: Health, noise: Health, before: int, after: int) -> None:
    shown = run([steady] * before + [noise] + [steady] * after)
    assert {each.health for each in shown} == {steady}


@given(st.lists(HEALTHS, max_size=20), HEALTHS)
def test_what_lasts_comes_into_force(noise: list[Health], lasting: Health) -> None:
    assert run(noise + [lasting] * 8)[-1].health is lasting


@given(st.lists(HEALTHS, min_size=1, max_size=60))
def test_nothing_comes_into_force_that_was_not_seen(rounds: list[Health]) -> None:
    for place, shown in enumerate(run(rounds)):
        assert shown.health in rounds[: place + 1]


@given(st.lists(HEALTHS, min_size=2, max_size=60))
def test_a_change_needs_two_rounds_in_a_row_on_its_side(rounds: list[Health]) -> None:
    shown = run(rounds)
    for place in range(1, len(rounds)):
        before, now = shown[place - 1].health, shown[place].health
        if now is not before:
            worse = now.rank > before.rank
            assert all(
                (each.rank > before.rank) == worse and each is not before for each in rounds[place - 1 : place + 1]
            )


@given(st.lists(HEALTHS, min_size=1, max_size=60))
def test_every_verdict_but_healthy_has_its_reasons(rounds: list[Health]) -> None:
    for shown in run(rounds):
        assert shown.health is Health.HEALTHY or shown.findings
        assert shown.health is not Health.HEALTHY or not shown.findings


@given(st.lists(HEALTHS, min_size=1, max_size=60))
def test_since_is_the_round_in_which_the_health_changed(rounds: list[Health]) -> None:
    shown = run(rounds)
    for place, each in enumerate(shown):
        first = place
        while first and shown[first - 1].health is each.health:
            first -= 1
        assert each.since == START + timedelta(seconds=first * TICK_S)


def test_worse_comes_with_the_second_round_and_better_waits_longer() -> None:
    good, bad = Health.HEALTHY, Health.CRITICAL
    assert [each.health for each in run([good, bad, bad, good, good, good])] == [good, good, bad, bad, bad, good]


def test_what_was_unknown_becomes_known_with_the_second_round() -> None:
    shown = run([Health.UNKNOWN, Health.HEALTHY, Health.HEALTHY])
    assert [each.health for each in shown] == [Health.UNKNOWN, Health.UNKNOWN, Health.HEALTHY]


def test_a_wavering_worsening_takes_only_the_step_that_all_rounds_agree_on() -> None:
    shown = run([Health.HEALTHY, Health.CRITICAL, Health.DEGRADED, Health.CRITICAL, Health.CRITICAL])
    assert [each.health for each in shown[1:]] == [Health.HEALTHY, Health.DEGRADED, Health.DEGRADED, Health.CRITICAL]


def test_a_verdict_that_waits_for_confirmation_says_so() -> None:
    shown = run([Health.CRITICAL, Health.HEALTHY])[-1]
    assert shown.health is Health.CRITICAL
    assert shown.findings[-1].reason is Reason.CONFIRMING
    assert shown.findings[-1].sentence == (
        "measured as healthy since 00:00:05 UTC; stays critical until that has lasted 10 s"
    )
    shown = run([Health.UNKNOWN, Health.HEALTHY])[-1]
    assert shown.findings[-1].sentence == (
        "measured as healthy since 00:00:05 UTC; stays unknown until another round confirms it"
    )


def test_an_overdue_round_makes_the_verdict_unknown_and_keeps_its_reasons() -> None:
    before = verdict(Health.CRITICAL)
    assert hysteresis.overdue(before, START, START + timedelta(seconds=60), 60) is before
    late = hysteresis.overdue(before, START, START + timedelta(seconds=61), 60)
    assert late.health is Health.UNKNOWN
    assert late.findings[0].reason is Reason.ROUND_OVERDUE
    assert late.findings[1:] == before.findings
