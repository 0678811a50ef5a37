"""Alerts of other systems, as they told them last."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Boolean, Index, String, Text, UniqueConstraint, delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from observatory.model.alert import Severity
from observatory.state.schema import Key, Table, UtcTime


@dataclass(frozen=True, slots=True)
class ForeignAlert:
    """One alert of another system.

    Attributes:
        fingerprint: as the other system names it.
        environment: where.
        severity: how urgent it is.
        member: a name for people, unique in its environment.
        firing: whether it fires, as far as was told.
        starts_at: since when; ends_at: until when, None while it fires.
        seen_at: when it was told last.
        sentence: what is wrong, in words.
        labels: its labels.
        link: where it came from; empty when that was not told.
    """

    fingerprint: str
    environment: str
    severity: Severity
    member: str
    firing: bool
    starts_at: datetime
    ends_at: datetime | None
    seen_at: datetime
    sentence: str
    labels: Mapping[str, str]
    link: str


class ForeignRow(Table):
    """Table `foreign_alerts`."""

    __tablename__ = "foreign_alerts"
    __table_args__ = (
        Index("ix_foreign_alerts_seen_at", "seen_at"),
        UniqueConstraint("environment", "fingerprint"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    environment: Mapped[str] = mapped_column(String(128))
    severity: Mapped[str] = mapped_column(String(16))
    member: Mapped[str] = mapped_column(String(512))
    firing: Mapped[bool] = mapped_column(Boolean())
    starts_at: Mapped[datetime] = mapped_column(UtcTime)
    ends_at: Mapped[datetime | None] = mapped_column(UtcTime)
    seen_at: Mapped[datetime] = mapped_column(UtcTime)
    told: Mapped[str] = mapped_column(Text())

    def record(self) -> ForeignAlert:
        """The row as an immutable value."""
        told = json.loads(self.told)
        return ForeignAlert(
            self.fingerprint,
            self.environment,
            Severity(self.severity),
            self.member,
            self.firing,
            self.starts_at,
            self.ends_at,
            self.seen_at,
            told["sentence"],
            told["labels"],
            told["link"],
        )


class ForeignRows:
    """Reads and writes of `foreign_alerts` inside one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def keep(self, alerts: Sequence[ForeignAlert]) -> int:
        """Keep what was told last of each; returns how many are new. What began before what is known is old news."""
        rows = await self._known({each.fingerprint for each in alerts})
        before = len(rows)
        for alert in alerts:
            name = (alert.environment, alert.fingerprint)
            row = rows.get(name)
            if row is not None and row.starts_at > alert.starts_at:
                continue
            if row is None:
                row = rows[name] = ForeignRow(environment=alert.environment, fingerprint=alert.fingerprint)
            row.severity, row.member, row.firing = alert.severity.value, alert.member, alert.firing
            row.starts_at, row.ends_at, row.seen_at = alert.starts_at, alert.ends_at, alert.seen_at
            told = {"sentence": alert.sentence, "labels": dict(alert.labels), "link": alert.link}
            row.told = json.dumps(told, ensure_ascii=False)
            self._session.add(row)
        await self._session.flush()
        return len(rows) - before

    async def heard(self, environment: str, after: datetime) -> Sequence[ForeignAlert]:
        """Those of one environment that were told after a time."""
        statement = (
            select(ForeignRow)
            .where(ForeignRow.environment == environment, ForeignRow.seen_at > after)
            .order_by(ForeignRow.id)
        )
        return [row.record() for row in await self._session.scalars(statement)]

    async def count(self) -> int:
        """How many are kept."""
        return int((await self._session.scalars(select(func.count()).select_from(ForeignRow))).one())

    async def forget(self, before: datetime) -> None:
        """Delete those that were told last before a time."""
        await self._session.execute(delete(ForeignRow).where(ForeignRow.seen_at < before))

    async def _known(self, fingerprints: Collection[str]) -> dict[tuple[str, str], ForeignRow]:
        found = await self._session.scalars(select(ForeignRow).where(ForeignRow.fingerprint.in_(fingerprints)))
        return {(row.environment, row.fingerprint): row for row in found}
