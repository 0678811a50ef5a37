"""The audit log: who did what to what, when and why. Rows are only ever added."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, String, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from observatory.state.schema import Key, Table, UtcTime

_REASON_CHARACTERS = 512


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of the audit log.

    Attributes:
        actor: who, as `token:7`, `session:3`, `address:127.0.0.1` or `server`.
        action: what, as `token.issued`.
        subject: to what, as `token:8`.
        reason: why, in words; empty when nobody said.
    """

    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    reason: str


@dataclass(frozen=True, slots=True)
class AuditWanted:
    """Which lines are asked for; an empty field asks for all.

    Attributes:
        actor, action, subject: exactly, or what it begins with when it ends with `*`.
        since, until: when, the end not included.
    """

    actor: str = ""
    action: str = ""
    subject: str = ""
    since: datetime | None = None
    until: datetime | None = None


class AuditRow(Table):
    """Table `audit`."""

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcTime, index=True)
    actor: Mapped[str] = mapped_column(String(160))
    action: Mapped[str] = mapped_column(String(64))
    subject: Mapped[str] = mapped_column(String(160))
    reason: Mapped[str] = mapped_column(String(_REASON_CHARACTERS))

    def record(self) -> AuditEntry:
        """The row as an immutable value."""
        return AuditEntry(self.id, self.at, self.actor, self.action, self.subject, self.reason)


class AuditRows:
    """Reads and writes of `audit` inside one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def insert(self, actor: str, action: str, subject: str, reason: str, now: datetime) -> None:
        """Add a line in the transaction of the change that it tells of."""
        # A long or odd reason is mended, never refused: the change must not fail for its explanation.
        plain = "".join(each if each.isprintable() else " " for each in reason[:_REASON_CHARACTERS])
        row = AuditRow(at=now, actor=actor, action=action, subject=subject, reason=plain)
        self._session.add(row)
        await self._session.flush()

    async def page(self, before: int | None, limit: int, wanted: AuditWanted | None = None) -> Sequence[AuditEntry]:
        """Lines, newest first; `before` is the last id of the page before."""
        statement = select(AuditRow).order_by(AuditRow.id.desc()).limit(limit)
        if before is not None:
            statement = statement.where(AuditRow.id < before)
        if wanted is not None:
            statement = statement.where(*_conditions(wanted))
        return [row.record() for row in await self._session.scalars(statement)]


def _conditions(wanted: AuditWanted) -> list[ColumnElement[bool]]:
    columns = ((AuditRow.actor, wanted.actor), (AuditRow.action, wanted.action), (AuditRow.subject, wanted.subject))
    found = [
        column.startswith(text[:-1], autoescape=True) if text.endswith("*") else column == text
        for column, text in columns
        if text
    ]
    if wanted.since is not None:
        found.append(AuditRow.at >= wanted.since)
    if wanted.until is not None:
        found.append(AuditRow.at < wanted.until)
    return found
