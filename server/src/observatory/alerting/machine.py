"""inactive → pending → firing → resolved, one member of one rule at a time; pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from observatory.alerting.rule import NoData, Observation, Rule, Verdict
from observatory.health import words
from observatory.model.alert import Alert, Phase, Transition, fingerprint


def step(alert: Alert | None, seen: Observation, rule: Rule, at: datetime) -> tuple[Alert | None, Transition | None]:
    """The alert after one more observation, and its change of phase if there is one.

    A bad observation starts an episode (`pending`, or `firing` at once when the rule's `for_s` is 0); one that has held
    for `for_s` fires and counts the episode up. A good one ends a pending episode at once (`inactive`), and a firing
    one once nothing bad was seen for `keep_firing_for_s` (`resolved`). Too few samples are no data. Without data a
    pending episode ends, and a firing one follows the rule's `no_data`.

    Args:
        alert: what the step before returned; None: nothing was ever wrong.
        seen: of the same environment, rule and member.
        rule: the rule as it is now; it may have changed since the last step.
        at: now; an earlier time than the last step's is taken for that one.
    """
    at = at if alert is None else max(at, alert.since, alert.seen_at)
    verdict = _verdict(seen, rule)
    if verdict is Verdict.BAD:
        return _bad(alert, seen, rule, at)
    if alert is None or not alert.phase.open:
        return alert, None
    if verdict is Verdict.NO_DATA:
        return _unknown(alert, rule, at)
    return _good(alert, seen, rule, at)


def end(alert: Alert, at: datetime, reason: str) -> tuple[Alert, Transition | None]:
    """Close an open alert whose rule is gone or switched off."""
    if not alert.phase.open:
        return alert, None
    phase = Phase.RESOLVED if alert.phase is Phase.FIRING else Phase.INACTIVE
    return _close(alert, phase, max(at, alert.since), reason)


def _verdict(seen: Observation, rule: Rule) -> Verdict:
    few = seen.measurement is not None and seen.measurement.samples < rule.least_samples
    verdict = Verdict.NO_DATA if few else seen.verdict
    if verdict is Verdict.NO_DATA and rule.no_data is not NoData.KEEP:
        return Verdict.BAD if rule.no_data is NoData.FIRE else Verdict.GOOD
    return verdict


def _bad(alert: Alert | None, seen: Observation, rule: Rule, at: datetime) -> tuple[Alert, Transition | None]:
    before = Phase.INACTIVE if alert is None else alert.phase
    going_on = alert if alert is not None and alert.phase.open else None
    opened = _opened(alert, seen, rule, at) if going_on is None else _told(going_on, seen, rule, at)
    if before is Phase.FIRING:
        return opened, None
    if at - opened.started_at >= timedelta(seconds=rule.for_s):
        reason = seen.sentence if rule.for_s == 0 else f"{seen.sentence}; for {words.span(rule.for_s)}"
        fired = replace(opened, phase=Phase.FIRING, since=at, fired_at=at, episode=opened.episode + 1)
        return fired, Transition(fired, before, at, reason)
    return opened, None if before is Phase.PENDING else Transition(opened, before, at, seen.sentence)


def _opened(alert: Alert | None, seen: Observation, rule: Rule, at: datetime) -> Alert:
    return Alert(
        fingerprint=fingerprint(seen.environment, rule.id, seen.member),
        environment=seen.environment,
        rule=rule.id,
        member=seen.member,
        severity=rule.severity,
        phase=Phase.PENDING,
        since=at,
        started_at=at,
        fired_at=None,
        resolved_at=None,
        seen_at=at,
        episode=0 if alert is None else alert.episode,
        measurement=seen.measurement,
        bound=seen.bound,
        sentence=seen.sentence,
        area=seen.area or rule.area,
        services=seen.services,
        labels={**rule.labels, **seen.labels},
        runbook=rule.runbook,
        evidence=seen.evidence,
        no_data=seen.verdict is Verdict.NO_DATA,
    )


def _told(alert: Alert, seen: Observation, rule: Rule, at: datetime) -> Alert:
    """The open alert with what the newest bad observation and the rule as it is now say."""
    return replace(
        alert,
        severity=rule.severity,
        seen_at=at,
        measurement=seen.measurement,
        bound=seen.bound,
        sentence=seen.sentence,
        services=seen.services or alert.services,
        labels={**rule.labels, **seen.labels},
        runbook=rule.runbook,
        evidence=seen.evidence or alert.evidence,
        no_data=seen.verdict is Verdict.NO_DATA,
    )


def _good(alert: Alert, seen: Observation, rule: Rule, at: datetime) -> tuple[Alert, Transition | None]:
    if alert.phase is Phase.PENDING:
        return _close(alert, Phase.INACTIVE, at, seen.sentence)
    if at - alert.seen_at >= timedelta(seconds=rule.keep_firing_for_s):
        return _close(replace(alert, measurement=seen.measurement), Phase.RESOLVED, at, seen.sentence)
    return replace(alert, no_data=False), None


def _unknown(alert: Alert, rule: Rule, at: datetime) -> tuple[Alert, Transition | None]:
    if alert.phase is Phase.PENDING:
        return _close(alert, Phase.INACTIVE, at, "nothing is known of it any more")
    if at - alert.seen_at >= timedelta(seconds=max(rule.no_data_s, rule.keep_firing_for_s)):
        reason = f"nothing was known of it for {words.span((at - alert.seen_at).total_seconds())}"
        return _close(replace(alert, no_data=True), Phase.RESOLVED, at, reason)
    return replace(alert, no_data=True), None


def _close(alert: Alert, phase: Phase, at: datetime, reason: str) -> tuple[Alert, Transition]:
    resolved = at if phase is Phase.RESOLVED else None
    closed = replace(alert, phase=phase, since=at, resolved_at=resolved)
    return closed, Transition(closed, alert.phase, at, reason)
