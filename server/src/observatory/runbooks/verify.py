"""Whether it is over: from values that are handed in; pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from observatory.model import Bound, Health, Indicator, Measurement, Reading, ServiceState
from observatory.model.alert import Alert
from observatory.runbooks.model import Check, Outcome

# A point of history stands for ten seconds, and the newest one may still be written.
_SLACK = timedelta(seconds=30)
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Point:
    """The worst value of one step of an indicator's history; None when nothing was measured in it."""

    at: datetime
    worst: float | None


@dataclass(frozen=True, slots=True)
class Judged:
    """What one check says, why, and the numbers that it rests on, by member."""

    outcome: Outcome
    reason: str
    measured: tuple[tuple[str, Measurement], ...] = ()


def together(found: Iterable[Judged]) -> Outcome:
    """All checks together: over when each says so, not over when one says so."""
    outcomes = {each.outcome for each in found}
    return next((each for each in (Outcome.NOT_YET, Outcome.UNKNOWN) if each in outcomes), Outcome.RECOVERED)


def bound_of(check: Check, indicator: Indicator) -> Bound:
    """What must not be broken.

    Raises:
        ValueError: neither the check nor the indicator has a bound.
    """
    found = check.bound or indicator.warn or indicator.crit
    if found is None:
        raise ValueError(f"{indicator.id} has no bound, and the check gives none")
    return found


def indicator(
    check: Check,
    found: Indicator,
    readings: Sequence[Reading],
    past: Mapping[str, Sequence[Point]],
    concerned: Collection[str],
    at: datetime,
) -> Judged:
    """Whether every member is within the bound, and has been for as long as the check asks.

    Each member that is concerned is judged by itself: that others have been well for long says nothing of it. One of
    which too little is known makes the whole unknown: that nobody trades at a venue any more is not that its orders
    succeed again.

    Args:
        check: the check.
        found: the indicator that it names.
        readings: the indicator's newest readings; of the member that is asked about only, when there is one.
        past: the steps of its history by member, oldest first, over the time that it must have been so; the same.
        concerned: members that were the trouble.
        at: the time.
    """
    bound = bound_of(check, found)
    measured = tuple((each.member, each.measurement) for each in readings)
    bad = [each.member for each in readings if _broken(bound, each, found)]
    if bad:
        return Judged(Outcome.NOT_YET, f"{found.sentence}: {_beyond(bound, bad)} now", measured)
    well = {each.member for each in readings if _known(each, found)}
    silent = sorted(set(concerned) - well)
    if not well or silent:
        told = f" of {_names(silent)}" if any(silent) else ""
        return Judged(Outcome.UNKNOWN, f"{found.sentence}: too little is known{told} to tell", measured)
    # Of the indicator as a whole the member that is known longest tells how long.
    whole = [point for points in past.values() for point in points]
    each_of = [*((member, past.get(member, ())) for member in sorted(concerned)), ("", whole)]
    judged = [_held(check, found, bound, member, points, at, measured) for member, points in each_of]
    outcome = together(judged)
    return next(each for each in judged if each.outcome is outcome)


def alerts(check: Check, found: Sequence[Alert], newest: datetime | None, at: datetime) -> Judged:
    """Whether no alert of the runbook's rules is open, nor was one in the time that the check asks for.

    Args:
        check: the check.
        found: the alerts of the runbook's rules, closed ones too.
        newest: when rules were held against a round last; None: never.
        at: the time.
    """
    if newest is None or at - newest > timedelta(seconds=60):
        return Judged(Outcome.UNKNOWN, "no round has been judged for more than a minute")
    measured = tuple((each.member, each.measurement) for each in found if each.phase.open and each.measurement)
    opened = [f"{each.rule} {each.member}".strip() for each in found if each.phase.open]
    if opened:
        return Judged(Outcome.NOT_YET, f"still open: {_names(opened)}", measured)
    ends = [each.resolved_at for each in found if each.resolved_at is not None]
    if ends and (passed := (at - max(ends)).total_seconds()) < check.held_s:
        return Judged(Outcome.NOT_YET, f"no alert is open, but only for {passed:.0f} s of {check.held_s} s")
    return Judged(Outcome.RECOVERED, f"no alert has been open for {check.held_s} s")


def services(check: Check, states: Mapping[str, ServiceState], concerned: Iterable[str], at: datetime) -> Judged:
    """Whether each service that is concerned is well; without one, that none is critical."""
    judged = [service(check, states, each, at) for each in concerned if each in states]
    if not judged:
        return service(check, states, "", at)
    outcome = together(judged)
    measured = tuple(number for each in judged for number in each.measured)
    return replace(next(each for each in judged if each.outcome is outcome), measured=measured)


def service(check: Check, states: Mapping[str, ServiceState], member: str, at: datetime) -> Judged:
    """Whether the service is healthy and has been for as long as the check asks; without one, that none is critical."""
    if member not in states:
        critical = [name for name, state in states.items() if state.verdict.health is Health.CRITICAL]
        if not states:
            return Judged(Outcome.UNKNOWN, "no round has ended yet")
        if not critical and all(state.verdict.health is Health.UNKNOWN for state in states.values()):
            return Judged(Outcome.UNKNOWN, "nothing is known of any service")
        told = f"critical: {_names(critical)}" if critical else "no service is critical"
        return Judged(Outcome.NOT_YET if critical else Outcome.RECOVERED, told)
    state = states[member]
    measured = ((member, state.sight.heartbeat_age), (member, state.sight.error_rate))
    health, since = state.verdict.health, state.verdict.since
    if health is Health.UNKNOWN:
        return Judged(Outcome.UNKNOWN, f"nothing is known of {member}", measured)
    if health is not Health.HEALTHY:
        return Judged(Outcome.NOT_YET, f"{member} is {health}", measured)
    passed = check.held_s if since is None else (at - since).total_seconds()
    if passed < check.held_s:
        return Judged(
            Outcome.NOT_YET, f"{member} is healthy, but only for {passed:.0f} s of {check.held_s} s", measured
        )
    return Judged(Outcome.RECOVERED, f"{member} has been healthy for {check.held_s} s", measured)


def _held(
    check: Check,
    found: Indicator,
    bound: Bound,
    member: str,
    points: Iterable[Point],
    at: datetime,
    measured: tuple[tuple[str, Measurement], ...],
) -> Judged:
    told = f"{found.sentence}{f' of {member}' if member else ''}"
    known = [point for point in points if point.worst is not None]
    if not known:
        return Judged(Outcome.UNKNOWN, f"{told}: well now, but nothing is known of before", measured)
    broken = [point.at for point in known if point.worst is not None and bound.broken_by(point.worst)]
    since = max(broken) if broken else min(point.at for point in known)
    passed = max(at - since, timedelta())
    if broken or passed + _SLACK < timedelta(seconds=check.held_s):
        short = f"within the bound, but only for {passed.total_seconds():.0f} s of {check.held_s} s"
        return Judged(Outcome.NOT_YET, f"{told}: {short}", measured)
    return Judged(Outcome.RECOVERED, f"{told}: not {bound} for {check.held_s} s", measured)


def _known(read: Reading, found: Indicator) -> bool:
    return read.judged and read.measurement.known and read.measurement.samples >= found.least_samples


def _broken(bound: Bound, read: Reading, found: Indicator) -> bool:
    value = read.measurement.value
    return value is not None and _known(read, found) and bound.broken_by(value)


def _beyond(bound: Bound, members: Sequence[str]) -> str:
    named = [each for each in members if each]
    return f"{bound}" + (f" of {_names(named)}" if named else "")


def _names(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
