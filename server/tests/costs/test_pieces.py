"""A long range is read in pieces that add up to the whole, also where a day is more than one read may return."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, cast

import pytest

from observatory.costs import Ledger, Spent, pieces
from observatory.errors import InvalidRequest, StoreError

START = datetime(2026, 3, 1, 22, 30, tzinfo=UTC)
END = START + timedelta(days=2, hours=3)
DAY_S, HOUR_S = 86_400, 3_600


class Book:
    """A ledger that returns so many hours at most; one user spends a cent each minute, another every other hour."""

    def __init__(self, most_h: float) -> None:
        self.most = timedelta(hours=most_h)
        self.asked: list[tuple[datetime, datetime]] = []

    async def spent(
        self,
        environment: str,
        since: datetime,
        until: datetime,
        by: Sequence[str] = (),
        step_s: int | None = None,
        only: Mapping[str, str] | None = None,
    ) -> list[Spent]:
        self.asked.append((since, until))
        if until - since > self.most:
            raise StoreError("too many rows")
        assert step_s
        sums: dict[tuple[datetime, str], int] = {}
        minute = since
        while minute < until:
            start = datetime.fromtimestamp(minute.timestamp() // step_s * step_s, UTC)
            for user in ("u1", *(("u2",) if minute.hour % 2 else ())):
                sums[start, user] = sums.get((start, user), 0) + 1
            minute += timedelta(minutes=1)
        return [entry(start, user, calls) for (start, user), calls in sums.items()]


def entry(start: datetime, user: str, calls: int) -> Spent:
    usd = calls * Decimal("0.01")
    return Spent(start, (user,), usd, usd, None, calls, *([0] * 5), 0, calls if user == "u2" else 0, *([0] * 4))


async def read(book: Book, step_s: int, since: datetime = START, until: datetime = END) -> list[list[Spent]]:
    found = pieces.spent(cast(Ledger, book), "x", since, until, ("user",), step_s, {})
    return [each async for each in found]


@pytest.mark.parametrize("step_s", [HOUR_S, DAY_S])
async def test_days_that_are_too_much_are_read_by_the_hour_and_tell_the_same(step_s: int) -> None:
    whole = [row for rows in await read(Book(24), step_s) for row in rows]
    book = Book(1)
    parts = [row for rows in await read(book, step_s) for row in rows]
    key = lambda row: (row.start, row.key)  # noqa: E731 - short
    assert sorted(parts, key=key) == sorted(whole, key=key)
    assert sum(row.calls_unpriced for row in parts) > 0
    assert len({key(row) for row in parts}) == len(parts)
    assert {row.charged_usd for row in parts} == {None}


async def test_pieces_begin_where_days_begin() -> None:
    book = Book(24)
    await read(book, DAY_S)
    starts = [since for since, _ in book.asked]
    assert starts == [START, *(datetime(2026, 3, day, tzinfo=UTC) for day in (2, 3, 4))]
    assert book.asked[-1][1] == END
    assert await read(book, DAY_S, START, START) == []


async def test_an_hour_that_is_too_much_is_an_error() -> None:
    with pytest.raises(StoreError, match="too many rows"):
        await read(Book(0.2), HOUR_S)


async def test_a_day_of_too_many_keys_is_refused_with_what_to_do(monkeypatch: Any) -> None:
    monkeypatch.setattr(pieces, "MOST_KEYS", 1)
    with pytest.raises(InvalidRequest, match="ask for less with a filter"):
        await read(Book(1), DAY_S)
