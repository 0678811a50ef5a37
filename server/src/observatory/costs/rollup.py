"""Keeps cost_hours in step with the facts: hours that are over, and older ones whose facts have changed since."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from observatory.clock import Clock
from observatory.costs import hours, sources
from observatory.costs.book import Book
from observatory.costs.hours import HOUR, Print
from observatory.costs.shelf import Shelf
from observatory.errors import StoreError
from observatory.store import Store

_log = logging.getLogger(__name__)
EVERY_S = 60.0
# An hour is rolled when the one after it is over: a call in that one may repeat one of the hour before.
SETTLED = 2 * HOUR + timedelta(minutes=2)
# Hours of one statement, and of one round: a round ends before anybody waits for its connection.
_AT_ONCE = 24
_A_ROUND = 96
# A roll's number: milliseconds of its making, then the hour since 1970.
_HOURS = 1_000_000
_NEWEST = "SELECT max(Roll) FROM (SELECT max(Roll) AS Roll FROM cost_hours UNION ALL SELECT max(Roll) FROM cost_rolls)"
_OUTDATED = """SELECT DISTINCT Roll FROM cost_hours
WHERE Roll < {oldest} AND Roll NOT IN (SELECT max(Roll) FROM cost_rolls GROUP BY Hour) LIMIT 1000"""


class Rollup:
    """Rolls hours.

    Args:
        store: the telemetry store.
        prices: decide at which sizes of calls prices change.
        clock: tells the time.
        horizon: how far back facts are looked at.
    """

    def __init__(self, store: Store, prices: Book | Shelf, clock: Clock, horizon: timedelta) -> None:
        self._store = store
        self._prices = prices
        self._clock = clock
        self._horizon = horizon

    async def run(self) -> None:
        """Roll every minute, and at once while more is left."""
        while True:
            try:
                more = await asyncio.to_thread(self.round)
            except StoreError as error:
                _log.warning("hours of costs could not be rolled, and are read from the facts: %s", error)
                more = False
            await asyncio.sleep(1.0 if more else EVERY_S)

    def round(self) -> bool:
        """Roll what does not stand, the newest first; True when something is left.

        Raises:
            StoreError: the store refused; every hour is then as it was, or rolled whole.
        """
        now = self._clock.now()
        until = hours.floor(now - SETTLED) + HOUR
        since = hours.floor(now - self._horizon)
        rows = self._store.rows(hours.standing_sql(since, until))
        standing = hours.standing(rows, since, until, self._prices.newest.rules)
        self._forget()
        stale = sorted(standing.stale, reverse=True)
        for batch in _batches(stale[:_A_ROUND]):
            self._roll({hour: standing.stale[hour] for hour in batch})
        return len(stale) > _A_ROUND

    def _roll(self, prints: dict[datetime, Print]) -> None:
        first, last = min(prints), max(prints) + HOUR
        number = self._number()
        self._store.command(sources.roll(first, last, self._prices.newest.steps, number))
        # What the counts say was counted before the facts were read: a fact in between makes the hour stale again.
        rows = ", ".join(_row(hour, number, made) for hour, made in prints.items())
        self._store.command(f"INSERT INTO cost_rolls (Hour, Roll, Before, Calls, After, Charges, Rules) VALUES {rows}")

    def _number(self) -> int:
        """A number above every other, also where the clock was set back."""
        ((newest,),) = self._store.rows(_NEWEST)
        return max(int(self._clock.now().timestamp() * 1_000), int(newest) // _HOURS + 1) * _HOURS

    def _forget(self) -> None:
        """Drop what was rolled again, or never to its end, at least a round ago: nobody reads it any more."""
        oldest = int((self._clock.now() - timedelta(seconds=EVERY_S)).timestamp() * 1_000) * _HOURS
        rows = self._store.rows(_OUTDATED.format(oldest=oldest))
        if rows:
            listed = ", ".join(str(roll) for (roll,) in rows)
            for table in ("cost_hours", "cost_rolls"):
                self._store.command(f"ALTER TABLE {table} DELETE WHERE Roll IN ({listed}) SETTINGS mutations_sync = 1")


def _batches(stale: Sequence[datetime]) -> Iterable[list[datetime]]:
    """Runs of adjacent hours, each of at most a day."""
    batch: list[datetime] = []
    for hour in stale:
        if batch and (batch[-1] - hour != HOUR or len(batch) == _AT_ONCE):
            yield batch
            batch = []
        batch.append(hour)
    if batch:
        yield batch


def _row(hour: datetime, number: int, made: Print) -> str:
    roll = number + int(hour.timestamp()) // 3_600
    at = f"'{hour.astimezone(UTC):%Y-%m-%d %H:%M:%S}'"
    return f"({at}, {roll}, {made.before}, {made.calls}, {made.after}, {made.charges}, '{made.rules}')"
