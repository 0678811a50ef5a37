"""The audit log: who did what to what, when and why. Rows are only ever added."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import String, select
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

    async def page(self, before: int | None, limit: int) -> Sequence[AuditEntry]:
        """Lines, newest first; `before` is the last id of the page before."""
        statement = select(AuditRow).order_by(AuditRow.id.desc()).limit(limit)
        if before is not None:
            statement = statement.where(AuditRow.id < before)
        return [row.record() for row in await self._session.scalars(statement)]
