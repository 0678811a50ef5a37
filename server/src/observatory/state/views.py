"""Saved views of the pages, and boards of panels. One that was deleted is gone; the audit log tells of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import String, Text, delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from observatory.state.schema import Key, Table, UtcTime


@dataclass(frozen=True, slots=True)
class ViewTerms:
    """What a saved view is.

    Attributes:
        kind: `view` for an address, `board` for panels.
        name: what people call it.
        content: the address, or the panels, as JSON values.
    """

    kind: str
    name: str
    content: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ViewRecord:
    """One saved view."""

    id: int
    terms: ViewTerms
    created_at: datetime
    created_by: str
    changed_at: datetime
    changed_by: str


class ViewRow(Table):
    """Table `views`."""

    __tablename__ = "views"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    name: Mapped[str] = mapped_column(String(128))
    content: Mapped[str] = mapped_column(Text())
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    created_by: Mapped[str] = mapped_column(String(160))
    changed_at: Mapped[datetime] = mapped_column(UtcTime)
    changed_by: Mapped[str] = mapped_column(String(160))

    def record(self) -> ViewRecord:
        """The row as an immutable value."""
        terms = ViewTerms(self.kind, self.name, json.loads(self.content))
        return ViewRecord(self.id, terms, self.created_at, self.created_by, self.changed_at, self.changed_by)


class ViewRows:
    """Reads and writes of `views` inside one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def insert(self, terms: ViewTerms, actor: str, now: datetime) -> ViewRecord:
        """Keep a new view; returns it with its id."""
        row = ViewRow(created_at=now, created_by=actor)
        _write(row, terms, actor, now)
        self._session.add(row)
        await self._session.flush()
        return row.record()

    async def replace(self, view_id: int, terms: ViewTerms, actor: str, now: datetime) -> ViewRecord | None:
        """Put new terms in the place of the old; None when there is none with this id."""
        row = await self._session.get(ViewRow, view_id)
        if row is None:
            return None
        _write(row, terms, actor, now)
        await self._session.flush()
        return row.record()

    async def delete(self, view_id: int) -> ViewRecord | None:
        """Delete one; returns what it was, or None when there is none with this id."""
        row = await self._session.get(ViewRow, view_id)
        if row is None:
            return None
        await self._session.execute(delete(ViewRow).where(ViewRow.id == view_id))
        return row.record()

    async def find(self, view_id: int) -> ViewRecord | None:
        """One view."""
        row = await self._session.get(ViewRow, view_id)
        return None if row is None else row.record()

    async def count(self) -> int:
        """How many there are."""
        return int((await self._session.scalars(select(func.count()).select_from(ViewRow))).one())

    async def page(self, before: int | None, limit: int, kind: str = "") -> Sequence[ViewRecord]:
        """Views, newest first; of one kind, or with an empty one of all."""
        statement = select(ViewRow).order_by(ViewRow.id.desc()).limit(limit)
        if before is not None:
            statement = statement.where(ViewRow.id < before)
        if kind:
            statement = statement.where(ViewRow.kind == kind)
        return [row.record() for row in await self._session.scalars(statement)]


def _write(row: ViewRow, terms: ViewTerms, actor: str, now: datetime) -> None:
    row.kind, row.name = terms.kind, terms.name
    row.content = json.dumps(terms.content, ensure_ascii=False)
    row.changed_at, row.changed_by = now, actor
