"""The outbox: messages to be told, written in the transaction of the change that they tell of."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Index, String, Text, UniqueConstraint, and_, case, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from observatory.model.alert import Severity
from observatory.model.notification import Kind, Message, Status
from observatory.state import alerts
from observatory.state.schema import Key, Table, UtcTime

WAITING = "waiting"
MUTED = "muted"
DONE = "done"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message in the outbox.

    Attributes:
        id: counts up with every message.
        message: what is to be told.
        state: `waiting`, `muted` while something mutes it, `done`.
        stage, reason: what mutes it, or became of it; empty before that.
        created_at: when it was written down.
        due_at: when it is looked at again.
    """

    id: int
    message: Message
    state: str
    stage: str
    reason: str
    created_at: datetime
    due_at: datetime


class OutboxRow(Table):
    """Table `outbox`."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index("ix_outbox_state", "state", "due_at"),
        Index("ix_outbox_alert", "alert"),
        Index("ix_outbox_created_at", "created_at"),
        UniqueConstraint("key"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    key: Mapped[str] = mapped_column(String(160))
    kind: Mapped[str] = mapped_column(String(16))
    environment: Mapped[str] = mapped_column(String(128))
    grouping: Mapped[str] = mapped_column(String(256))
    alert: Mapped[str] = mapped_column(String(64))
    status: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16))
    stage: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(Text())
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    due_at: Mapped[datetime] = mapped_column(UtcTime)
    claimed_by: Mapped[str] = mapped_column(String(64))
    claimed_until: Mapped[datetime | None] = mapped_column(UtcTime)
    told: Mapped[str] = mapped_column(Text())

    def record(self) -> Waiting:
        """The row as an immutable value."""
        return Waiting(self.id, decode(self.told), self.state, self.stage, self.reason, self.created_at, self.due_at)


class OutboxRows:
    """Reads and writes of `outbox` inside one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, messages: Iterable[Message]) -> int:
        """Write messages down; one whose key is known is left out. Returns how many were new."""
        new = {each.key: each for each in messages}
        if not new:
            return 0
        known = set(await self._session.scalars(select(OutboxRow.key).where(OutboxRow.key.in_(new))))
        rows = [_row(each) for key, each in new.items() if key not in known]
        self._session.add_all(rows)
        await self._session.flush()
        return len(rows)

    async def claim(self, owner: str, now: datetime, limit: int, lease_s: float) -> Sequence[Waiting]:
        """Take what is due and nobody else holds, and what waits together with it, oldest first.

        What is not finished in time is free again.
        """
        free = or_(OutboxRow.claimed_until.is_(None), OutboxRow.claimed_until <= now)
        due = (
            select(OutboxRow.id, OutboxRow.grouping)
            .where(OutboxRow.state.in_((WAITING, MUTED)), OutboxRow.due_at <= now, free)
            # What waits goes first: many that are muted, looked at again and again, must not stand in its way.
            .order_by(case((OutboxRow.state == WAITING, 0), else_=1), OutboxRow.due_at, OutboxRow.id)
            .limit(limit)
            .subquery()
        )
        together = and_(OutboxRow.state == WAITING, OutboxRow.grouping.in_(select(due.c.grouping)))
        statement = (
            update(OutboxRow)
            # Said again: who waited for another server's claim finds the row as that one left it.
            .where(or_(OutboxRow.id.in_(select(due.c.id)), together), free, OutboxRow.state != DONE)
            .values(claimed_by=owner, claimed_until=now + timedelta(seconds=lease_s))
            .returning(OutboxRow)
            .execution_options(populate_existing=True)
        )
        rows = await self._session.scalars(statement)
        return sorted((row.record() for row in rows), key=lambda each: each.id)

    async def settle(self, owner: str, ids: Sequence[int], state: str, stage: str, reason: str, due: datetime) -> int:
        """Say what became of claimed messages and let go of them; returns how many were still held by the owner."""
        statement = (
            update(OutboxRow)
            .where(OutboxRow.id.in_(ids), OutboxRow.claimed_by == owner, OutboxRow.state != DONE)
            .values(state=state, stage=stage, reason=reason, due_at=due, claimed_by="", claimed_until=None)
            .returning(OutboxRow.id)
        )
        return len((await self._session.execute(statement)).all())

    async def of_alerts(self, ids: Iterable[str]) -> Sequence[Waiting]:
        """Messages about alerts (`fingerprint:episode`), oldest first."""
        statement = select(OutboxRow).where(OutboxRow.alert.in_(list(ids))).order_by(OutboxRow.id)
        return [row.record() for row in await self._session.scalars(statement)]

    async def beginnings(self, ids: Iterable[str]) -> Mapping[str, Message]:
        """By alert id (`fingerprint:episode`), the message that it fires."""
        asked = list(ids)
        found = await self.of_alerts(asked) if asked else ()
        told = [each.message for each in found]
        return {
            each.alert.id: each
            for each in told
            # What names its channels was told before, and is told there once more.
            if each.alert is not None and each.kind is Kind.ALERT and each.status is Status.FIRING and not each.targets
        }

    async def next_due(self) -> datetime | None:
        """When the next message is due; None when none is left."""
        statement = select(func.min(OutboxRow.due_at)).where(OutboxRow.state.in_((WAITING, MUTED)))
        found: datetime | None = await self._session.scalar(statement)
        return found

    async def left(self) -> int:
        """How many are neither told nor suppressed for good."""
        statement = select(func.count()).where(OutboxRow.state.in_((WAITING, MUTED)))
        return int((await self._session.scalars(statement)).one())

    async def forget(self, before: datetime) -> None:
        """Delete what was done and written down before a time."""
        await self._session.execute(delete(OutboxRow).where(OutboxRow.state == DONE, OutboxRow.created_at < before))


def _row(message: Message) -> OutboxRow:
    return OutboxRow(
        key=message.key,
        kind=message.kind.value,
        environment=message.environment,
        grouping=message.grouping,
        alert="" if message.alert is None else message.alert.id,
        status=message.status.value,
        state=WAITING,
        stage="",
        reason="",
        created_at=message.at,
        due_at=message.at,
        claimed_by="",
        told=encode(message),
    )


_PLAIN = ("key", "environment", "grouping", "title", "text", "html", "incident", "person")


def plain(message: Message) -> dict[str, Any]:
    """A message as what JSON can hold."""
    told: dict[str, Any] = {name: getattr(message, name) for name in _PLAIN}
    told |= {"kind": message.kind.value, "severity": message.severity.value, "status": message.status.value}
    told |= {"at": message.at.isoformat(), "targets": list(message.targets)}
    return told | {"alert": None if message.alert is None else json.loads(alerts.encode(message.alert))}


def of_plain(told: dict[str, Any]) -> Message:
    """The message of what `plain` made."""
    return Message(
        **{name: told[name] for name in _PLAIN},
        kind=Kind(told["kind"]),
        severity=Severity(told["severity"]),
        status=Status(told["status"]),
        at=datetime.fromisoformat(told["at"]),
        targets=tuple(told["targets"]),
        alert=None if told["alert"] is None else alerts.decode(json.dumps(told["alert"])),
    )


def encode(message: Message) -> str:
    """A message as JSON text."""
    return json.dumps(plain(message), ensure_ascii=False)


def decode(text: str) -> Message:
    """The message of a JSON text that `encode` wrote."""
    return of_plain(json.loads(text))
