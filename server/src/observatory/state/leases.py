"""Leases: of several servers on one control store, one holds each, as long as its beats go on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, String, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from observatory.state.schema import Key, Table, UtcTime

_FREE = ""


@dataclass(frozen=True, slots=True)
class LeaseRecord:
    """A lease as it stands.

    Attributes:
        name: of what.
        owner: id of the process that holds it; empty: nobody.
        term: counts up with each new holder.
        beat: counts up with each renewal. Whoever sees the same term and beat for long enough may take it: no two
            machines' clocks are compared.
        renewed_at: when, by the holder's clock; for people.
    """

    name: str
    owner: str
    term: int
    beat: int
    renewed_at: datetime


class LeaseRow(Table):
    """Table `leases`."""

    __tablename__ = "leases"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    owner: Mapped[str] = mapped_column(String(64))
    term: Mapped[int] = mapped_column(BigInteger)
    beat: Mapped[int] = mapped_column(BigInteger)
    renewed_at: Mapped[datetime] = mapped_column(UtcTime)

    def record(self) -> LeaseRecord:
        """The row as an immutable value."""
        return LeaseRecord(self.name, self.owner, self.term, self.beat, self.renewed_at)


class LeaseRows:
    """Reads and writes of `leases` inside one transaction. Each change is one conditional UPDATE."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find(self, name: str, now: datetime) -> LeaseRecord:
        """The lease as it stands; made, held by nobody, where there is none."""
        row = (await self._session.scalars(select(LeaseRow).where(LeaseRow.name == name))).one_or_none()
        if row is not None:
            return row.record()
        made = {"name": name, "owner": _FREE, "term": 0, "beat": 0, "renewed_at": now}
        dialect = postgresql if self._session.get_bind().dialect.name == "postgresql" else sqlite
        await self._session.execute(dialect.insert(LeaseRow).values(made).on_conflict_do_nothing())
        return (await self._session.scalars(select(LeaseRow).where(LeaseRow.name == name))).one().record()

    async def renew(self, name: str, owner: str, term: int, now: datetime) -> bool:
        """One more beat of the holder; False when somebody else holds it by now.

        The row stays locked until the transaction ends: a successor cannot take it before what is written beside it.
        """
        return await self._change(
            (LeaseRow.name == name, LeaseRow.owner == owner, LeaseRow.term == term),
            {"beat": LeaseRow.beat + 1, "renewed_at": now},
        )

    async def take(self, seen: LeaseRecord, owner: str, now: datetime) -> int | None:
        """Take a lease that is still as it was seen; the new term, or None when it is not."""
        taken = await self._change(
            (LeaseRow.name == seen.name, LeaseRow.term == seen.term, LeaseRow.beat == seen.beat),
            {"owner": owner, "term": seen.term + 1, "beat": 0, "renewed_at": now},
        )
        return seen.term + 1 if taken else None

    async def release(self, name: str, owner: str, term: int, now: datetime) -> None:
        """Let go of it, so that a successor need not wait."""
        await self._change(
            (LeaseRow.name == name, LeaseRow.owner == owner, LeaseRow.term == term),
            {"owner": _FREE, "term": term + 1, "beat": 0, "renewed_at": now},
        )

    async def _change(self, conditions: tuple[object, ...], values: dict[str, object]) -> bool:
        statement = update(LeaseRow).where(*conditions).values(**values)  # type: ignore[arg-type]
        return bool((await self._session.execute(statement.returning(LeaseRow.id))).all())
