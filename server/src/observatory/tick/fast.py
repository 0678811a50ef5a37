"""After a commit: the cheap judged indicators whose facts got rows are read at once, and held against their rules."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from observatory.areas import Definition, assess
from observatory.clock import Clock
from observatory.model import Indicator, Reading
from observatory.selfwatch import Selfwatch
from observatory.store import Reader

_log = logging.getLogger(__name__)
_TABLE = re.compile(r"\bfact_\w+")
# A row that came a minute ago is in the window as well; a longer window costs more and tells no sooner.
LONGEST_WINDOW_S = 300
_ROWS = """SELECT name, total_rows FROM system.tables
WHERE database = currentDatabase() AND startsWith(name, 'fact_') AND engine LIKE '%MergeTree'"""

Found = Mapping[str, Mapping[str, Sequence[Reading]]]
Judge = Callable[[Found, frozenset[str], datetime], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Haste:
    """How much is done after commits.

    Attributes:
        every_s: least time between the starts of two looks; 0: none.
        share: most of the time that looks may take, 0 to 1.
    """

    every_s: float = 0.2
    share: float = 0.1


class Fast:
    """Looks after commits.

    Args:
        reader: reads the telemetry store.
        definitions: the areas.
        judge: holds readings against rules.
        clock: when a look is, and how long it takes.
        selfwatch: tells whether something was committed; counts failures.
        haste: how much is done.
        since: since when the server listens.
    """

    def __init__(
        self,
        reader: Reader,
        definitions: Sequence[Definition],
        judge: Judge,
        clock: Clock,
        selfwatch: Selfwatch,
        haste: Haste,
        since: datetime,
    ) -> None:
        self._reader = reader
        self._judge = judge
        self._clock = clock
        self._selfwatch = selfwatch
        self._haste = haste
        self._since = since
        self._cheap = [(each, cheap(each.indicators.values())) for each in definitions]
        self._rows: Mapping[str, int] = {}
        self._stored = 0.0

    async def run(self) -> None:
        """Looks until cancelled. One that fails is logged and counted; the next one comes."""
        while self._haste.every_s > 0:
            started = self._clock.monotonic()
            try:
                # What is there at the start is seen by the first round.
                await (self.look() if self._rows else self.begin())
            except Exception:
                self._selfwatch.tick_failures.labels(area="fast").inc()
                _log.exception("a look after a commit failed")
            spent = self._clock.monotonic() - started
            await self._clock.sleep(max(self._haste.every_s - spent, spent / self._haste.share - spent, 0.01))

    async def begin(self) -> None:
        """Take what the tables hold now for known.

        Raises:
            StoreError: the store refused a query.
        """
        await self._touched()

    async def look(self) -> frozenset[str]:
        """Read and judge what was committed since the last look; the tables that got rows.

        Raises:
            StoreError: the store refused a query.
            StateError: the changes could not be kept.
        """
        stored = self._committed()
        if stored == self._stored:
            return frozenset()
        touched = await self._touched()
        self._stored = stored
        if not touched:
            return touched
        at = self._clock.now()
        wanted = [
            (area, frozenset(name for name, tables in of.items() if not touched.isdisjoint(tables)))
            for area, of in self._cheap
        ]
        read = await asyncio.gather(
            *(assess.read_some(area, self._reader, names, at, self._since) for area, names in wanted if names)
        )
        await self._judge(_merged(read), touched, at)
        return touched

    def _committed(self) -> float:
        return sum(
            sample.value
            for family in self._selfwatch.rows.collect()
            for sample in family.samples
            if sample.name.endswith("_total")
        )

    async def _touched(self) -> frozenset[str]:
        """Tables that hold another number of rows than at the last look."""
        found = {str(name): int(rows or 0) for name, rows in (await self._reader.read(_ROWS)).rows}
        touched = frozenset(name for name, rows in found.items() if rows != self._rows.get(name, 0))
        self._rows = found
        return touched


def cheap(indicators: Iterable[Indicator]) -> Mapping[str, frozenset[str]]:
    """The judged indicators that are read after commits, each with the tables it reads."""
    return {
        each.id: frozenset(_TABLE.findall(each.source))
        for each in indicators
        if each.bounded and each.value and each.window_s <= LONGEST_WINDOW_S and each.needs_s == "0"
    }


def _merged(read: Iterable[Mapping[str, Sequence[Reading]]]) -> Found:
    found: dict[str, dict[str, list[Reading]]] = {}
    for of in read:
        for environment, readings in of.items():
            for each in readings:
                found.setdefault(environment, {}).setdefault(each.indicator, []).append(each)
    return found
