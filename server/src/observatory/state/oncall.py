"""Who took what, notes, escalation policies and how far each escalation is, schedules, used links, digests."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from observatory.state.oncall_tables import (
    AcknowledgementRow,
    DigestRow,
    EscalationRow,
    LinkKeyRow,
    NoteRow,
    PolicyRow,
    ScheduleRow,
    UsedLinkRow,
)

LONGEST_REASON = 512
_KEY_BYTES = 32
_LIVING = ("running", "acknowledged", "exhausted")


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Somebody took an alert (`alert:<id>`) or an incident (`incident:<id>`); it holds until that ends.

    Attributes:
        id: counts up.
        subject: what was taken.
        environment: where.
        at: when.
        by: who, as the audit log names them.
        reason: why, in words.
        ended_at: when it was given back or ran out; None while it holds.
        ended_by, ended_why: by whom and why.
    """

    id: int
    subject: str
    environment: str
    at: datetime
    by: str
    reason: str
    ended_at: datetime | None
    ended_by: str
    ended_why: str


@dataclass(frozen=True, slots=True)
class Note:
    """What somebody wrote down beside an alert."""

    id: int
    subject: str
    at: datetime
    by: str
    text: str


@dataclass(frozen=True, slots=True)
class Told:
    """A policy or a schedule as it was put: its id, what it says, when and by whom."""

    id: str
    told: Mapping[str, Any]
    changed_at: datetime
    changed_by: str


@dataclass(frozen=True, slots=True)
class EscalationRecord:
    """How far one escalation is, as JSON values under `told`."""

    subject: str
    environment: str
    policy: str
    state: str
    started_at: datetime
    told: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class DigestRecord:
    """A digest that was written: of which day (`2026-01-02`), when, and its facts."""

    environment: str
    day: str
    at: datetime
    told: Mapping[str, Any]


