"""Exceptions of a range of time, grouped by fingerprint.

groups = await Exceptions(reader).groups(asked)

They are told as events of spans and as log records. One that passes through several spans is told by each of them: of
one type and message in one trace the longest stack stands for all, and is one occurrence.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from observatory.explore.fingerprint import fingerprint, frames, template
from observatory.explore.wanted import nanoseconds
from observatory.store import Reader

# More kinds of messages than this are not read; the ones that came most often are.
MOST_KINDS = 5_000
_MOST_STACK = 8_000
_SPANS_RANGE = """Timestamp > fromUnixTimestamp64Nano({since:Int64}, 'UTC')
    AND Timestamp <= fromUnixTimestamp64Nano({until:Int64}, 'UTC') AND Environment = {environment:String}"""
_LOGS_RANGE = f"""{_SPANS_RANGE} AND TimestampTime >= toDateTime(fromUnixTimestamp64Nano({{since:Int64}}, 'UTC'))
    AND TimestampTime <= toDateTime(fromUnixTimestamp64Nano({{until:Int64}}, 'UTC'))"""
# What varies in a message is told apart in Python; here only so much that a thousand ids are not a thousand rows.
_ROUGH = r"replaceRegexpAll(message, '[0-9a-fA-F-]*[0-9][0-9a-fA-F-]*', '0')"
_LINES = r"replaceRegexpAll(deepest, '(line |:)[0-9]+', '\\1')"
# An alias must not be the name of what it is made of: the engine would put the one into the other.
_SQL = f"""SELECT kind, any(message) AS one_message, argMax(deepest, at) AS one_stack, count() AS occurrences,
    sum(told) AS records, toUnixTimestamp64Nano(min(first)) AS first_ns, toUnixTimestamp64Nano(max(at)) AS last_ns,
    groupUniqArrayArray(32)(tellers) AS services, groupUniqArrayIf(1000)(user, user != '') AS users,
    argMax(trace, (trace != '', at)) AS trace_id, argMax(span, (trace != '', at)) AS span_id,
    groupArraySortedIf(10)((-toUnixTimestamp64Nano(at), trace), trace != '') AS newest
