"""Finding log records.

page = await Logs(reader).search(wanted, limit=100)

They are looked for from the newest on, in slices of time that grow, as spans are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from observatory.errors import InvalidRequest, StoreError
from observatory.explore.wanted import nanoseconds
from observatory.store import Reader

MOST_WORDS = 8
MOST_BODY = 8_000
SEVERITIES = {"trace": 1, "debug": 5, "info": 9, "warn": 13, "error": 17, "fatal": 21}
_HOUR_NS = 3_600_000_000_000
_GROWTH = 6
_WORD = re.compile(r'(-?)(?:"([^"]+)"|(\S+))')
_NAMES = "['trace', 'debug', 'info', 'information', 'warn', 'warning', 'error', 'critical', 'fatal']"
_NUMBERS = "[1, 5, 9, 9, 13, 13, 17, 21, 21]"
# Some senders tell a severity by its name only.
SEVERITY = f"if(SeverityNumber != 0, SeverityNumber, toUInt8(transform(lower(SeverityText), {_NAMES}, {_NUMBERS}, 0)))"
ID = "lower(hex(cityHash64(Timestamp, TraceId, SpanId, Body, EventName, ServiceName)))"
_AT = "fromUnixTimestamp64Nano({{{}:Int64}}, 'UTC')"
# The whole seconds are what the table is ordered by.
RANGE = (
    f"Timestamp > {_AT.format('since')} AND Timestamp <= {_AT.format('until')} "
    f"AND TimestampTime >= toDateTime({_AT.format('since')}) AND TimestampTime <= toDateTime({_AT.format('until')})"
)
_CUT = "mapApply((k, v) -> (k, substringUTF8(v, 1, 2000)), LogAttributes)"
COLUMNS = f"""{ID} AS id, toUnixTimestamp64Nano(Timestamp) AS at_ns, toString(Service) AS service,
    {SEVERITY} AS severity_number, toString(SeverityText) AS severity_text, substringUTF8(Body, 1, {MOST_BODY}) AS body,
    lengthUTF8(Body) > {MOST_BODY} AS cut, toString(EventName) AS event_name, TraceId AS trace_id, SpanId AS span_id,
    toString(UserId) AS user, {_CUT} AS attributes, Redacted AS redacted"""


@dataclass(frozen=True, slots=True)
class LogsWanted:
    """A record is wanted when it fits all of this. What is empty or None is not asked.

    Attributes:
        environment: the one environment that is looked at; empty: all.
        since: it is newer than this.
        until: it is not newer than this.
        text: words that its body or the name of its event has, in any case; `"two words"` as they stand, `-word`: not.
        service: id of the service.
        severity: the least severity, a key of `SEVERITIES`.
        trace: id of its trace.
        span: id of its span.
        user: id of the user, as it is stored.
        event: name of the event.
        attributes: by name the value of an attribute of the record or its resource; None: it is there.
    """

    environment: str
    since: datetime
    until: datetime
    text: str = ""
    service: str = ""
    severity: str = ""
    trace: str = ""
    span: str = ""
    user: str = ""
    event: str = ""
    attributes: Mapping[str, str | None] = field(default_factory=dict)

    def conditions(self) -> tuple[str, dict[str, object]]:
        """SQL of the conditions, the range of time aside, and the values that they are bound to."""
        parts: list[str] = []
        bound: dict[str, object] = {}
        for column, name in _EQUAL.items():
            if getattr(self, name):
                parts.append(f"{column} = {{{name}:String}}")
                bound[name] = getattr(self, name)
        if self.severity:
            parts.append(f"{SEVERITY} >= {{severity:UInt8}}")
            bound["severity"] = SEVERITIES[self.severity]
        for place, (word, without) in enumerate(words(self.text)):
            has = " OR ".join(f"positionCaseInsensitiveUTF8({each}, {{word{place}:String}}) > 0" for each in _TEXTS)
            parts.append(f"NOT ({has})" if without else f"({has})")
            bound[f"word{place}"] = word
        for place, (key, value) in enumerate(self.attributes.items()):
            bound[f"key{place}"] = key
            tests = (f"mapContains({each}, {{key{place}:String}})" for each in _MAPS)
            if value is not None:
                bound[f"value{place}"] = value
                tests = (f"{each}[{{key{place}:String}}] = {{value{place}:String}}" for each in _MAPS)
            parts.append(f"({' OR '.join(tests)})")
        return " AND ".join(parts) or "1", bound


_EQUAL = {
    "Environment": "environment",
    "Service": "service",
    "TraceId": "trace",
    "SpanId": "span",
    "UserId": "user",
    "EventName": "event",
}
_TEXTS = ("Body", "toString(EventName)")
_MAPS = ("LogAttributes", "ResourceAttributes")


@dataclass(frozen=True, slots=True)
class LogCursor:
    """Where a page ended: the time of its last record in ns, and how many of that time were told."""

    at_ns: int
    told: int


@dataclass(frozen=True, slots=True)
class Record:
    """A log record.

    Attributes:
        id: hexadecimal; the same for records that are equal in all.
        at_ns: Unix time in ns.
        service: id of the service.
        severity_number: 1 to 24 as OpenTelemetry counts; 0 when it told none.
        severity_text: as it was told.
        body: its text, the first 8,000 characters.
        cut: whether there is more.
        event_name: empty for none.
        trace_id, span_id: empty for none.
        user: id of the user; empty for nobody's.
        attributes: of the record.
        redacted: whether the server took a secret out of it.
    """

    id: str
    at_ns: int
    service: str
    severity_number: int
    severity_text: str
    body: str
    cut: bool
    event_name: str
    trace_id: str
    span_id: str
    user: str
    attributes: Mapping[str, str]
    redacted: bool


@dataclass(frozen=True, slots=True)
class LogPage:
    """Records, newest first. `complete`: whether everything in the range was looked at."""

    items: Sequence[Record]
    next: LogCursor | None
    complete: bool


class Logs:
    """Reads log records.

    Args:
        reader: of the telemetry store.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def search(self, wanted: LogsWanted, limit: int = 100, after: LogCursor | None = None) -> LogPage:
        """Records that fit, newest first.

        Raises:
            StoreError: the store refused a query or took too long.
        """
        where, bound = wanted.conditions()
        since, newest = nanoseconds(wanted.since), nanoseconds(wanted.until)
        newest = min(newest, after.at_ns) if after else newest
        found: list[Record] = []
        until, length, skip = newest, _HOUR_NS, after.told if after else 0
        while until > since and len(found) <= limit:
            start = max(since, until - length)
            try:
                found += await self._slice(where, {**bound, "since": start, "until": until}, limit + 1, skip)
            except StoreError:
                if until == newest:
                    raise
                return LogPage(found, _end(found, after) or LogCursor(until, 0), complete=False)
            until, length, skip = start, length * _GROWTH, 0
        more = len(found) > limit
        items = found[:limit]
        return LogPage(items, _end(items, after) if more else None, complete=until <= since)

    async def of_trace(self, trace_id: str, around: tuple[int, int], only: str | None, limit: int) -> Sequence[Record]:
        """The records of a trace, oldest first.

        Args:
            trace_id: hexadecimal.
            around: Unix times in ns between which they lie.
            only: the one user whose records may be told; None: all.
            limit: most records.

        Raises:
            StoreError: the store refused the query or took too long.
        """
        where, bound = "TraceId = {trace:String}", {"trace": trace_id, "since": around[0], "until": around[1]}
        if only is not None:
            where, bound = f"{where} AND UserId = {{only:String}}", {**bound, "only": only}
        sql = f"SELECT {COLUMNS} FROM otel_logs WHERE {where} AND {RANGE} ORDER BY Timestamp LIMIT {int(limit)}"
        return [record(row) for row in (await self._reader.read(sql, bound)).dicts()]

    async def ids(self, wanted: LogsWanted, between: tuple[int, int], limit: int) -> Mapping[str, int]:
        """By id the time in ns of the newest records that fit, between two Unix times in ns."""
        where, bound = wanted.conditions()
        sql = (
            f"SELECT {ID} AS id, toUnixTimestamp64Nano(Timestamp) FROM otel_logs WHERE {where} AND {RANGE} "
            f"ORDER BY Timestamp DESC, id LIMIT {int(limit)}"
        )
        rows = (await self._reader.read(sql, {**bound, "since": between[0], "until": between[1]})).rows
        return {str(key): int(at) for key, at in rows}

    async def these(self, ids: Mapping[str, int]) -> Sequence[Record]:
        """The records with these ids and times, oldest first, each once."""
        bound = {"ids": list(ids), "since": min(ids.values()) - 1, "until": max(ids.values())}
        sql = (
            f"SELECT {COLUMNS} FROM otel_logs WHERE {RANGE} AND {ID} IN {{ids:Array(String)}} "
            f"ORDER BY Timestamp, id LIMIT 1 BY id"
        )
        return [record(row) for row in (await self._reader.read(sql, bound)).dicts()]

    async def _slice(self, where: str, bound: Mapping[str, object], limit: int, skip: int) -> list[Record]:
        sql = (
            f"SELECT {COLUMNS} FROM otel_logs WHERE {where} AND {RANGE} "
            f"ORDER BY Timestamp DESC, id LIMIT {limit} OFFSET {skip}"
        )
        return [record(row) for row in (await self._reader.read(sql, bound)).dicts()]


def record(row: Mapping[str, Any]) -> Record:
    """A row of `COLUMNS`."""
    values = {name: row[name] for name in Record.__dataclass_fields__}
    return Record(**values | {"cut": bool(row["cut"]), "redacted": bool(row["redacted"])})


def words(text: str) -> list[tuple[str, bool]]:
    """The words of a text, and of each whether it is one that must not be there.

    Raises:
        InvalidRequest: too many, or one too long.
    """
    found = [(phrase or word, bool(minus)) for minus, phrase, word in _WORD.findall(text)]
    if len(found) > MOST_WORDS or any(len(word) > 200 for word, _ in found):
        raise InvalidRequest(f"query parameter text: at most {MOST_WORDS} words of at most 200 characters")
    return found


def _end(items: Sequence[Record], after: LogCursor | None) -> LogCursor | None:
    if not items:
        return None
    last = items[-1].at_ns
    told = sum(each.at_ns == last for each in items)
    return LogCursor(last, told + (after.told if after and after.at_ns == last else 0))
