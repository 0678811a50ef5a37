"""Budgets: how much may be spent on what in which period. A deleted one is kept, so that its id stays its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Index, String, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from observatory.state.schema import Key, Table, UtcTime


@dataclass(frozen=True, slots=True)
class BudgetTerms:
    """What a budget says.

    Attributes:
        name: what people call it; no other living budget of the environment has it.
        scope: `all`, `provider`, `model`, `category`, `user`, `cohort` or `feature`.
        value: which one, empty for `all`.
        period: `day`, `week` (from Monday) or `month`, in UTC.
        amount_usd: what may be spent in one period, exact.
        warn_actual_ratio: share of the amount that is worth a warning once spent.
        crit_actual_ratio: share of the amount from which the budget counts as exhausted.
        warn_forecast_ratio: share of the amount that is worth a warning once forecast for the period's end.
        crit_forecast_ratio: share of the amount from which the forecast is critical.
    """

    name: str
    scope: str
    value: str
    period: str
    amount_usd: Decimal
    warn_actual_ratio: Decimal
    crit_actual_ratio: Decimal
    warn_forecast_ratio: Decimal
    crit_forecast_ratio: Decimal


@dataclass(frozen=True, slots=True)
class BudgetRecord:
    """One budget. `changed_*` are those of its making until it is changed."""

    id: int
    environment: str
    terms: BudgetTerms
    created_at: datetime
    created_by: str
    changed_at: datetime
    changed_by: str


class BudgetRow(Table):
    """Table `budgets`. Decimals are text: a database's own number type would round them."""

    __tablename__ = "budgets"
    __table_args__ = (
        Index(
            "uq_budgets_living",
            "environment",
            "name",
            unique=True,
            sqlite_where=text("deleted_at IS NULL"),
            postgresql_where=text("deleted_at IS NULL"),
        ),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    environment: Mapped[str] = mapped_column(String(128))
    name: Mapped[str] = mapped_column(String(128))
    scope: Mapped[str] = mapped_column(String(16))
    value: Mapped[str] = mapped_column(String(256))
    period: Mapped[str] = mapped_column(String(8))
    amount_usd: Mapped[str] = mapped_column(String(40))
    warn_actual_ratio: Mapped[str] = mapped_column(String(16))
    crit_actual_ratio: Mapped[str] = mapped_column(String(16))
    warn_forecast_ratio: Mapped[str] = mapped_column(String(16))
    crit_forecast_ratio: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    created_by: Mapped[str] = mapped_column(String(160))
    changed_at: Mapped[datetime] = mapped_column(UtcTime)
    changed_by: Mapped[str] = mapped_column(String(160))
    deleted_at: Mapped[datetime | None] = mapped_column(UtcTime)

    def record(self) -> BudgetRecord:
        """The row as an immutable value."""
        terms = BudgetTerms(
            self.name,
            self.scope,
            self.value,
            self.period,
            Decimal(self.amount_usd),
            Decimal(self.warn_actual_ratio),
            Decimal(self.crit_actual_ratio),
            Decimal(self.warn_forecast_ratio),
            Decimal(self.crit_forecast_ratio),
        )
        return BudgetRecord(
            self.id, self.environment, terms, self.created_at, self.created_by, self.changed_at, self.changed_by
        )


class BudgetRows:
    """Reads and writes of `budgets` inside one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def insert(self, environment: str, terms: BudgetTerms, actor: str, now: datetime) -> BudgetRecord:
        """Keep a new budget; returns it with its id."""
        row = BudgetRow(
            environment=environment,
            created_at=now,
            created_by=actor,
            changed_at=now,
            changed_by=actor,
            **_written(terms),
        )
        self._session.add(row)
        await self._session.flush()
        return row.record()

    async def change(self, budget_id: int, terms: BudgetTerms, actor: str, now: datetime) -> BudgetRecord | None:
        """Give a living budget new terms; None when there is none with this id."""
        statement = (
            update(BudgetRow)
            .where(BudgetRow.id == budget_id, BudgetRow.deleted_at.is_(None))
            .values(changed_at=now, changed_by=actor, **_written(terms))
            .returning(BudgetRow)
            .execution_options(populate_existing=True)
        )
        row = (await self._session.scalars(statement)).one_or_none()
        return None if row is None else row.record()

    async def delete(self, budget_id: int, actor: str, now: datetime) -> BudgetRecord | None:
        """End a living budget; None when there is none with this id."""
        statement = (
            update(BudgetRow)
            .where(BudgetRow.id == budget_id, BudgetRow.deleted_at.is_(None))
            .values(changed_at=now, changed_by=actor, deleted_at=now)
            .returning(BudgetRow)
            .execution_options(populate_existing=True)
        )
        row = (await self._session.scalars(statement)).one_or_none()
        return None if row is None else row.record()

    async def find(self, budget_id: int) -> BudgetRecord | None:
        """The living budget with this id."""
        statement = select(BudgetRow).where(BudgetRow.id == budget_id, BudgetRow.deleted_at.is_(None))
        row = (await self._session.scalars(statement)).one_or_none()
        return None if row is None else row.record()

    async def named(self, environment: str, name: str) -> BudgetRecord | None:
        """The living budget of the environment with this name."""
        statement = select(BudgetRow).where(
            BudgetRow.environment == environment, BudgetRow.name == name, BudgetRow.deleted_at.is_(None)
        )
        row = (await self._session.scalars(statement)).one_or_none()
        return None if row is None else row.record()

    async def living(self) -> Sequence[BudgetRecord]:
        """Every budget that was not deleted, of all environments, oldest first."""
        statement = select(BudgetRow).where(BudgetRow.deleted_at.is_(None)).order_by(BudgetRow.id)
        return [row.record() for row in await self._session.scalars(statement)]

    async def count(self) -> int:
        """How many budgets were not deleted."""
        statement = select(func.count()).select_from(BudgetRow).where(BudgetRow.deleted_at.is_(None))
        return int((await self._session.scalars(statement)).one())


def _written(terms: BudgetTerms) -> dict[str, Any]:
    return {
        "name": terms.name,
        "scope": terms.scope,
        "value": terms.value,
        "period": terms.period,
        "amount_usd": format(terms.amount_usd, "f"),
        "warn_actual_ratio": format(terms.warn_actual_ratio, "f"),
        "crit_actual_ratio": format(terms.crit_actual_ratio, "f"),
        "warn_forecast_ratio": format(terms.warn_forecast_ratio, "f"),
        "crit_forecast_ratio": format(terms.crit_forecast_ratio, "f"),
    }
