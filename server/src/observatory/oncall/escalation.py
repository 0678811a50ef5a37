"""How an escalation goes on. Pure: handed what is known and the time, it says who is told now and what comes next.

    escalation = begin(policy, subject, ..., at)
    escalation, step = advance(escalation, Facts(at, acknowledged_at, over, muted))

Each step is one level of one round; it is told once. Until somebody takes it, the next level follows `wait_s` after
the one before, for as many rounds as the policy has.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from observatory.model.alert import Severity
from observatory.oncall import policy as policies
from observatory.oncall.policy import Policy, Target
from observatory.oncall.schedule import Schedule


class State(StrEnum):
    """How an escalation stands. `exhausted`: all levels of all rounds were told, and nobody took it."""

    RUNNING = "running"
    ACKNOWLEDGED = "acknowledged"
    EXHAUSTED = "exhausted"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Escalation:
    """One alert or incident on its way up.

    Attributes:
        subject: `alert:<id>` or `incident:<id>`.
        environment: where.
        severity: as it was when this policy was chosen.
        policy: as it was when it began; a later change is for later ones.
        state: how it stands.
        started_at: when it began.
        run: counts up each time it starts over, from 1.
        step: how many levels of this run were told.
        due_at: when something changes by itself: a level is told, the rounds are through, or an acknowledgement runs
            out; None when nothing does.
        lapsed_at: an acknowledgement of this time or before does not count any more.
    """

    subject: str
    environment: str
    severity: Severity
    policy: Policy
    state: State
    started_at: datetime
    run: int
    step: int
    due_at: datetime | None
    lapsed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a subject at one moment.

    Attributes:
        at: the moment.
        acknowledged_at: since when somebody has it; None: nobody does.
        over: whether it has ended.
        muted: whether a silence mutes all of it: nobody is told meanwhile, and what is due waits.
    """

    at: datetime
    acknowledged_at: datetime | None = None
    over: bool = False
    muted: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """A level that is told now; `round` and `level` from 0."""

    run: int
    round: int
    level: int


def begin(
    policy: Policy,
    subject: str,
    environment: str,
    severity: Severity,
    at: datetime,
    run: int = 1,
    lapsed_at: datetime | None = None,
) -> Escalation:
    """An escalation whose first level is told `delay_s` from now."""
    due = at + timedelta(seconds=policy.delay_s)
    return Escalation(subject, environment, severity, policy, State.RUNNING, at, run, 0, due, lapsed_at)


def advance(escalation: Escalation, facts: Facts) -> tuple[Escalation, Step | None]:
    """Go on by what is known now: at most one level is told in one call."""
    if escalation.state is State.ENDED:
        return escalation, None
    if facts.over:
        return replace(escalation, state=State.ENDED, due_at=None), None
    taken = _taken(escalation, facts)
    if taken is not None:
        timeout_s = escalation.policy.acknowledgement_timeout_s
        out_at = None if timeout_s is None else taken + timedelta(seconds=timeout_s)
        if out_at is None or facts.at < out_at:
            return replace(escalation, state=State.ACKNOWLEDGED, due_at=out_at), None
        escalation = _again(escalation, facts.at, taken)
    elif escalation.state is State.ACKNOWLEDGED:
        escalation = _again(escalation, facts.at, escalation.lapsed_at)
    if escalation.due_at is None or facts.at < escalation.due_at or facts.muted:
        return escalation, None
    return _told(escalation, facts.at)


def _taken(escalation: Escalation, facts: Facts) -> datetime | None:
    at, lapsed = facts.acknowledged_at, escalation.lapsed_at
    return at if at is not None and (lapsed is None or at > lapsed) else None


def _again(escalation: Escalation, at: datetime, lapsed_at: datetime | None) -> Escalation:
    """From the first level, at once: whoever took it has had the time."""
    run = escalation.run + 1
    return replace(escalation, state=State.RUNNING, run=run, step=0, due_at=at, lapsed_at=lapsed_at)


def _told(escalation: Escalation, at: datetime) -> tuple[Escalation, Step | None]:
    policy = escalation.policy
    if escalation.step >= policy.steps:
        return replace(escalation, state=State.EXHAUSTED, due_at=None), None
    turn, level = policy.level(escalation.step)
    # From now, not from when it was due: whoever is told late has the same time to answer.
    due = at + timedelta(seconds=policy.levels[level].wait_s)
    return replace(escalation, step=escalation.step + 1, due_at=due), Step(escalation.run, turn, level)


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happens in a simulation.

    Attributes:
        at: when.
        kind: `told`, `acknowledged`, `timed_out`, `exhausted` or `ended`.
        run, round, level: of what is told, round and level from 0; None for the others.
        targets: who is told.
    """

    at: datetime
    kind: str
    run: int | None = None
    round: int | None = None
    level: int | None = None
    targets: tuple[Target, ...] = ()


def simulate(
    policy: Policy,
    started_at: datetime,
    until: datetime,
    acknowledgements: Iterable[datetime] = (),
    ended_at: datetime | None = None,
    schedules: Mapping[str, Schedule] | None = None,
    most: int = 1_000,
) -> list[Happening]:
    """What a policy would do, from a firing on, when somebody takes it at these times and it ends at that."""
    found: list[Happening] = []
    taken = sorted(acknowledgements)
    escalation = begin(policy, "", "", Severity.CRITICAL, started_at)
    at: datetime | None = started_at
    while at is not None and at <= until and len(found) < most:
        newest = max((each for each in taken if each <= at), default=None)
        over = ended_at is not None and at >= ended_at
        before = escalation
        escalation, step = advance(before, Facts(at, newest, over))
        found += _happened(before, escalation, step, at, newest, schedules or {})
        soon = [escalation.due_at, ended_at, *taken]
        at = None if over else min((each for each in soon if each is not None and each > at), default=None)
    return found


def _happened(
    before: Escalation,
    after: Escalation,
    step: Step | None,
    at: datetime,
    taken: datetime | None,
    schedules: Mapping[str, Schedule],
) -> Sequence[Happening]:
    found: list[Happening] = []
    if after.run > before.run:
        found.append(Happening(at, "timed_out"))
    if after.state is State.ACKNOWLEDGED and taken == at:
        found.append(Happening(at, "acknowledged"))
    if step is not None:
        whom = policies.targets(after.policy, step.level, at, schedules)
        found.append(Happening(at, "told", step.run, step.round, step.level, whom))
    if after.state is not before.state and after.state in (State.EXHAUSTED, State.ENDED):
        found.append(Happening(at, after.state.value))
    return found


def encode(escalation: Escalation) -> dict[str, Any]:
    """Its JSON values, without subject, environment, state and start."""
    return {
        "severity": escalation.severity.value,
        "policy": {"id": escalation.policy.id, **policies.encode(escalation.policy)},
        "run": escalation.run,
        "step": escalation.step,
        "due_at": None if escalation.due_at is None else escalation.due_at.isoformat(),
        "lapsed_at": None if escalation.lapsed_at is None else escalation.lapsed_at.isoformat(),
    }


def decode(subject: str, environment: str, state: str, started_at: datetime, told: Mapping[str, Any]) -> Escalation:
    """The escalation of the values that `encode` made."""
    due, lapsed = told["due_at"], told["lapsed_at"]
    return Escalation(
        subject,
        environment,
        Severity(told["severity"]),
        policies.decode(told["policy"]["id"], told["policy"]),
        State(state),
        started_at,
        told["run"],
        told["step"],
        None if due is None else datetime.fromisoformat(due),
        None if lapsed is None else datetime.fromisoformat(lapsed),
    )
