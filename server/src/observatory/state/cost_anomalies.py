"""Cost anomalies, open and over, and what people said of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import ForeignKey, String, Text, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from observatory.state.schema import Key, Table, UtcTime

_REASON_CHARACTERS = 512


@dataclass(frozen=True, slots=True)
class AnomalyRecord:
    """One cost anomaly. `document` is JSON: what was found of it last."""

    id: int
    environment: str
    kind: str
    began_at: datetime
    found_at: datetime
    ended_at: datetime | None
    document: str


@dataclass(frozen=True, slots=True)
class FeedbackRecord:
    """What somebody said of an anomaly.

    Attributes:
        pattern: scope and factors of the anomaly, as text; the same text is the same pattern.
        expected: whether it is as it should be.
        usd_per_hour: what it cost above the usual.
    """

    id: int
    anomaly_id: int
    environment: str
    pattern: str
    expected: bool
    usd_per_hour: Decimal
    at: datetime
    actor: str
    reason: str


class AnomalyRow(Table):
    """Table `cost_anomalies`."""

    __tablename__ = "cost_anomalies"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    environment: Mapped[str] = mapped_column(String(128))
    kind: Mapped[str] = mapped_column(String(32))
    began_at: Mapped[datetime] = mapped_column(UtcTime, index=True)
    found_at: Mapped[datetime] = mapped_column(UtcTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcTime)
    document: Mapped[str] = mapped_column(Text)

    def record(self) -> AnomalyRecord:
        """The row as an immutable value."""
        return AnomalyRecord(
            self.id, self.environment, self.kind, self.began_at, self.found_at, self.ended_at, self.document
        )


class FeedbackRow(Table):
    """Table `cost_feedback`."""

    __tablename__ = "cost_feedback"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    anomaly_id: Mapped[int] = mapped_column(Key, ForeignKey("cost_anomalies.id", ondelete="CASCADE"), index=True)
    environment: Mapped[str] = mapped_column(String(128))
    pattern: Mapped[str] = mapped_column(String(1024))
    expected: Mapped[bool]
    usd_per_hour: Mapped[str] = mapped_column(String(40))
    at: Mapped[datetime] = mapped_column(UtcTime)
    actor: Mapped[str] = mapped_column(String(160))
    reason: Mapped[str] = mapped_column(String(_REASON_CHARACTERS))

    def record(self) -> FeedbackRecord:
        """The row as an immutable value."""
        return FeedbackRecord(
            self.id,
            self.anomaly_id,
            self.environment,
            self.pattern,
            self.expected,
            Decimal(self.usd_per_hour),
            self.at,
            self.actor,
            self.reason,
        )


class AnomalyRows:
    """Reads and writes of both tables inside one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def insert(self, environment: str, kind: str, began_at: datetime, found_at: datetime, document: str) -> int:
        """Keep a new anomaly; returns its id."""
        row = AnomalyRow(environment=environment, kind=kind, began_at=began_at, found_at=found_at, document=document)
        self._session.add(row)
        await self._session.flush()
        return row.id

    async def change(
        self, anomaly_id: int, kind: str, began_at: datetime, ended_at: datetime | None, document: str
    ) -> None:
        """Write what is known of an anomaly now."""
        values = {"kind": kind, "began_at": began_at, "ended_at": ended_at, "document": document}
        await self._session.execute(update(AnomalyRow).where(AnomalyRow.id == anomaly_id).values(**values))

    async def find(self, anomaly_id: int) -> AnomalyRecord | None:
        """The anomaly with this id."""
        row = (await self._session.scalars(select(AnomalyRow).where(AnomalyRow.id == anomaly_id))).one_or_none()
        return None if row is None else row.record()

    async def open(self) -> Sequence[AnomalyRecord]:
        """All that are not over, oldest first."""
        statement = select(AnomalyRow).where(AnomalyRow.ended_at.is_(None)).order_by(AnomalyRow.id)
        return [row.record() for row in await self._session.scalars(statement)]

    async def page(
        self,
        environment: str,
        since: datetime,
        until: datetime,
        before: int | None,
        limit: int,
        kind: str | None = None,
        is_open: bool | None = None,
    ) -> Sequence[AnomalyRecord]:
        """Those that were open at some time of the range, newest first; `before` is the last id of the page before."""
        statement = select(AnomalyRow).where(
            AnomalyRow.environment == environment,
            AnomalyRow.began_at < until,
            or_(AnomalyRow.ended_at.is_(None), AnomalyRow.ended_at > since),
        )
        if before is not None:
            statement = statement.where(AnomalyRow.id < before)
        if kind is not None:
            statement = statement.where(AnomalyRow.kind == kind)
        if is_open is not None:
            over = AnomalyRow.ended_at
            statement = statement.where(over.is_(None) if is_open else over.is_not(None))
        statement = statement.order_by(AnomalyRow.id.desc()).limit(limit)
        return [row.record() for row in await self._session.scalars(statement)]

    async def say(
        self,
        anomaly: AnomalyRecord,
        pattern: str,
        expected: bool,
        usd_per_hour: Decimal,
        actor: str,
        reason: str,
        now: datetime,
    ) -> FeedbackRecord:
        """Keep what somebody said."""
        plain = "".join(each if each.isprintable() else " " for each in reason[:_REASON_CHARACTERS])
        row = FeedbackRow(
            anomaly_id=anomaly.id,
            environment=anomaly.environment,
            pattern=pattern,
            expected=expected,
            usd_per_hour=format(usd_per_hour, "f"),
            at=now,
            actor=actor,
            reason=plain,
        )
        self._session.add(row)
        await self._session.flush()
        return row.record()

    async def said(self, anomaly_id: int) -> Sequence[FeedbackRecord]:
        """All that was said of an anomaly, newest first."""
        statement = select(FeedbackRow).where(FeedbackRow.anomaly_id == anomaly_id).order_by(FeedbackRow.id.desc())
        return [row.record() for row in await self._session.scalars(statement.limit(100))]

    async def patterns(self) -> Sequence[FeedbackRecord]:
        """What was said last of each pattern."""
        statement = select(FeedbackRow).order_by(FeedbackRow.id)
        latest = {(row.environment, row.pattern): row.record() for row in await self._session.scalars(statement)}
        return list(latest.values())
