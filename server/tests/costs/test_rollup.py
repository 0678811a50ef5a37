"""Whole hours are rolled, and say exactly what the facts say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from model_spans import send_nested

from observatory.clock import HeldClock
from observatory.costs import Book, Ledger, Spent
from observatory.costs.rollup import Rollup
from observatory.store import Store

MIDNIGHT = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=2)
CHAT = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o-mini"}
BY = ("category", "provider", "model", "service", "feature", "user", "cohort", "strategy")


class FactsOnly(Ledger):
    """Reads no hour that was rolled."""

    async def _standing(self, since: datetime, until: datetime) -> Any:
        standing = await super()._standing(since, until)
        return type(standing)({}, {}, facts_only=True)


class Books:
    """One environment's telemetry around a midnight, its ledger with rolled hours, and one without."""

    def __init__(self, store: Store, sender: Any, insert: Any) -> None:
        self.sender = sender
        self.insert = insert
        sender.at = MIDNIGHT + timedelta(hours=8)
        self.book = Book()
        self.clock = HeldClock(MIDNIGHT + timedelta(hours=12))
        self.rollup = Rollup(store, self.book, self.clock, timedelta(days=2))
        self.rolled, self.facts = Ledger(store.reader, self.book), FactsOnly(store.reader, self.book)

    def call(self, hour: float, given: int = 1_000, user: str = "u1", **more: Any) -> None:
        told = {"gen_ai.usage.input_tokens": given, "gen_ai.usage.output_tokens": 100, "user.id": user}
        self.sender.span("chat", (8 - hour) * 3_600, **{**CHAT, **told, **more})

    def charge(self, hour: float, usd: str = "0.125", **more: Any) -> None:
        told = {"cost.provider": "binance", "cost.category": "exchange", "cost.amount_usd": usd}
        self.sender.log("cost.charge", (8 - hour) * 3_600, **told, **more)

    def roll(self) -> None:
        while self.rollup.round():
            pass

    async def both(self, **how: Any) -> list[Spent]:
        """What was spent from eight hours before midnight until eight after it, the same from either."""
        since, until = MIDNIGHT - timedelta(hours=8, minutes=7), MIDNIGHT + timedelta(hours=8)
        rolled = await self.rolled.spent(self.sender.environment, since, until, **how)
        facts = await self.facts.spent(self.sender.environment, since, until, **how)
        assert sorted(rolled, key=str) == sorted(facts, key=str)
        return rolled

    async def gaps(self) -> list[tuple[datetime, datetime]]:
        since, until = MIDNIGHT - timedelta(hours=8), MIDNIGHT + timedelta(hours=8)
        return (await self.rolled._standing(since, until)).gaps(since, until)


@pytest.fixture
def books(store: Store, sender: Any, insert: Any) -> Books:
    made = Books(store, sender, insert)
    for hour in (-7.9, -0.25, -0.001, 0, 0.5, 3, 7.75):
        made.call(hour, given=int(1_000 + abs(hour) * 10), user=f"u{int(hour) % 3}")
        made.charge(hour, **{"user.id": "u1"})
    made.sender.flush()
    made.roll()
    return made


async def test_every_dimension_is_the_same_from_hours_and_from_facts(books: Books) -> None:
    assert await books.gaps() == []
    for one in BY:
        await books.both(by=[one])
    await books.both(by=["user", "model"], step_s=1_800)
    (whole,) = await books.both()
    assert (whole.calls, whole.charges, whole.charged_usd) == (7, 7, Decimal("0.875"))


async def test_what_comes_late_is_read_at_once_and_rolled_next_time(books: Books) -> None:
    books.call(2.5)
    books.charge(-3)
    books.sender.flush()
    first, last, *call = [(each - MIDNIGHT).total_seconds() / 3_600 for gap in await books.gaps() for each in gap]
    assert (first, last) == (-3, -2)
    # The hour before the call's counts what comes after it, where other tests of the store have left it something.
    assert call in ([2, 4], [1, 4])
    (late,) = await books.both()
    books.roll()
    assert await books.gaps() == []
    assert (await books.both()) == [late]
    assert (late.calls, late.charges) == (8, 8)


async def test_a_call_seen_by_two_instrumentations_is_one_over_midnight_too(books: Books) -> None:
    told = {**CHAT, "gen_ai.usage.input_tokens": 1_000, "gen_ai.usage.output_tokens": 100}
    books.sender.at = MIDNIGHT + timedelta(seconds=1)
    send_nested(books.insert, books.sender, [("chat", told, []), ("POST", told, [])])
    (found,) = await books.both()
    books.roll()
    assert await books.both() == [found]
    assert found.calls == 8


async def test_an_hour_that_was_rolled_again_leaves_nothing_behind(books: Books, store: Store) -> None:
    books.call(0.75)
    books.sender.flush()
    books.roll()
    books.clock.advance(120)
    books.roll()
    rows = "SELECT uniqExact(Roll) FROM {} WHERE Hour = {}"
    at = f"toDateTime('{MIDNIGHT:%Y-%m-%d %H:%M:%S}', 'UTC')"
    assert [store.rows(rows.format(table, at))[0][0] for table in ("cost_hours", "cost_rolls")] == [1, 1]
    await books.both(by=["user"])


async def test_a_roll_that_was_cut_short_is_never_read(books: Books, store: Store) -> None:
    store.command(
        "INSERT INTO cost_hours SELECT * REPLACE (toUInt64(7) AS Roll) FROM cost_hours "
        f"WHERE Environment = '{books.sender.environment}'"
    )
    (found,) = await books.both()
    assert found.calls == 7


async def test_hours_that_are_not_over_are_left_to_the_facts(books: Books, store: Store) -> None:
    books.rollup = Rollup(store, books.book, HeldClock(MIDNIGHT + timedelta(hours=7, minutes=50)), timedelta(days=2))
    books.call(6.5)
    books.sender.flush()
    books.roll()
    assert await books.gaps() != []
    await books.both()
