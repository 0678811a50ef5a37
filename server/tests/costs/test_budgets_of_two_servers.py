"""A budget that is set at one server is looked at by the other, and told to its rules."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from observatory.alerting import money
from observatory.clock import HeldClock
from observatory.costs import Book, CostAnomalies, Ledger, Outlooks, Standings
from observatory.state import BudgetTerms, State, open_store
from observatory.store import Store

NOW = datetime(2026, 3, 18, 12, tzinfo=UTC)


@pytest.fixture
async def control(tmp_path: Path) -> AsyncIterator[State]:
    state = await open_store(f"sqlite+aiosqlite:///{tmp_path / 'state.db'}")
    yield state
    await state.close()


async def test_a_budget_of_one_server_reaches_the_rules_of_the_other(
    control: State, store: Store, environment: str
) -> None:
    clock, ledger = HeldClock(NOW), Ledger(store.reader, Book())
    one, other = (Standings(control, ledger, Outlooks(ledger, clock), clock) for _ in range(2))
    await one.load()
    await other.load()
    warn, crit = Decimal("0.8"), Decimal(1)
    terms = BudgetTerms("b", "all", "", "month", Decimal(100), warn, crit, warn, crit)
    await one.create(environment, terms, "token:1", "")
    anomalies = CostAnomalies(store.reader, ledger, control, clock, lambda _: "", list)
    tell = money.tellers(other, anomalies)["budget.exhausted"]
    assert list(await tell(environment, NOW)) == []
    await other.refresh()
    assert [each.member for each in await tell(environment, NOW)] == ["b"]
