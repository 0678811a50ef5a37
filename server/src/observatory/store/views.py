"""The way of a batch through the store, as a list that can be printed: Null tables, and the views between them.

Views hold no data, so they are made anew at every start from what stands here; tables are made by numbered migrations.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from observatory.store import logs, metrics, own, traces
from observatory.store.anyvalue import as_map
from observatory.store.facts import PICKED, FactView
from observatory.store.flatten import Level, columns, unnest
from observatory.store.people import USER, People
from observatory.store.redaction import Places, cleaned_resource, searched_raw_text, searched_text

# A batch's id and arrival travel in the one free text that a query can carry and a view can read.
_COMMENT = "getSetting('log_comment')"
BATCH = f"substring({_COMMENT}, 1, 32)"
# After the name of a signal's table: for bytes whose sender has not taken secrets out.
FOREIGN = "_foreign"
ARRIVAL = f"toUInt64OrZero(substring({_COMMENT}, 34, 20))"


def comment(batch: str, arrival_ns: int) -> str:
    """The text by which a batch tells its views its id (32 hex digits) and its arrival (nanoseconds)."""
    return f"{batch};{arrival_ns:020d}"


# What no area asks of a span that is one of its own: each column costs every view its planning.
_NOT_PICKED = {
    "TraceState",
    "ServiceName",
    "ResourceAttributes",
    "ScopeName",
    "ScopeVersion",
    "StatusMessage",
    "`Events.Timestamp`",
    "`Links.TraceId`",
    "`Links.SpanId`",
    "`Links.TraceState`",
    "`Links.Attributes`",
    "Redacted",
}

Columns = Mapping[str, tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Limits:
    """What the views keep of a batch.

    Attributes:
        attributes: most attributes of one span, record or point.
        attribute_bytes: most bytes of one attribute's value.
        oldest_s: older telemetry is rejected, in seconds.
        ahead_s: telemetry further in the future is rejected, in seconds.
        people: by whom users are pseudonyms, and erased ones are known again.
        slow_ms: by service, what a call may take; a service that is not named is held against nothing.
    """

    attributes: int = 128
    attribute_bytes: int = 65_536
    oldest_s: int = 35 * 86_400
    ahead_s: int = 600
    people: People = field(default_factory=People)
    slow_ms: Mapping[str, float] = field(default_factory=dict)

    def accepts(self, first: str, last: str) -> str:
        """SQL of whether a time span is neither too old nor too far ahead, from SQL of its ends in nanoseconds.

        The sum wraps only for a `first` so far ahead that `last`, which is not before it, is rejected anyway.
        """
        return f"{first} + {self.oldest_s}000000000 >= {ARRIVAL} AND {last} <= {ARRIVAL} + {self.ahead_s}000000000"


@dataclass(frozen=True, slots=True)
class View:
    """One step: `select`, which reads `source`, writes into `target`."""

    name: str
    source: str
    target: str
    select: str

    @property
    def ddl(self) -> str:
        """The statement that makes it."""
        return f"CREATE MATERIALIZED VIEW {self.name} TO {self.target} AS {self.select}"


@dataclass(frozen=True, slots=True)
class NullTable:
    """A table that keeps nothing and that views read."""

    name: str
    columns: Mapping[str, str]

    @property
    def ddl(self) -> str:
        """The statement that makes it."""
        listed = ", ".join(f"{name} {kind}" for name, kind in self.columns.items())
        return f"CREATE TABLE {self.name} ({listed}) ENGINE = Null"


def pipeline(limits: Limits, facts: Sequence[FactView]) -> tuple[list[NullTable], list[View]]:
    """Every Null table and every view, sources first.

    Args:
        limits: what is kept and what is rejected.
        facts: the areas' views over `spans_flat`, `spans_picked`, `logs_flat` and `points_flat`.
    """
    tables: list[NullTable] = []
    views: list[View] = []
    for part in (_traces(limits), _logs(limits), _metrics(limits)):
        tables += part[0]
        views += part[1]
    picks = [fact.picks for fact in facts if fact.source == PICKED]
    if picks:
        flat = next(table for table in tables if table.name == "spans_flat")
        kept = {name: kind for name, kind in flat.columns.items() if name not in _NOT_PICKED}
        tables.append(NullTable(PICKED, kept))
        views.append(View("pick_spans", "spans_flat", PICKED, _picked(kept, picks)))
    views += [View(fact.name, fact.source, fact.target, fact.select) for fact in facts]
    return tables, views


def _traces(limits: Limits) -> tuple[list[NullTable], list[View]]:
    stored = traces.columns(limits.attributes, limits.attribute_bytes)
    start, end = traces.TIMES
    accepted = limits.accepts(start, f"greatest({start}, {end})")
    ours = own.SPAN | own.WEIGHT | own.REDACTED
    arrived = _arrived(
        "traces",
        "spans_flat",
        traces.LEVELS,
        (_count(traces.EARLIEST, traces.LATEST, limits), accepted),
        (stored, traces.columns(limits.attributes, limits.attribute_bytes, searched_text), ours),
        replace(traces.secrets(limits.attributes, limits.attribute_bytes), people=limits.people),
    )
    return (
        [*arrived[0], _flat("spans_flat", stored, ours)],
        [
            *arrived[1],
            View("store_traces", "spans_flat", "otel_traces", f"SELECT {', '.join(stored)}, Redacted FROM spans_flat"),
            View("store_calls", "spans_flat", "fact_calls", _CALLS),
            View("roll_calls", "spans_flat", "rollup_calls", _roll(limits.slow_ms)),
        ],
    )


def _logs(limits: Limits) -> tuple[list[NullTable], list[View]]:
    stored = logs.columns(ARRIVAL, limits.attributes, limits.attribute_bytes)
    moment, times = logs.moment(ARRIVAL), logs.times(ARRIVAL)
    ours = own.LOG | own.REDACTED
    arrived = _arrived(
        "logs",
        "logs_flat",
        logs.LEVELS,
        (_count(times, times, limits), limits.accepts(moment, moment)),
        (stored, logs.columns(ARRIVAL, limits.attributes, limits.attribute_bytes, searched_text), ours),
        replace(logs.secrets(limits.attributes, limits.attribute_bytes), people=limits.people),
    )
    return (
        [*arrived[0], _flat("logs_flat", stored, ours)],
        [
            *arrived[1],
            View("store_logs", "logs_flat", "otel_logs", f"SELECT {', '.join(stored)}, Redacted FROM logs_flat"),
        ],
    )


def _arrived(
    signal: str,
    flat: str,
    levels: Sequence[Level],
    judged: tuple[str, str],
    columns: tuple[Columns, Columns, Columns],
    places: Places,
) -> tuple[list[NullTable], list[View]]:
    """From the bytes to flat rows, twice: as they are, and searched for secrets where the sender did not do so.

    The search costs an insert a quarter more of planning, so what carries the SDK's mark does not come by it.
    """
    tables, views = [], []
    count, accepted = judged
    stored, foreign, ours = columns
    for source in (f"in_{signal}", f"in_{signal}{FOREIGN}"):
        if source.endswith(FOREIGN):
            searched = [replace(level, computed=_searched(level)) for level in levels]
            clean = places.clean(foreign, f"{unnest(source, searched)} WHERE {accepted}")
        else:
            clean = f"SELECT {_select(stored)}, 0 AS Redacted FROM {unnest(source, levels)} WHERE {accepted}"
        tables.append(_mirror(source, levels))
        # Ours are computed one level above: repeating the long text of the map in each would cost planning.
        wanted = places.people.wanted_sql("UserId")
        select = f"SELECT {', '.join(stored)}, {_select(ours)} FROM ({clean}) WHERE {wanted}"
        name = source.removeprefix("in_")
        views.append(View(f"count_{name}", source, "ingest_batches", f"{count} FROM {source}"))
        views.append(View(f"flatten_{name}", source, flat, select))
    return tables, views


def _metrics(limits: Limits) -> tuple[list[NullTable], list[View]]:
    mirror: dict[str, str] = {}
    for kind in metrics.KINDS:
        mirror |= columns(metrics.levels(kind))
    times = metrics.times()
    tables = [NullTable("in_metrics", _quoted(mirror)), NullTable("points_flat", _POINT_COLUMNS)]
    views = [View("count_metrics", "in_metrics", "ingest_batches", f"{_count(times, times, limits)} FROM in_metrics")]
    for kind in metrics.KINDS:
        stored = metrics.columns(kind, limits.attributes, limits.attribute_bytes)
        flat = f"{kind}_flat"
        accepted = limits.accepts(metrics.TIME, metrics.TIME)
        accepted += " AND " + limits.people.wanted_sql(f"Attributes['{USER}']")
        source = unnest("in_metrics", metrics.levels(kind))
        tables.append(_flat(flat, stored, {}))
        views += [
            View(f"flatten_{kind}", "in_metrics", flat, f"SELECT {_select(stored)} FROM {source} WHERE {accepted}"),
            View(f"store_{kind}", flat, f"otel_metrics_{kind}", f"SELECT {', '.join(stored)} FROM {flat}"),
        ]
        if kind in _POINT_VALUES:
            views.append(View(f"points_{kind}", flat, "points_flat", _points(kind)))
    views.append(View("store_points", "points_flat", "fact_points", _FACT_POINTS))
    return tables, views


def _picked(columns: Iterable[str], picks: Sequence[str]) -> str:
    # A view is planned once to see its columns and once more for each block that reaches it: an empty one never does.
    conditions = " OR ".join(f"({each})" for each in dict.fromkeys(picks))
    return f"WITH SpanAttributes AS a SELECT {', '.join(columns)} FROM spans_flat WHERE {conditions}"


def _searched(level: Level) -> dict[str, str]:
    return {leaf: cleaned_resource(as_map(level.aliases[leaf], searched_raw_text)) for leaf in level.computed}


def _mirror(name: str, levels: Sequence[Level]) -> NullTable:
    return NullTable(name, _quoted(columns(levels)))


def _flat(name: str, stored: Mapping[str, tuple[str, str]], ours: Mapping[str, tuple[str, str]]) -> NullTable:
    return NullTable(name, {column: kind for column, (kind, _) in (dict(stored) | dict(ours)).items()})


def _quoted(names: Mapping[str, str]) -> dict[str, str]:
    return {f"`{name}`": kind for name, kind in names.items()}


def _roll(slow_ms: Mapping[str, float]) -> str:
    if not slow_ms:
        return _ROLL.replace("$slow", "toUInt64(0) AS Timed, toUInt64(0) AS Slow")
    names = ", ".join(f"'{name}'" for name in slow_ms)
    longest = ", ".join(f"{round(each * 1e6)}" for each in slow_ms.values())
    allowed = f"transform(Service, [{names}], [{longest}], 0)"
    counted = f"sum(Weight * ({allowed} > 0)) AS Timed, sum(Weight * ({allowed} > 0 AND Duration > {allowed})) AS Slow"
    return _ROLL.replace("$slow", counted)


def _select(named: Mapping[str, tuple[str, str]]) -> str:
    return ", ".join(f"{sql} AS {name}" for name, (_, sql) in named.items())


def _count(earliest: str, latest: str, limits: Limits) -> str:
    absurd = f"(first, last) -> NOT ({limits.accepts('first', 'greatest(first, last)')})"
    return (
        f"SELECT {BATCH} AS Batch, length({earliest}) AS Items, arrayCount({absurd}, {earliest}, {latest}) AS Rejected"
    )


_CALLS = """SELECT Timestamp, Environment, Service, Caller, Feature, UserId, SpanName, Duration AS DurationNs, Failed,
    Outcome, ResourceAttributes['service.instance.id'] AS Instance, TraceId, Weight
