"""Budgets under more than one hand: two servers, and one that is ended while they are looked at."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from observatory.alerting import money
from observatory.clock import HeldClock
from observatory.costs import Book, CostAnomalies, Ledger, Outlooks, Spent, Standings
from observatory.state import BudgetTerms, State, open_store
from observatory.store import Store

NOW = datetime(2026, 3, 18, 12, tzinfo=UTC)


class Held(Ledger):
    """A ledger whose answers are held back until they are let go."""

    def __init__(self, store: Store) -> None:
        super().__init__(store.reader, Book())
        self.asked, self.free = asyncio.Event(), asyncio.Event()
        self.free.set()

    async def spent(self, *args: Any, **named: Any) -> list[Spent]:
        self.asked.set()
        await self.free.wait()
        return await super().spent(*args, **named)


def terms(name: str = "b") -> BudgetTerms:
    warn, crit = Decimal("0.8"), Decimal(1)
    return BudgetTerms(name, "all", "", "month", Decimal(100), warn, crit, warn, crit)


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
    await one.create(environment, terms(), "token:1", "")
    anomalies = CostAnomalies(store.reader, ledger, control, clock, lambda _: "", list)
    tell = money.tellers(other, anomalies)["budget.exhausted"]
    assert list(await tell(environment, NOW)) == []
    await other.refresh()
    assert [each.member for each in await tell(environment, NOW)] == ["b"]


async def test_a_budget_that_is_ended_while_it_is_looked_at_is_forgotten_and_the_others_go_on(
    control: State, store: Store, environment: str
) -> None:
    clock, ledger = HeldClock(NOW), Held(store)
    standings = Standings(control, ledger, Outlooks(ledger, clock), clock)
    ended = await standings.create(environment, terms("ended"), "token:1", "")
    kept = await standings.create(environment, terms("kept"), "token:1", "")
    ledger.asked.clear()
    ledger.free.clear()
    looking = asyncio.create_task(standings.refresh())
    await ledger.asked.wait()
    ending = asyncio.create_task(standings.delete(ended.id, "token:1", ""))
    while ended.id in {each.id for each, _ in standings.all(environment)}:
        await asyncio.sleep(0.01)
    ledger.free.set()
    await asyncio.gather(looking, ending)
    # A month is read as a whole again after a day: whatever is still kept of one that is gone would end that.
    clock.advance(30 * 3_600)
    await standings.refresh()
    assert [(each.id, found is not None) for each, found in standings.all(environment)] == [(kept.id, True)]
    found = standings.check(environment, {})
    assert [each.budget.id for each in found.budgets] == [kept.id]
    assert found.as_of == clock.now()