FROM (
    SELECT kind, message, argMax(stack, length(stack)) AS deepest, count() AS told, min(Timestamp) AS first,
        max(Timestamp) AS at, groupUniqArray(32)(toString(Service)) AS tellers, any(toString(UserId)) AS user,
        TraceId AS trace, argMax(SpanId, length(stack)) AS span
    FROM (
        SELECT Timestamp, TraceId, SpanId, Service, UserId, e['exception.type'] AS kind,
            substringUTF8(e['exception.message'], 1, 1000) AS message,
            substringUTF8(e['exception.stacktrace'], -{_MOST_STACK}) AS stack
        FROM otel_traces ARRAY JOIN `Events.Attributes` AS e, `Events.Name` AS event
        WHERE {_SPANS_RANGE} $span AND has(`Events.Name`, 'exception') AND event = 'exception'
        UNION ALL
        SELECT Timestamp, TraceId, SpanId, Service, UserId, LogAttributes['exception.type'],
            substringUTF8(
                if(LogAttributes['exception.message'] != '', LogAttributes['exception.message'], Body), 1, 1000
            ),
            substringUTF8(LogAttributes['exception.stacktrace'], -{_MOST_STACK})
        FROM otel_logs WHERE {_LOGS_RANGE} $log AND LogAttributes['exception.type'] != ''
    )
    GROUP BY kind, message, trace, if(trace = '', Timestamp, toDateTime64(0, 9, 'UTC'))
)
GROUP BY kind, {_ROUGH}, {_LINES} ORDER BY occurrences DESC, kind, one_message LIMIT {MOST_KINDS}"""


@dataclass(frozen=True, slots=True)
class ExceptionsWanted:
    """Whose exceptions. What is empty is not asked.

    Attributes:
        environment: the one environment that is looked at.
        since: they are newer than this.
        until: they are not newer than this.
        service: id of the service that told them.
        user: id of the user, as it is stored.
        kind: their type.
    """

    environment: str
    since: datetime
    until: datetime
    service: str = ""
    user: str = ""
    kind: str = ""


@dataclass(slots=True)
class ExceptionGroup:
    """Exceptions that are the same.

    Attributes:
        fingerprint: 16 hexadecimal digits.
        kind: their type.
        template: their message without what varies.
        frames: of their stack, without line numbers; empty when none was told.
        message, stack: of the newest, as they were told.
        occurrences: how often, each once per trace.
        records: how many spans and log records told them.
        first_ns, last_ns: first and last in the range, Unix time in ns.
        services: who told them.
        users: whom they hit.
        trace_id, span_id: the newest that has a trace; empty for none.
        traces: the ten newest traces with their times in ns, newest first.
    """

    fingerprint: str
    kind: str
    template: str
    frames: tuple[str, ...]
    message: str
    stack: str
    occurrences: int = 0
    records: int = 0
    first_ns: int = 0
    last_ns: int = 0
    services: set[str] = field(default_factory=set)
    users: set[str] = field(default_factory=set)
    trace_id: str = ""
    span_id: str = ""
    traces: list[tuple[int, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ExceptionGroups:
    """Groups, the most frequent first. `complete`: whether all kinds of messages were read."""

    items: Sequence[ExceptionGroup]
    complete: bool


class Exceptions:
    """Reads exceptions.

    Args:
        reader: of the telemetry store.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def groups(self, wanted: ExceptionsWanted) -> ExceptionGroups:
        """All groups of the range.

        Raises:
            StoreError: the store refused the query or took too long.
        """
        span, bound = [], _bound(wanted)
        for column, name in (("Service", "service"), ("UserId", "user")):
            if name in bound:
                span.append(f"AND {column} = {{{name}:String}}")
        log = list(span)
        if wanted.kind:
            span.append("AND e['exception.type'] = {kind:String}")
            log.append("AND LogAttributes['exception.type'] = {kind:String}")
        sql = _SQL.replace("$span", " ".join(span)).replace("$log", " ".join(log))
        rows = (await self._reader.read(sql, bound)).dicts()
        # Stacks are long: reading thousands of them would hold up everybody else.
        items = await asyncio.to_thread(_grouped, rows)
        return ExceptionGroups(items, len(rows) < MOST_KINDS)


def _bound(wanted: ExceptionsWanted) -> dict[str, object]:
    texts = {name: getattr(wanted, name) for name in ("environment", "service", "user", "kind")}
    times = {"since": nanoseconds(wanted.since), "until": nanoseconds(wanted.until)}
    return {name: text for name, text in texts.items() if text} | times


def _grouped(rows: Iterable[Mapping[str, Any]]) -> list[ExceptionGroup]:
    found: dict[str, ExceptionGroup] = {}
    for row in rows:
        of_frames, message = frames(row["one_stack"]), template(row["one_message"])
        key = fingerprint(row["kind"], of_frames, message)
        group = found.get(key)
        if group is None:
            group = ExceptionGroup(key, row["kind"], message, of_frames, row["one_message"], row["one_stack"])
            group.first_ns = row["first_ns"]
            found[key] = group
        _add(group, row)
    return sorted(found.values(), key=lambda group: (-group.occurrences, -group.last_ns, group.fingerprint))


def _add(group: ExceptionGroup, row: Mapping[str, Any]) -> None:
    group.occurrences += row["occurrences"]
    group.records += row["records"]
    group.first_ns = min(group.first_ns, row["first_ns"])
    group.services.update(row["services"])
    group.users.update(row["users"])
    group.traces = sorted({*group.traces, *((-at, trace) for at, trace in row["newest"])}, reverse=True)[:10]
    if row["last_ns"] >= group.last_ns:
        group.last_ns, group.message, group.stack = row["last_ns"], row["one_message"], row["one_stack"]
        if row["trace_id"] or not group.trace_id:
            group.trace_id, group.span_id = row["trace_id"], row["span_id"]
