"""What logs say over and over: patterns with how often each came, in a window and in the one before it.

found = await patterns(reader, wanted)      # the window before is as long, and ends where this one begins
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from observatory.analytics.patterns import Grouper
from observatory.explore.logs import RANGE, SEVERITY, LogsWanted
from observatory.explore.wanted import nanoseconds
from observatory.store import Reader

# Of more records than this only a share is read: what is counted is then an estimate, and says so.
MOST_RECORDS = 400_000
MOST_KINDS = 5_000
_ROUGH = r"replaceRegexpAll(text, '[0-9a-fA-F-]*[0-9][0-9a-fA-F-]*', '0')"
_COUNT = "SELECT count() FROM otel_logs WHERE $where AND $range"
_AT = "fromUnixTimestamp64Nano({begin:Int64}, 'UTC')"
_SQL = f"""SELECT any(text) AS one_text, countIf(at > {_AT}) AS now, countIf(at <= {_AT}) AS before,
    arraySort(groupUniqArray(8)(service)) AS services, max(severity) AS highest,
    toUnixTimestamp64Nano(min(at)) AS first_ns, toUnixTimestamp64Nano(max(at)) AS last_ns,
    argMax(id, at) AS example_id, argMax(text, at) AS example,
    groupUniqArrayIf(5)(trace, trace != '' AND at > {_AT}) AS traces
FROM (
    SELECT substringUTF8(if(Body != '', Body, toString(EventName)), 1, 1000) AS text, Timestamp AS at,
        toString(Service) AS service, {SEVERITY} AS severity, TraceId AS trace,
        lower(hex(cityHash64(Timestamp, TraceId, SpanId, Body, EventName, ServiceName))) AS id
    FROM otel_logs WHERE $where AND $range AND cityHash64(Timestamp, SpanId) % {{every:UInt32}} = 0
)
GROUP BY {_ROUGH} ORDER BY now + before DESC, one_text LIMIT {MOST_KINDS}"""


@dataclass(slots=True)
class Pattern:
    """Records that say the same.

    Attributes:
        template: what they have in common.
        now: how many in the window.
        before: how many in the one before.
        services: up to 8 of those that say it.
        severity: the highest of them, as OpenTelemetry counts; 0 for none told.
        first_ns, last_ns: first and last of both windows, Unix time in ns.
        example, example_id: text and id of the newest.
        traces: up to 5 traces of the window.
    """

    first_ns: int
    last_ns: int = 0
    template: str = ""
    now: int = 0
    before: int = 0
    services: set[str] = field(default_factory=set)
    severity: int = 0
    example: str = ""
    example_id: str = ""
    traces: list[str] = field(default_factory=list)

    @property
    def new(self) -> bool:
        """Whether it came in the window and not in the one before."""
        return self.now > 0 and self.before == 0


@dataclass(frozen=True, slots=True)
class Patterns:
    """Patterns, those that became more frequent first.

    Attributes:
        items: the patterns.
        records: how many records were read.
        share: of the records that there are; below 1 the counts are estimates made by it.
        complete: whether all kinds of texts were read.
    """

    items: Sequence[Pattern]
    records: int
    share: float
    complete: bool


async def patterns(reader: Reader, wanted: LogsWanted) -> Patterns:
    """Patterns of the records that fit, with how often each came in the range and in the one before.

    Raises:
        StoreError: the store refused a query or took too long.
    """
    both = replace(wanted, since=wanted.since - (wanted.until - wanted.since))
    where, bound = both.conditions()
    bound |= {"since": nanoseconds(both.since), "until": nanoseconds(wanted.until), "begin": nanoseconds(wanted.since)}
    ((there,),) = (await reader.read(_filled(_COUNT, where), bound)).rows
    every = max(1, -(-int(there) // MOST_RECORDS))
    rows = (await reader.read(_filled(_SQL, where), {**bound, "every": every})).dicts()
    items = await asyncio.to_thread(_grouped, rows, every)
    return Patterns(items, sum(row["now"] + row["before"] for row in rows), 1 / every, len(rows) < MOST_KINDS)


def _filled(sql: str, where: str) -> str:
    return sql.replace("$where", where).replace("$range", RANGE)


def _grouped(rows: Sequence[Mapping[str, Any]], every: int) -> list[Pattern]:
    grouper = Grouper(limit=MOST_KINDS)
    found: dict[int, Pattern] = {}
    for row in rows:
        group = grouper.add(row["one_text"])
        pattern = found.setdefault(group, Pattern(first_ns=row["first_ns"]))
        pattern.now += row["now"] * every
        pattern.before += row["before"] * every
        pattern.services.update(row["services"])
        pattern.severity = max(pattern.severity, row["highest"])
        pattern.first_ns = min(pattern.first_ns, row["first_ns"])
        if row["last_ns"] > pattern.last_ns:
            pattern.last_ns, pattern.example, pattern.example_id = row["last_ns"], row["example"], row["example_id"]
        pattern.traces = (pattern.traces + row["traces"])[:5]
    for group, pattern in found.items():
        pattern.template = grouper.template(group)
    return sorted(found.values(), key=lambda each: (not each.new, each.before - each.now, each.template))
