"""Rules of one's own, and what was changed about shipped ones. Each change ends the text before it and keeps it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Index, String, Text, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from observatory.state.schema import Key, Table, UtcTime

OWN = "own"
OVERRIDE = "override"


@dataclass(frozen=True, slots=True)
class RuleRecord:
    """One text that is or was in force.

    Attributes:
        rule: id of the rule.
        kind: `own`, or `override` of one that is shipped.
        entry: the rule, or what is different of it, as in a rule file.
        since, created_by, reason: when it came into force, through whom and why.
        ended_at, ended_by: until when, and through whom; None and empty while it is in force.
    """

    id: int
    rule: str
    kind: str
    entry: Mapping[str, Any]
    since: datetime
    created_by: str
    reason: str
    ended_at: datetime | None
    ended_by: str


class RuleRow(Table):
    """Table `alert_rules`."""

    __tablename__ = "alert_rules"
    __table_args__ = (
        Index(
            "uq_alert_rules_living",
            "rule",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    rule: Mapped[str] = mapped_column(String(160))
    kind: Mapped[str] = mapped_column(String(16))
    entry: Mapped[str] = mapped_column(Text())
    since: Mapped[datetime] = mapped_column(UtcTime)
    created_by: Mapped[str] = mapped_column(String(160))
    reason: Mapped[str] = mapped_column(String(512))
    ended_at: Mapped[datetime | None] = mapped_column(UtcTime)
    ended_by: Mapped[str] = mapped_column(String(160))

    def record(self) -> RuleRecord:
        """The row as an immutable value."""
        return RuleRecord(
            self.id,
            self.rule,
            self.kind,
            json.loads(self.entry),
            self.since,
            self.created_by,
            self.reason,
            self.ended_at,
            self.ended_by,
        )


class RuleRows:
    """Reads and writes of `alert_rules` inside one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def put(
        self, rule: str, kind: str, entry: Mapping[str, Any], actor: str, reason: str, now: datetime
    ) -> RuleRecord:
        """Bring a text into force in place of the one that is."""
        await self.end(rule, actor, now)
        row = RuleRow(
            rule=rule,
            kind=kind,
            entry=json.dumps(entry, ensure_ascii=False),
            since=now,
            created_by=actor,
            reason=reason[:512],
            ended_by="",
        )
        self._session.add(row)
        await self._session.flush()
        return row.record()

    async def end(self, rule: str, actor: str, now: datetime) -> bool:
        """End the text in force; whether there was one."""
        statement = (
            update(RuleRow)
            .where(RuleRow.rule == rule, RuleRow.ended_at.is_(None))
            .values(ended_at=now, ended_by=actor)
            .returning(RuleRow.id)
        )
        return (await self._session.scalars(statement)).one_or_none() is not None

    async def living(self) -> Sequence[RuleRecord]:
        """Every text in force, oldest first."""
        statement = select(RuleRow).where(RuleRow.ended_at.is_(None)).order_by(RuleRow.id)
        return [row.record() for row in await self._session.scalars(statement)]

    async def history(self, rule: str, limit: int = 100) -> Sequence[RuleRecord]:
        """The texts of one rule, newest first."""
        statement = select(RuleRow).where(RuleRow.rule == rule).order_by(RuleRow.id.desc()).limit(limit)
        return [row.record() for row in await self._session.scalars(statement)]
