"""The loop that escalates: what nobody took is told to the next, in one transaction with the mark that it was."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from observatory.clock import Clock
from observatory.errors import StateError
from observatory.health import words
from observatory.model.alert import Phase
from observatory.model.notification import Kind, Message, Status
from observatory.oncall import policy as policies
from observatory.oncall import records
from observatory.oncall.concern import Concern, concerns
from observatory.oncall.escalation import Escalation, Facts, State, Step, advance, begin
from observatory.oncall.policy import Policy, Target
from observatory.oncall.schedule import Schedule
from observatory.state import Rows
from observatory.state import State as Control
from observatory.state.oncall import Acknowledgement

_log = logging.getLogger(__name__)
POLL_S = 1.0
BY = "server"


@dataclass(frozen=True, slots=True)
class Planned:
    """What one look makes: escalations that changed, messages, and acknowledgements that are over with their reason."""

    changed: Sequence[Escalation]
    messages: Sequence[Message]
    ended: Sequence[tuple[Acknowledgement, str]]

    @property
    def empty(self) -> bool:
        """Whether there is nothing to write down."""
        return not (self.changed or self.messages or self.ended)


class Escalator:
    """Escalates.

    Args:
        state: the control store.
        clock: what time it is.
        channels: ids of the channels that there are.
        wake: called when there are messages to deliver.
        confirm: raises inside the transaction when another server leads by now.
    """

    def __init__(
        self,
        state: Control,
        clock: Clock,
        channels: Callable[[], Collection[str]],
        wake: Callable[[], None] = lambda: None,
        confirm: Callable[[Rows], Awaitable[None]] | None = None,
    ) -> None:
        self._state = state
        self._clock = clock
        self._channels = channels
        self._wake = wake
        self._confirm = confirm

    async def run(self) -> None:
        """Look every second until cancelled."""
        while True:
            try:
                await self.step()
            except StateError:
                _log.exception("escalations could not go on for now")
            await asyncio.sleep(POLL_S)

    async def step(self) -> int:
        """Look once; returns how many messages were written down.

        Raises:
            StateError: the control store failed; nothing is kept then, and the next look finds the same again.
        """
        at = self._clock.now()
        async with self._state.reading() as rows:
            planned = await self._plan(rows, at)
        if planned.empty:
            return 0
        async with self._state.writing() as rows:
            if self._confirm is not None:
                await self._confirm(rows)
            # Once more, with the lock: somebody may have taken it in between.
            planned = await self._plan(rows, at)
            for each in planned.changed:
                await rows.oncall.keep_escalation(records.to_record(each))
            for held, why in planned.ended:
                await rows.acknowledgements.end(held.id, BY, why, at)
            await rows.outbox.add(planned.messages)
        if planned.messages:
            self._wake()
        return len(planned.messages)

    async def _plan(self, rows: Rows, at: datetime) -> Planned:
        known = await records.policies(rows)
        holding = await rows.acknowledgements.holding()
        living = await rows.oncall.escalations()
        if not known and not holding and not living:
            return Planned((), (), ())
        firing = {each.id: each for each in await rows.alerts.open() if each.phase is Phase.FIRING}
        mutes = await rows.silences.living(at)
        found = concerns(firing, await rows.incidents.open(), holding, mutes, at)
        kept = {each.subject: records.of_record(each) for each in await rows.oncall.escalations(found)}
        schedules = await records.schedules(rows)
        changed: list[Escalation] = []
        messages: list[Message] = []
        lapsed: list[str] = []
        for subject in sorted(found.keys() | kept.keys()):
            before, concern = kept.get(subject), found.get(subject)
            after, step = _next(before, concern, known, at)
            if after is not None and after != before:
                changed.append(after)
            if before is not None and after is not None and after.lapsed_at != before.lapsed_at:
                lapsed.append(subject)
            if step is not None and after is not None and concern is not None:
                messages += _messages(after, step, concern, at, schedules, self._channels())
        return Planned(changed, messages, _ended(holding, found, firing, lapsed))


def _next(
    before: Escalation | None, concern: Concern | None, known: Sequence[Policy], at: datetime
) -> tuple[Escalation | None, Step | None]:
    """How one escalation goes on; a new one begins where a policy is for it."""
    if concern is None:
        return (None, None) if before is None else advance(before, Facts(at, over=True))
    wanted = policies.chosen(known, concern.severity, concern.environment, concern.areas)
    worse = before is not None and concern.severity.rank > before.severity.rank
    if (
        before is None
        or before.state is State.ENDED
        or (worse and wanted is not None and wanted.id != before.policy.id)
    ):
        if wanted is None:
            return before, None
        run = 1 if before is None else before.run + 1
        lapsed = None if before is None else before.lapsed_at
        before = begin(wanted, concern.subject, concern.environment, concern.severity, at, run, lapsed)
    return advance(before, Facts(at, concern.acknowledged_at, muted=concern.muted))


def _ended(
    holding: Sequence[Acknowledgement],
    found: Mapping[str, Concern],
    firing: Collection[str],
    lapsed: Collection[str],
) -> Sequence[tuple[Acknowledgement, str]]:
    ended: list[tuple[Acknowledgement, str]] = []
    for each in holding:
        kind, _, name = each.subject.partition(":")
        over = name not in firing if kind == "alert" else each.subject not in found
        if over:
            ended.append((each, "it has ended"))
        elif each.subject in lapsed:
            ended.append((each, "it fires still, and the time of the policy for it is over"))
    return ended


def _messages(
    escalation: Escalation,
    step: Step,
    concern: Concern,
    at: datetime,
    schedules: Mapping[str, Schedule],
    channels: Collection[str],
) -> list[Message]:
    told = policies.targets(escalation.policy, step.level, at, schedules)
    return [_message(escalation, step, concern, at, each, each.channel in channels) for each in told]


def _short(*names: str) -> str:
    return hashlib.blake2b("\0".join(names).encode(), digest_size=8).hexdigest()


def _message(
    escalation: Escalation, step: Step, concern: Concern, at: datetime, target: Target, known: bool
) -> Message:
    policy = escalation.policy
    number = escalation.step
    where = target.channel or "nowhere"
    person = target.person or ""
    text = (
        f"nobody took it: level {step.level + 1} of {len(policy.levels)} of the policy {policy.id}"
        f"{f', round {step.round + 1} of {policy.loops + 1}' if policy.loops else ''}"
        f"{f', for {person}' if person else ''}; "
        f"the next is told in {words.span(policy.levels[step.level].wait_s)}"
    )
    if not known:
        text += f"; the policy names {where}, which is no channel, so all are told who are reminded of alerts"
    return Message(
        key=f"escalation:{escalation.subject}:{step.run}:{number}:{_short(where, person)}",
        # One that names no channel goes where reminders go: there are such channels unless somebody forbade it.
        kind=Kind.ESCALATION if known else Kind.REMINDER,
        environment=concern.environment,
        grouping=f"escalation/{escalation.subject}",
        severity=concern.severity,
        status=Status.FIRING,
        at=at,
        title=concern.alert.rule if not concern.alert.member else f"{concern.alert.rule} ({concern.alert.member})",
        text=text,
        alert=concern.alert,
        incident=concern.incident,
        targets=(target.channel,) if known else (),
        person=person,
    )