class AcknowledgementRows:
    """Reads and writes of `acknowledgements` and `notes` inside one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def insert(
        self, subject: str, environment: str, by: str, reason: str, at: datetime
    ) -> Acknowledgement | None:
        """Keep that somebody took something; None when somebody else has it, perhaps since a moment ago."""
        told = {"subject": subject, "environment": environment, "at": at, "by": by, "reason": reason[:LONGEST_REASON]}
        dialect = postgresql if self._session.get_bind().dialect.name == "postgresql" else sqlite
        made = dialect.insert(AcknowledgementRow).values(**told, ended_by="", ended_why="")
        row = (await self._session.scalars(made.on_conflict_do_nothing().returning(AcknowledgementRow))).one_or_none()
        return None if row is None else _acknowledgement(row)

    async def end(self, acknowledgement_id: int, by: str, why: str, at: datetime) -> Acknowledgement | None:
        """End one that holds; None when there is none with this id."""
        statement = (
            update(AcknowledgementRow)
            .where(AcknowledgementRow.id == acknowledgement_id, AcknowledgementRow.ended_at.is_(None))
            .values(ended_at=at, ended_by=by, ended_why=why[:LONGEST_REASON])
            .returning(AcknowledgementRow)
            .execution_options(populate_existing=True)
        )
        row = (await self._session.scalars(statement)).one_or_none()
        return None if row is None else _acknowledgement(row)

    async def find(self, acknowledgement_id: int) -> Acknowledgement | None:
        """One, whether it holds or not."""
        row = await self._session.get(AcknowledgementRow, acknowledgement_id)
        return None if row is None else _acknowledgement(row)

    async def holding(self) -> Sequence[Acknowledgement]:
        """Those that nobody gave back and that did not end, oldest first."""
        statement = select(AcknowledgementRow).where(AcknowledgementRow.ended_at.is_(None))
        found = await self._session.scalars(statement.order_by(AcknowledgementRow.id))
        return [_acknowledgement(row) for row in found]

    async def of(self, subject: str) -> Sequence[Acknowledgement]:
        """All of one subject, oldest first."""
        statement = select(AcknowledgementRow).where(AcknowledgementRow.subject == subject)
        found = await self._session.scalars(statement.order_by(AcknowledgementRow.id))
        return [_acknowledgement(row) for row in found]

    async def page(self, before: int | None, limit: int, subject: str, ended: bool) -> Sequence[Acknowledgement]:
        """Newest first, of one subject when it is not empty, without those that ended unless `ended`."""
        statement = select(AcknowledgementRow).order_by(AcknowledgementRow.id.desc()).limit(limit)
        if before is not None:
            statement = statement.where(AcknowledgementRow.id < before)
        if subject:
            statement = statement.where(AcknowledgementRow.subject == subject)
        if not ended:
            statement = statement.where(AcknowledgementRow.ended_at.is_(None))
        return [_acknowledgement(row) for row in await self._session.scalars(statement)]

    async def note(self, subject: str, by: str, text: str, at: datetime) -> Note:
        """Write something down."""
        row = NoteRow(subject=subject, at=at, by=by, text=text)
        self._session.add(row)
        await self._session.flush()
        return Note(row.id, row.subject, row.at, row.by, row.text)

    async def notes(self, subject: str, before: int | None, limit: int) -> Sequence[Note]:
        """Notes of one subject, or of all episodes of an alert when it ends with `:`; newest first."""
        statement = select(NoteRow).order_by(NoteRow.id.desc()).limit(limit)
        if subject.endswith(":"):
            statement = statement.where(NoteRow.subject.startswith(subject, autoescape=True))
        else:
            statement = statement.where(NoteRow.subject == subject)
        if before is not None:
            statement = statement.where(NoteRow.id < before)
        return [Note(row.id, row.subject, row.at, row.by, row.text) for row in await self._session.scalars(statement)]


class OncallRows:
    """Reads and writes of policies, schedules, escalations, links and digests inside one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def policies(self) -> Sequence[Told]:
        """All escalation policies, by id."""
        found = await self._session.scalars(select(PolicyRow).order_by(PolicyRow.policy))
        return [Told(row.policy, json.loads(row.told), row.changed_at, row.changed_by) for row in found]

    async def put_policy(self, policy: str, told: Mapping[str, Any], by: str, at: datetime) -> bool:
        """Keep a policy in the place of the one with its id; whether it is new."""
        row = (await self._session.scalars(select(PolicyRow).where(PolicyRow.policy == policy))).one_or_none()
        new = row is None
        row = row or PolicyRow(policy=policy)
        row.told, row.changed_at, row.changed_by = json.dumps(told, ensure_ascii=False), at, by
        self._session.add(row)
        await self._session.flush()
        return new

    async def drop_policy(self, policy: str) -> bool:
        """Delete one; whether there was one."""
        statement = delete(PolicyRow).where(PolicyRow.policy == policy).returning(PolicyRow.id)
        return bool((await self._session.execute(statement)).all())

    async def schedules(self) -> Sequence[Told]:
        """All schedules, by id."""
        found = await self._session.scalars(select(ScheduleRow).order_by(ScheduleRow.schedule))
        return [Told(row.schedule, json.loads(row.told), row.changed_at, row.changed_by) for row in found]

    async def put_schedule(self, schedule: str, told: Mapping[str, Any], by: str, at: datetime) -> bool:
        """Keep a schedule in the place of the one with its id; whether it is new."""
        row = (await self._session.scalars(select(ScheduleRow).where(ScheduleRow.schedule == schedule))).one_or_none()
        new = row is None
        row = row or ScheduleRow(schedule=schedule)
        row.told, row.changed_at, row.changed_by = json.dumps(told, ensure_ascii=False), at, by
        self._session.add(row)
        await self._session.flush()
        return new

    async def drop_schedule(self, schedule: str) -> bool:
        """Delete one; whether there was one."""
        statement = delete(ScheduleRow).where(ScheduleRow.schedule == schedule).returning(ScheduleRow.id)
        return bool((await self._session.execute(statement)).all())

    async def escalations(self, subjects: Iterable[str] = ()) -> Sequence[EscalationRecord]:
        """Those that have not ended, and those of the subjects, oldest first."""
        wanted = EscalationRow.state.in_(_LIVING) | EscalationRow.subject.in_(list(subjects))
        found = await self._session.scalars(select(EscalationRow).where(wanted).order_by(EscalationRow.id))
        return [_escalation(row) for row in found]

    async def keep_escalation(self, record: EscalationRecord) -> None:
        """Keep how far one is."""
        statement = select(EscalationRow).where(EscalationRow.subject == record.subject)
        row = (await self._session.scalars(statement)).one_or_none() or EscalationRow(subject=record.subject)
        row.environment, row.policy, row.state = record.environment, record.policy, record.state
        row.started_at, row.told = record.started_at, json.dumps(record.told, ensure_ascii=False)
        self._session.add(row)
        await self._session.flush()

    async def forget_escalations(self, before: datetime) -> None:
        """Delete those that began before a time and have ended."""
        ended = EscalationRow.state.not_in(_LIVING)
        await self._session.execute(delete(EscalationRow).where(ended, EscalationRow.started_at < before))

    async def link_key(self, now: datetime) -> bytes:
        """The key that links are signed with, made at the first time."""
        row = (await self._session.scalars(select(LinkKeyRow))).first()
        if row is None:
            row = LinkKeyRow(name="acknowledge", key=secrets.token_hex(_KEY_BYTES), made_at=now)
            self._session.add(row)
            await self._session.flush()
        return bytes.fromhex(row.key)

    async def use_link(self, nonce: str, by: str, at: datetime) -> None:
        """Keep that a link was used."""
        self._session.add(UsedLinkRow(nonce=nonce, by=by, at=at))
        await self._session.flush()

    async def link_used(self, nonce: str) -> tuple[datetime, str] | None:
        """When a link was used and by whom; None while it was not."""
        row = (await self._session.scalars(select(UsedLinkRow).where(UsedLinkRow.nonce == nonce))).one_or_none()
        return None if row is None else (row.at, row.by)

    async def forget_links(self, before: datetime) -> None:
        """Delete what is known of links that expired long ago."""
        await self._session.execute(delete(UsedLinkRow).where(UsedLinkRow.at < before))

    async def digest(self, environment: str, day: str) -> DigestRecord | None:
        """The digest of one day; None when none was written."""
        statement = select(DigestRow).where(DigestRow.environment == environment, DigestRow.day == day)
        row = (await self._session.scalars(statement)).one_or_none()
        return None if row is None else _digest(row)

    async def keep_digest(self, record: DigestRecord) -> None:
        """Keep a digest; there is one for each environment and day."""
        told = json.dumps(record.told, ensure_ascii=False)
        self._session.add(DigestRow(environment=record.environment, day=record.day, at=record.at, told=told))
        await self._session.flush()

    async def digests(self, environment: str, since: datetime) -> Sequence[DigestRecord]:
        """Those written since a time, newest first."""
        statement = select(DigestRow).where(DigestRow.environment == environment, DigestRow.at >= since)
        return [_digest(row) for row in await self._session.scalars(statement.order_by(DigestRow.id.desc()))]


def _acknowledgement(row: AcknowledgementRow) -> Acknowledgement:
    return Acknowledgement(
        row.id, row.subject, row.environment, row.at, row.by, row.reason, row.ended_at, row.ended_by, row.ended_why
    )


def _escalation(row: EscalationRow) -> EscalationRecord:
    return EscalationRecord(row.subject, row.environment, row.policy, row.state, row.started_at, json.loads(row.told))


def _digest(row: DigestRow) -> DigestRecord:
    return DigestRecord(row.environment, row.day, row.at, json.loads(row.told))
