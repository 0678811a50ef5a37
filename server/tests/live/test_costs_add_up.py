"""A seeded universe's hour: whoever spent it and whatever for, the sums are the same to the last place."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from costs.lived import Life

from observatory.clock import HeldClock
from observatory.costs import DIMENSIONS, Book, Ledger, Rollup
from observatory.costs.sources import FINE
from observatory.store import Store

from .door import Open

ENVIRONMENT = "costs-add-up"
SINCE = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=9)
UNTIL = SINCE + timedelta(hours=7)
PROGRAM = Path(__file__).parents[1] / "costs" / "lived.py"
ROLLED = [name for name in DIMENSIONS if name not in FINE]


@pytest.fixture(scope="module")
def ledger(door: Open, store: Store, tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    """The books after a universe's forty minutes around the turn of an hour."""
    plan = tmp_path_factory.mktemp("universe") / "plan.json"
    begin = SINCE + timedelta(hours=2, minutes=40)
    Life(int(begin.timestamp()) * 10**9, 40, door.url, door.token, ENVIRONMENT, 20_251).write(plan)
    subprocess.run([sys.executable, str(PROGRAM), str(plan)], check=True, timeout=240)
    return Ledger(store.reader, Book())


async def total(ledger: Ledger, *by: str, step_s: int | None = None) -> tuple[Decimal, int, int]:
    rows = await ledger.spent(ENVIRONMENT, SINCE, UNTIL, by, step_s)
    usd = sum((row.usd for row in rows if row.usd is not None), Decimal(0))
    return usd, sum(row.calls for row in rows), sum(row.charges for row in rows)


async def test_every_dimension_and_pair_adds_up_to_the_whole(ledger: Ledger, store: Store) -> None:
    whole = await total(ledger)
    assert whole[0] > 0
    assert whole[1] > 20
    assert whole[2] > 20
    for name in DIMENSIONS:
        assert await total(ledger, name) == whole
    for pair in pairwise(ROLLED):
        assert await total(ledger, *pair) == whole
    assert await total(ledger, "user", step_s=1_800) == whole
    rollup = Rollup(store, ledger.book, HeldClock(UNTIL + timedelta(hours=2)), timedelta(hours=10))
    while rollup.round():
        pass
    for name in ROLLED:
        assert await total(ledger, name) == whole


async def test_some_of_the_spending_is_known_by_signal_and_by_user(ledger: Ledger) -> None:
    for name in ("signal", "user", "feature"):
        rows = await ledger.spent(ENVIRONMENT, SINCE, UNTIL, (name,))
        assert any(row.key[0] and row.usd for row in rows), name
