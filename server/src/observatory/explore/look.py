"""One search for the spans that fit, from the newest or the slowest on.

What is looked for without an index is looked for in slices of time that grow, the newest first: what was found when the
store took too long for the next slice is an answer, and its cursor goes on from there.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from observatory.errors import StoreError
from observatory.explore.rows import Entry
from observatory.explore.wanted import Sort, Source, Wanted, duration, nanoseconds
from observatory.store import Reader

# Of these the traces of a page are made.
_MOST_ROWS = 2_000
HOUR_NS = 3_600_000_000_000
_GROWTH = 6
_TIMES = 1_000
# Spans of one trace lie so far from each other, at most: a trace that goes on longer may stand on two pages.
AROUND_NS = HOUR_NS
AT = "fromUnixTimestamp64Nano({{{}:Int64}}, 'UTC')"
RANGE = f"Timestamp > {AT.format('since')} AND Timestamp <= {AT.format('until')}"


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page ended: its last trace's span, by the time or duration in ns, and the trace."""

    value: int
    trace: str


@dataclass(frozen=True, slots=True)
class Found:
    """A trace that was looked for.

    Attributes:
        trace_id: hexadecimal.
        at_ns: start of the newest (or slowest) of its spans that fit, Unix time in ns.
        duration_ns: of that span.
        entry: the trace as a whole; None when its spans are no longer kept, or are somebody else's.
    """

    trace_id: str
    at_ns: int
    duration_ns: int
    entry: Entry | None = None