FROM spans_flat WHERE Entry"""

# One pass for two resolutions and two scopes: planning a view costs more than joining four short rows. A sketch takes
# no weights: a call that stands for ten is put in ten times, and no more than a hundred, whatever its sender says.
_ROLL = """SELECT Resolution, Scope,
    toDateTime(intDiv(toUnixTimestamp(Timestamp), Resolution) * Resolution, 'UTC') AS Timestamp,
    Environment, Service, if(Scope = 'edge', Caller, '') AS Caller,
    sum(Weight) AS Calls, sum(Failed * Weight) AS Failures, sum(Duration * Weight) AS DurationNs,
    quantilesDDArrayState(0.01, 0.5, 0.95, 0.99)(arrayWithConstant(least(Weight, 100), Duration / 1e6)) AS Latency,
    max(Weight != 1) AS Estimated, $slow
FROM spans_flat ARRAY JOIN [toUInt16(10), 10, 60, 60] AS Resolution, ['service', 'edge', 'service', 'edge'] AS Scope
WHERE Entry
GROUP BY Resolution, Scope, Timestamp, Environment, Service, Caller"""

_POINT_COLUMNS = {
    "TimeUnix": "DateTime64(9, 'UTC')",
    "StartTimeUnix": "DateTime64(9, 'UTC')",
    "ServiceName": "LowCardinality(String)",
    "ScopeName": "String",
    "MetricName": "LowCardinality(String)",
    "MetricUnit": "String",
    "Kind": "LowCardinality(String)",
    "ResourceAttributes": "Map(LowCardinality(String), String)",
    "Attributes": "Map(LowCardinality(String), String)",
    "Value": "Nullable(Float64)",
    "Count": "UInt64",
    "Sum": "Nullable(Float64)",
    "Buckets": "Array(UInt64)",
    "Bounds": "Array(Float64)",
    "Monotonic": "UInt8",
    "Temporality": "Int32",
} | {name: kind for name, (kind, _) in own.POINT.items()}
_NUMBER_ONLY = (
    "Value, 0 AS Count, CAST(NULL, 'Nullable(Float64)') AS Sum, "
    "emptyArrayUInt64() AS Buckets, emptyArrayFloat64() AS Bounds"
)
_POINT_VALUES = {
    "gauge": f"{_NUMBER_ONLY}, 0 AS Monotonic, 0 AS Temporality",
    "sum": f"{_NUMBER_ONLY}, IsMonotonic AS Monotonic, AggregationTemporality AS Temporality",
    "histogram": "CAST(NULL, 'Nullable(Float64)') AS Value, Count, Sum, BucketCounts AS Buckets, "
    "ExplicitBounds AS Bounds, 1 AS Monotonic, AggregationTemporality AS Temporality",
}


def _points(kind: str) -> str:
    same = ("TimeUnix", "StartTimeUnix", "ServiceName", "ScopeName", "MetricName", "MetricUnit")
    return (
        f"SELECT {', '.join(same)}, '{kind}' AS Kind, ResourceAttributes, Attributes, {_POINT_VALUES[kind]}, "
        f"{_select(own.POINT)} FROM {kind}_flat"
    )


_FACT_POINTS = """SELECT TimeUnix AS Timestamp, Environment, Service, Instance, MetricName AS Metric, Kind, Attributes,
    Value, Count, Sum, Monotonic, Temporality
FROM points_flat"""
