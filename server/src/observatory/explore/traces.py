"""Finding traces, and reading the spans of one.

page = await Traces(reader).search(wanted, Sort.NEWEST, limit=50)
trace = await Traces(reader).one("4bf92f3577b34da6a3ce929d0e0e4736")
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from observatory.explore.look import AROUND_NS, AT, HOUR_NS, RANGE, Cursor, Found, Look
from observatory.explore.model import Span
from observatory.explore.rows import BARE_COLUMNS, SPAN_COLUMNS, Entry, Recorded, bare, entry, recorded
from observatory.explore.wanted import Sort, Wanted
from observatory.store import Reader

MOST_SPANS = 5_000
_DAY_NS = 24 * HOUR_NS
_FIRST_DAY = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True)
class Page:
    """Traces.

    Attributes:
        items: newest or slowest first.
        next: where the next page begins; None when there is none.
        at_least: how many traces there are from here on; all of them when `complete`.
        complete: whether everything in the range was looked at.
    """

    items: Sequence[Found]
    next: Cursor | None
    at_least: int
    complete: bool


@dataclass(frozen=True, slots=True)
class Trace:
    """A trace.

    Attributes:
        spans: by their start.
        truncated: whether there are more than were read.
    """

    spans: Sequence[Recorded]
    truncated: bool


class Traces:
    """Reads traces.

    Args:
        reader: of the telemetry store.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def search(
        self,
        wanted: Wanted,
        sort: Sort = Sort.NEWEST,
        limit: int = 50,
        after: Cursor | None = None,
        only: str | None = None,
    ) -> Page:
        """Traces one of whose spans fits.

        Args:
            wanted: what the span must be.
            sort: what comes first.
            limit: most traces.
            after: end of the page before.
            only: the one user whose spans may be told; None: all.

        Raises:
            StoreError: the store refused a query or took too long.
        """
        look = Look(self._reader, wanted, sort, after)
        found, complete = await look.found(limit)
        shown = found[:limit]
        following = None if complete else look.reached
        following = look.end(shown[-1]) if len(found) > limit else following
        entries = await self.entries(shown, wanted.environment, only)
        items = [replace(each, entry=entries.get(each.trace_id)) for each in shown]
        return Page(items, following, len(found), complete)

    async def one(
        self, trace_id: str, environment: str | None = None, only: str | None = None, limit: int = MOST_SPANS
    ) -> Trace:
        """The spans of a trace, wherever in time they are; none for one that is not known.

        Args:
            trace_id: hexadecimal, lower case.
            environment: the one that is looked at; None: any.
            only: the one user whose spans may be told; None: all.
            limit: most spans.

        Raises:
            StoreError: the store refused the query or took too long.
        """
        found = await self.many([trace_id], environment=environment, only=only, limit=limit + 1)
        return Trace(found[:limit], len(found) > limit)

    async def many(
        self,
        traces: Sequence[str],
        around: Iterable[int] = (),
        environment: str | None = None,
        only: str | None = None,
        limit: int = 20_000,
    ) -> Sequence[Recorded]:
        """Spans of several traces, with all that was recorded of them, by their start.

        Args:
            traces: their ids.
            around: Unix times in ns at which they ran, so that no other days are looked at.
            environment, only, limit: as of `one`.
        """
        if not traces:
            return []
        where, bound = _of_traces(traces, around, environment, only)
        rows = await self._reader.read(
            f"SELECT {SPAN_COLUMNS} FROM otel_traces WHERE {where} ORDER BY Timestamp, SpanId LIMIT {int(limit)}", bound
        )
        return [recorded(row) for row in rows.dicts()]

    async def spans(
        self,
        traces: Sequence[str],
        around: Iterable[int] = (),
        environment: str | None = None,
        limit: int = 100_000,
    ) -> Mapping[str, Sequence[Span]]:
        """By trace its spans without their attributes, for arithmetic over thousands of traces."""
        if not traces:
            return {}
        where, bound = _of_traces(traces, around, environment, None)
        sql = f"SELECT {BARE_COLUMNS} FROM otel_traces WHERE {where} LIMIT {int(limit)}"
        rows = (await self._reader.read(sql, bound)).rows
        found: dict[str, list[Span]] = {}
        for row in rows:
            found.setdefault(row[0], []).append(bare(row))
        return found

    async def ids(self, wanted: Wanted, between: tuple[int, int], limit: int) -> Mapping[str, int]:
        """By trace id the time in ns of the newest span that fits, between two Unix times in ns."""
        where, bound = wanted.conditions()
        sql = (
            f"SELECT TraceId, max(toUnixTimestamp64Nano(Timestamp)) AS newest FROM {wanted.source} "
            f"WHERE {' AND '.join([*where, RANGE])} AND TraceId != '' GROUP BY TraceId ORDER BY newest DESC "
            f"LIMIT {int(limit)}"
        )
        rows = (await self._reader.read(sql, {**bound, "since": between[0], "until": between[1]})).rows
        return {str(trace): int(at) for trace, at in rows}

    async def entries(
        self, found: Sequence[Found], environment: str | None, only: str | None = None
    ) -> Mapping[str, Entry]:
        """By trace what is said of it as a whole; without those whose spans are no longer kept."""
        if not found:
            return {}
        where, bound = _of_traces([each.trace_id for each in found], (each.at_ns for each in found), environment, only)
        rows = await self._reader.read(f"{_ENTRIES} WHERE {where} GROUP BY TraceId", bound)
        return {row["trace_id"]: entry(row) for row in rows.dicts()}


def _of_traces(
    traces: Sequence[str], around: Iterable[int], environment: str | None, only: str | None
) -> tuple[str, dict[str, object]]:
    parts = ["TraceId IN {traces:Array(String)}"]
    bound: dict[str, object] = {"traces": list(traces)}
    times = sorted(around)
    if times:
        bound["first"], bound["last"] = times[0] - AROUND_NS, times[-1] + AROUND_NS
        parts.append(f"Timestamp >= {AT.format('first')} AND Timestamp <= {AT.format('last')}")
        days = {(each + way) // _DAY_NS for each in times for way in (-AROUND_NS, AROUND_NS)}
        bound["days"] = [str(date.fromordinal(_FIRST_DAY + day)) for day in sorted(days)]
        parts.append("toDate(Timestamp) IN {days:Array(Date)}")
    if environment is not None:
        parts.append("Environment = {environment:String}")
        bound["environment"] = environment
    if only is not None:
        parts.append("UserId = {only:String}")
        bound["only"] = only
    return " AND ".join(parts), bound


_ENTRIES = """SELECT TraceId AS trace_id, toUnixTimestamp64Nano(min(Timestamp)) AS start_ns,
    toUnixTimestamp64Nano(max(EndTimestamp)) AS end_ns, count() AS spans, countIf(Failed) AS errors,
    arraySort(groupUniqArray(32)(toString(Service))) AS services, countIf(ParentSpanId = '') AS roots,
    argMin((toString(Service), toString(SpanName), toString(Feature), toString(UserId), Duration, Failed),
        (ParentSpanId != '', Timestamp)) AS root FROM otel_traces"""
