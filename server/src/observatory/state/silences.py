"""Silences and maintenance windows. One that was ended is kept."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Index, String, Text, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from observatory.state.schema import Key, Table, UtcTime

SILENCE = "silence"
MAINTENANCE = "maintenance"


@dataclass(frozen=True, slots=True)
class SilenceTerms:
    """What a silence says.

    Attributes:
        kind: `silence`, or `maintenance` for a planned window.
        environment: where; empty: everywhere.
        matchers: each with `name`, `op` and `value`; all must match.
        starts_at, ends_at: from when until when, the end not included.
        reason: why, in words.
    """

    kind: str
    environment: str
    matchers: tuple[Mapping[str, str], ...]
    starts_at: datetime
    ends_at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class SilenceRecord:
    """One silence. `ended_at` when somebody ended it before its time."""

    id: int
    terms: SilenceTerms
    created_at: datetime
    created_by: str
    ended_at: datetime | None
    ended_by: str


class SilenceRow(Table):
    """Table `silences`."""

    __tablename__ = "silences"
    __table_args__ = (Index("ix_silences_ends_at", "ends_at"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    environment: Mapped[str] = mapped_column(String(128))
    matchers: Mapped[str] = mapped_column(Text())
    starts_at: Mapped[datetime] = mapped_column(UtcTime)
    ends_at: Mapped[datetime] = mapped_column(UtcTime)
    reason: Mapped[str] = mapped_column(String(512))
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    created_by: Mapped[str] = mapped_column(String(160))
    ended_at: Mapped[datetime | None] = mapped_column(UtcTime)
    ended_by: Mapped[str] = mapped_column(String(160))

    def record(self) -> SilenceRecord:
        """The row as an immutable value."""
        matchers = tuple(json.loads(self.matchers))
        terms = SilenceTerms(self.kind, self.environment, matchers, self.starts_at, self.ends_at, self.reason)
        return SilenceRecord(self.id, terms, self.created_at, self.created_by, self.ended_at, self.ended_by)


class SilenceRows:
    """Reads and writes of `silences` inside one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def insert(self, terms: SilenceTerms, actor: str, now: datetime) -> SilenceRecord:
        """Keep a new silence; returns it with its id."""
        row = SilenceRow(
            kind=terms.kind,
            environment=terms.environment,
            matchers=json.dumps([dict(each) for each in terms.matchers], ensure_ascii=False),
            starts_at=terms.starts_at,
            ends_at=terms.ends_at,
            reason=terms.reason[:512],
            created_at=now,
            created_by=actor,
            ended_by="",
        )
        self._session.add(row)
        await self._session.flush()
        return row.record()

    async def end(self, silence_id: int, actor: str, now: datetime) -> SilenceRecord | None:
        """End one that has not ended; None when there is none with this id."""
        statement = (
            update(SilenceRow)
            .where(SilenceRow.id == silence_id, SilenceRow.ended_at.is_(None), SilenceRow.ends_at > now)
            .values(ended_at=now, ended_by=actor)
            .returning(SilenceRow)
            .execution_options(populate_existing=True)
        )
        row = (await self._session.scalars(statement)).one_or_none()
        return None if row is None else row.record()

    async def find(self, silence_id: int) -> SilenceRecord | None:
        """One silence, in force or not."""
        row = await self._session.get(SilenceRow, silence_id)
        return None if row is None else row.record()

    async def living(self, now: datetime) -> Sequence[SilenceRecord]:
        """Those that are in force or still to come, oldest first."""
        statement = (
            select(SilenceRow).where(SilenceRow.ended_at.is_(None), SilenceRow.ends_at > now).order_by(SilenceRow.id)
        )
        return [row.record() for row in await self._session.scalars(statement)]

    async def count(self, now: datetime) -> int:
        """How many are in force or still to come."""
        statement = select(func.count()).where(SilenceRow.ended_at.is_(None), SilenceRow.ends_at > now)
        return int((await self._session.scalars(statement)).one())

    async def page(
        self, before: int | None, limit: int, over: bool = True, now: datetime | None = None
    ) -> Sequence[SilenceRecord]:
        """Silences, newest first; without those that are `over` at `now` when they are not wanted."""
        statement = select(SilenceRow).order_by(SilenceRow.id.desc()).limit(limit)
        if before is not None:
            statement = statement.where(SilenceRow.id < before)
        if not over and now is not None:
            statement = statement.where(SilenceRow.ends_at > now, SilenceRow.ended_at.is_(None))
        return [row.record() for row in await self._session.scalars(statement)]
