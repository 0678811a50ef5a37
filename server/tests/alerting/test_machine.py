"""inactive → pending → firing → resolved, tried in every order."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from observatory.alerting import machine
from observatory.alerting.rule import NoData, Observation, Rule, Verdict
from observatory.model import Measurement
from observatory.model.alert import Alert, Phase, Severity, Transition

AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


def a_rule(**fields: Any) -> Rule:
    condition: Any = None
    return Rule("test.rule", "something is wrong", Severity.CRITICAL, condition, **fields)


def seen(verdict: Verdict, samples: int = 10, **more: Any) -> Observation:
    number = Measurement(1.0, "1", samples, 300, AT, "a test")
    return Observation("production", "test.rule", "a", verdict, f"seen as {verdict}", number, **more)


BAD, GOOD, NOTHING = seen(Verdict.BAD), seen(Verdict.GOOD), seen(Verdict.NO_DATA)


def walk(rule: Rule, *steps: tuple[float, Observation]) -> tuple[Alert | None, list[Transition]]:
    alert, changes = None, []
    for after_s, observation in steps:
        alert, change = machine.step(alert, observation, rule, AT + timedelta(seconds=after_s))
        changes += [change] if change else []
    return alert, changes


def phases(changes: list[Transition]) -> list[str]:
    return [f"{each.before} > {each.alert.phase}" for each in changes]


def test_a_rule_without_a_wait_fires_at_once() -> None:
    alert, changes = walk(a_rule(), (0, BAD))
    assert phases(changes) == ["inactive > firing"]
    assert alert is not None
    assert (alert.episode, alert.fired_at, alert.started_at) == (1, AT, AT)
    assert alert.id == f"{alert.fingerprint}:1"


def test_a_rule_with_a_wait_is_pending_first() -> None:
    alert, changes = walk(a_rule(for_s=10), (0, BAD), (5, BAD), (10, BAD))
    assert phases(changes) == ["inactive > pending", "pending > firing"]
    assert alert is not None
    assert alert.started_at == AT
    assert alert.fired_at == AT + timedelta(seconds=10)


def test_what_gets_well_before_it_fires_was_nothing() -> None:
    alert, changes = walk(a_rule(for_s=10), (0, BAD), (5, GOOD), (10, BAD))
    assert phases(changes) == ["inactive > pending", "pending > inactive", "inactive > pending"]
    assert alert is not None
    assert alert.episode == 0


def test_an_alert_resolves_only_after_its_time_without_anything_bad() -> None:
    rule = a_rule(keep_firing_for_s=30)
    _, changes = walk(rule, (0, BAD), (10, GOOD), (20, BAD), (45, GOOD), (50, GOOD))
    assert phases(changes) == ["inactive > firing", "firing > resolved"]
    assert changes[-1].at == AT + timedelta(seconds=50)


def test_episodes_count_up() -> None:
    alert, changes = walk(a_rule(), (0, BAD), (5, GOOD), (10, BAD))
    assert alert is not None
    assert alert.episode == 2
    assert alert.resolved_at is None
    assert changes[0].alert.id != changes[2].alert.id


def test_a_member_of_which_nothing_is_known_keeps_firing_and_says_so() -> None:
    alert, changes = walk(a_rule(no_data_s=60), (0, BAD), (30, NOTHING))
    assert alert is not None
    assert alert.phase is Phase.FIRING
    assert alert.no_data
    alert, changes = walk(a_rule(no_data_s=60), (0, BAD), (30, NOTHING), (60, NOTHING))
    assert phases(changes) == ["inactive > firing", "firing > resolved"]
    assert "nothing was known of it for 1 min" in changes[-1].reason


@pytest.mark.parametrize(("policy", "expected"), [(NoData.FIRE, Phase.FIRING), (NoData.RESOLVE, None)])
def test_a_rule_may_say_what_no_data_means(policy: NoData, expected: Phase | None) -> None:
    alert, _ = walk(a_rule(no_data=policy), (0, NOTHING))
    assert (alert and alert.phase) == expected
    if alert is not None:
        assert alert.no_data


def test_too_few_samples_are_no_data() -> None:
    alert, changes = walk(a_rule(least_samples=20), (0, seen(Verdict.BAD, samples=19)))
    assert alert is None
    assert changes == []
    alert, _ = walk(a_rule(least_samples=20), (0, seen(Verdict.BAD, samples=20)))
    assert alert is not None


def test_an_alert_tells_the_newest_number_and_the_labels_of_rule_and_member() -> None:
    later = replace(BAD, sentence="worse now", labels={"exchange": "binance"})
    alert, _ = walk(a_rule(labels={"team": "desk"}), (0, BAD), (5, later))
    assert alert is not None
    assert alert.sentence == "worse now"
    assert alert.labels == {"team": "desk", "exchange": "binance"}


def test_an_alert_of_a_rule_that_is_gone_is_closed() -> None:
    alert, _ = walk(a_rule(), (0, BAD))
    assert alert is not None
    closed, change = machine.end(alert, AT + timedelta(seconds=5), "its rule is no longer in force")
    assert closed.phase is Phase.RESOLVED
    assert change is not None
    assert machine.end(closed, AT + timedelta(seconds=6), "again") == (closed, None)


class AnyOrder(RuleBasedStateMachine):
    """A model beside the machine: what the phase must be, from the list of all that was seen."""

    def __init__(self) -> None:
        super().__init__()
        self.rule = a_rule(for_s=10, keep_firing_for_s=20, no_data_s=60, least_samples=5)
        self.alert: Alert | None = None
        self.at = AT
        self.changes: list[Transition] = []
        self.bad_since: datetime | None = None
        self.last_bad: datetime | None = None
        self.firing = False
        self.fired = 0

    @rule(after_s=st.integers(0, 70), verdict=st.sampled_from(Verdict), samples=st.sampled_from([1, 5, 50]))
    def look(self, after_s: int, verdict: Verdict, samples: int) -> None:
        self.at += timedelta(seconds=after_s)
        effective = Verdict.NO_DATA if samples < 5 else verdict
        self._expect(effective)
        self.alert, change = machine.step(self.alert, seen(verdict, samples), self.rule, self.at)
        if change is not None:
            self.changes.append(change)

    @rule()
    def crash_and_read_back(self) -> None:
        from observatory.state.alerts import decode, encode

        if self.alert is not None:
            assert decode(encode(self.alert)) == self.alert

    def _expect(self, verdict: Verdict) -> None:
        if verdict is Verdict.BAD:
            self.bad_since = self.bad_since or self.at
            self.last_bad = self.at
            if not self.firing and self.at - self.bad_since >= timedelta(seconds=10):
                self.firing, self.fired = True, self.fired + 1
        elif not self.firing:
            self.bad_since = None
        else:
            assert self.last_bad is not None
            patience_s = 20 if verdict is Verdict.GOOD else 60
            if self.at - self.last_bad >= timedelta(seconds=patience_s):
                self.firing, self.bad_since = False, None

    @invariant()
    def the_phase_is_what_was_seen(self) -> None:
        phase = Phase.INACTIVE if self.alert is None else self.alert.phase
        if self.firing:
            assert phase is Phase.FIRING
        elif self.bad_since is not None:
            assert phase is Phase.PENDING
        else:
            assert not phase.open
        assert (self.alert.episode if self.alert else 0) == self.fired

    @invariant()
    def changes_follow_on_one_another(self) -> None:
        before = Phase.INACTIVE
        allowed = {
            (Phase.INACTIVE, Phase.PENDING),
            (Phase.PENDING, Phase.INACTIVE),
            (Phase.PENDING, Phase.FIRING),
            (Phase.FIRING, Phase.RESOLVED),
            (Phase.RESOLVED, Phase.PENDING),
        }
        for change in self.changes:
            assert change.before is before
            assert (change.before, change.alert.phase) in allowed
            assert change.reason
            before = change.alert.phase


AnyOrder.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestAnyOrder = AnyOrder.TestCase
