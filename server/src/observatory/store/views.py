"""The way of a batch through the store, as a list that can be printed: Null tables, and the views between them.

Views hold no data, so they are made anew at every start from what stands here; tables are made by numbered migrations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from observatory.store import logs, metrics, own, traces
from observatory.store.facts import FactView
from observatory.store.flatten import Level, columns, unnest

# A batch's id and arrival travel in the one free text that a query can carry and a view can read.
_COMMENT = "getSetting('log_comment')"
BATCH = f"substring({_COMMENT}, 1, 32)"
ARRIVAL = f"toUInt64OrZero(substring({_COMMENT}, 34, 20))"


def comment(batch: str, arrival_ns: int) -> str:
    """The text by which a batch tells its views its id (32 hex digits) and its arrival (nanoseconds)."""
    return f"{batch};{arrival_ns:020d}"


@dataclass(frozen=True, slots=True)
class Limits:
    """What the views keep of a batch.

    Attributes:
        attributes: most attributes of one span, record or point.
        attribute_bytes: most bytes of one attribute's value.
        oldest_s: older telemetry is rejected, in seconds.
        ahead_s: telemetry further in the future is rejected, in seconds.
    """

    attributes: int = 128
    attribute_bytes: int = 65_536
    oldest_s: int = 35 * 86_400
    ahead_s: int = 600

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
        facts: the areas' views over `spans_flat`, `logs_flat` and `points_flat`.
    """
    tables: list[NullTable] = []
    views: list[View] = []
    for part in (_traces(limits), _logs(limits), _metrics(limits)):
        tables += part[0]
        views += part[1]
    views += [View(fact.name, fact.source, fact.target, fact.select) for fact in facts]
    return tables, views


def _traces(limits: Limits) -> tuple[list[NullTable], list[View]]:
    stored = traces.columns(limits.attributes, limits.attribute_bytes)
    start, end = traces.TIMES
    accepted = limits.accepts(start, f"greatest({start}, {end})")
    count = _count(traces.EARLIEST, traces.LATEST, limits)
    rows = f"SELECT {_select(stored)} FROM {unnest('in_traces', traces.LEVELS)} WHERE {accepted}"
    return (
        [_mirror("in_traces", traces.LEVELS), _flat("spans_flat", stored, own.SPAN)],
        [
            View("count_traces", "in_traces", "ingest_batches", f"{count} FROM in_traces"),
            View(
                "flatten_traces",
                "in_traces",
                "spans_flat",
                # Ours are computed one level above: repeating the long text of the map in each would cost planning.
                f"SELECT {', '.join(stored)}, {_select(own.SPAN)} FROM ({rows})",
            ),
            View("store_traces", "spans_flat", "otel_traces", f"SELECT {', '.join(stored)} FROM spans_flat"),
            View("store_calls", "spans_flat", "fact_calls", _CALLS),
            View("roll_calls", "spans_flat", "rollup_calls", _ROLL),
        ],
    )


def _logs(limits: Limits) -> tuple[list[NullTable], list[View]]:
    stored = logs.columns(ARRIVAL, limits.attributes, limits.attribute_bytes)
    moment, times = logs.moment(ARRIVAL), logs.times(ARRIVAL)
    rows = f"SELECT {_select(stored)} FROM {unnest('in_logs', logs.LEVELS)} WHERE {limits.accepts(moment, moment)}"
    return (
        [_mirror("in_logs", logs.LEVELS), _flat("logs_flat", stored, own.LOG)],
        [
            View("count_logs", "in_logs", "ingest_batches", f"{_count(times, times, limits)} FROM in_logs"),
            View(
                "flatten_logs",
                "in_logs",
                "logs_flat",
                f"SELECT {', '.join(stored)}, {_select(own.LOG)} FROM ({rows})",
            ),
            View("store_logs", "logs_flat", "otel_logs", f"SELECT {', '.join(stored)} FROM logs_flat"),
        ],
    )


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


def _mirror(name: str, levels: Sequence[Level]) -> NullTable:
    return NullTable(name, _quoted(columns(levels)))


def _flat(name: str, stored: Mapping[str, tuple[str, str]], ours: Mapping[str, tuple[str, str]]) -> NullTable:
    return NullTable(name, {column: kind for column, (kind, _) in (dict(stored) | dict(ours)).items()})


def _quoted(names: Mapping[str, str]) -> dict[str, str]:
    return {f"`{name}`": kind for name, kind in names.items()}


def _select(named: Mapping[str, tuple[str, str]]) -> str:
    return ", ".join(f"{sql} AS {name}" for name, (_, sql) in named.items())


def _count(earliest: str, latest: str, limits: Limits) -> str:
    absurd = f"(first, last) -> NOT ({limits.accepts('first', 'greatest(first, last)')})"
    return (
        f"SELECT {BATCH} AS Batch, length({earliest}) AS Items, arrayCount({absurd}, {earliest}, {latest}) AS Rejected"
    )


_CALLS = """SELECT Timestamp, Environment, Service, Caller, Feature, UserId, SpanName, Duration AS DurationNs, Failed,
    Outcome, ResourceAttributes['service.instance.id'] AS Instance, TraceId
FROM spans_flat WHERE Entry"""

# One pass for two resolutions and two scopes: planning a view costs more than joining four short rows.
_ROLL = """SELECT Resolution, Scope,
    toDateTime(intDiv(toUnixTimestamp(Timestamp), Resolution) * Resolution, 'UTC') AS Timestamp,
    Environment, Service, if(Scope = 'edge', Caller, '') AS Caller,
    count() AS Calls, sum(Failed) AS Failures, sum(Duration) AS DurationNs,
    quantilesDDState(0.01, 0.5, 0.95, 0.99)(Duration / 1e6) AS Latency
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
    "Monotonic": "UInt8",
    "Temporality": "Int32",
} | {name: kind for name, (kind, _) in own.POINT.items()}
_POINT_VALUES = {
    "gauge": "Value, 0 AS Count, CAST(NULL, 'Nullable(Float64)') AS Sum, 0 AS Monotonic, 0 AS Temporality",
    "sum": "Value, 0 AS Count, CAST(NULL, 'Nullable(Float64)') AS Sum, IsMonotonic AS Monotonic, "
    "AggregationTemporality AS Temporality",
    "histogram": "CAST(NULL, 'Nullable(Float64)') AS Value, Count, Sum, 1 AS Monotonic, "
    "AggregationTemporality AS Temporality",
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