class Look:
    """One search for the spans that fit.

    Attributes:
        reached: how far was looked, where not everything was; None at first.
    """

    def __init__(self, reader: Reader, wanted: Wanted, sort: Sort, after: Cursor | None) -> None:
        self._reader, self._wanted, self._sort, self._after = reader, wanted, sort, after
        self._source = wanted.source
        conditions, self._bound = wanted.conditions()
        self._where = " AND ".join(conditions)
        self._since, self._until = nanoseconds(wanted.since), nanoseconds(wanted.until)
        self.reached: Cursor | None = None

    async def found(self, limit: int) -> tuple[list[Found], bool]:
        """Traces in their order, at least one more than `limit` where there are, and whether that is all."""
        if self._sort is Sort.SLOWEST:
            return await self._slowest()
        if self._wanted.user and self._source is Source.CALLS:
            return await self._of_user(limit)
        if self._wanted.indexed:
            rows = await self._rows(self._since, self._newest())
            return await self._unseen(rows), not self._cut(rows)
        return await self._by_slices(limit)

    def end(self, last: Found) -> Cursor:
        """Where a page ends whose last trace this is."""
        return Cursor(last.at_ns if self._sort is Sort.NEWEST else last.duration_ns, last.trace_id)

    def _cut(self, rows: Sequence[Found]) -> bool:
        """Whether there may be more rows than these; then the last of them is what was reached."""
        if len(rows) == _MOST_ROWS:
            self.reached = self.end(rows[-1])
        return len(rows) == _MOST_ROWS

    def _newest(self) -> int:
        return min(self._until, self._after.value) if self._after else self._until

    async def _by_slices(self, limit: int) -> tuple[list[Found], bool]:
        until, length = self._newest(), HOUR_NS
        found: list[Found] = []
        known: set[str] = set()
        while until > self._since:
            since = max(self._since, until - length)
            try:
                rows = await self._rows(since, until)
            except StoreError:
                if not known and until == self._newest():
                    raise
                return found, False
            new = [each for each in await self._unseen(rows) if each.trace_id not in known]
            known.update(each.trace_id for each in new)
            found += new
            if self._cut(rows):
                return found, False
            # What began at that very moment was not looked at yet: no trace id is behind this.
            self.reached = Cursor(since, "g")
            if len(found) > limit:
                return found, since == self._since
            until, length = since, length * _GROWTH
        return found, True

    async def _of_user(self, limit: int) -> tuple[list[Found], bool]:
        """A narrow copy ordered by user has the times of a user's calls; the rest is where those times lie."""
        until = self._newest()
        found: list[Found] = []
        known: set[str] = set()
        # Each time costs a look into its part of the table, so no more of them than a page is likely to need.
        times_at_once = 2 * (limit + 1)
        while len(found) <= limit:
            bound = {**self._bound, "since": self._since, "until": until}
            parts = ["Environment = {environment:String}", "UserId = {user:String}", RANGE]
            parts += ["Service = {service:String}"] * bool(self._wanted.service)
            sql = (
                "SELECT toUnixTimestamp64Nano(Timestamp) FROM (SELECT Timestamp FROM fact_calls "
                f"WHERE {' AND '.join(parts)} ORDER BY tuple(Timestamp) DESC LIMIT {times_at_once})"
            )
            rows = await self._reader.read(sql, bound)
            times = [int(row[0]) for row in rows.rows]
            if times:
                oldest = min(times)
                new = await self._unseen(await self._rows(oldest - 1, until, times))
                new = [each for each in new if each.trace_id not in known]
                known.update(each.trace_id for each in new)
                found += new
                self.reached = Cursor(oldest, "")
                until = oldest - 1
            if len(times) < times_at_once:
                return found, True
            times_at_once = min(times_at_once * _GROWTH, _TIMES)
        return found, False

    async def _slowest(self) -> tuple[list[Found], bool]:
        column = duration(self._source)
        where, bound = [self._where, RANGE], {**self._bound, "since": self._since, "until": self._until}
        if self._after:
            where.append(f"({column}, TraceId) < ({{slow:UInt64}}, {{after:String}})")
            bound |= {"slow": self._after.value, "after": self._after.trace}
        # The slowest span of a trace stands for it; one that stood on the page before comes with what is less slow.
        sql = (
            f"SELECT TraceId, argMax(toUnixTimestamp64Nano(Timestamp), {column}), max({column}) AS longest FROM "
            f"{self._source} WHERE {' AND '.join(where)} GROUP BY TraceId ORDER BY longest DESC, TraceId DESC "
            f"LIMIT {_MOST_ROWS}"
        )
        rows = [
            Found(str(trace), int(at), int(longest))
            for trace, at, longest in (await self._reader.read(sql, bound)).rows
        ]
        if self._after and rows:
            gone = await self._slower([each.trace_id for each in rows])
            return [each for each in rows if each.trace_id not in gone], not self._cut(rows)
        return rows, not self._cut(rows)

    async def _slower(self, traces: Sequence[str]) -> Collection[str]:
        assert self._after
        column = duration(self._source)
        sql = (
            f"SELECT DISTINCT TraceId FROM {self._source} WHERE {self._where} AND {RANGE} AND TraceId IN "
            f"{{traces:Array(String)}} AND ({column}, TraceId) >= ({{slow:UInt64}}, {{after:String}})"
        )
        bound = {**self._bound, "since": self._since, "until": self._until, "traces": list(traces)}
        bound |= {"slow": self._after.value, "after": self._after.trace}
        return {str(row[0]) for row in (await self._reader.read(sql, bound)).rows}

    async def _rows(self, since: int, until: int, times: Sequence[int] | None = None) -> list[Found]:
        where, bound = [self._where, RANGE], {**self._bound, "since": since, "until": until}
        if times is not None:
            where.append("Timestamp IN (SELECT fromUnixTimestamp64Nano(arrayJoin({times:Array(Int64)}), 'UTC'))")
            bound["times"] = list(times)
        if self._after:
            where.append(f"(Timestamp, TraceId) < ({AT.format('at')}, {{after:String}})")
            bound |= {"at": self._after.value, "after": self._after.trace}
        # Aliases must not hide the columns that conditions and orders read.
        sql = (
            f"SELECT TraceId, toUnixTimestamp64Nano(Timestamp), {duration(self._source)} FROM {self._source} "
            f"WHERE {' AND '.join(where)} AND TraceId != '' ORDER BY Timestamp DESC, TraceId DESC LIMIT {_MOST_ROWS}"
        )
        rows = (await self._reader.read(sql, bound)).rows
        return [Found(str(trace), int(at), int(length)) for trace, at, length in rows]

    async def _unseen(self, rows: Sequence[Found]) -> list[Found]:
        """Each trace once, without those that stood on the page before with a later span."""
        found: dict[str, Found] = {}
        for each in rows:
            found.setdefault(each.trace_id, each)
        if not self._after or not found:
            return list(found.values())
        sql = (
            f"SELECT DISTINCT TraceId FROM {self._source} WHERE {self._where} AND {RANGE} AND TraceId IN "
            f"{{traces:Array(String)}} AND (Timestamp, TraceId) >= ({AT.format('at')}, {{after:String}})"
        )
        bound = {**self._bound, "since": self._after.value - 1, "traces": list(found)}
        bound |= {"until": min(self._until, self._after.value + AROUND_NS)}
        bound |= {"at": self._after.value, "after": self._after.trace}
        gone = {str(row[0]) for row in (await self._reader.read(sql, bound)).rows}
        return [each for trace, each in found.items() if trace not in gone]
