"""Metrics: from an export request to one row per data point, in one table per kind of metric."""

from __future__ import annotations

from collections.abc import Mapping

from observatory.store.anyvalue import ATTRIBUTES, MAP, RAW_ATTRIBUTES, as_map, bounded, hexid, raw_text, time
from observatory.store.flatten import Level

_TIME = "DateTime64(9, 'UTC')"
_LOW = "LowCardinality(String)"
_METRICS = "resource_metrics.scope_metrics.metrics"
_POINT = {
    "attributes": ATTRIBUTES,
    "start_time_unix_nano": "UInt64",
    "time_unix_nano": "UInt64",
    "flags": "UInt32",
}
_EXEMPLARS = {
    "exemplars.filtered_attributes": f"Array({RAW_ATTRIBUTES})",
    "exemplars.time_unix_nano": "Array(UInt64)",
    "exemplars.as_double": "Array(Nullable(Float64))",
    "exemplars.as_int": "Array(Nullable(Int64))",
    "exemplars.span_id": "Array(String)",
    "exemplars.trace_id": "Array(String)",
}
_NUMBER = _POINT | {"as_double": "Nullable(Float64)", "as_int": "Nullable(Int64)"} | _EXEMPLARS
_SPREAD = (
    _POINT
    | {"count": "UInt64", "sum": "Nullable(Float64)", "min": "Nullable(Float64)", "max": "Nullable(Float64)"}
    | _EXEMPLARS
)
_BUCKETS = {"offset": "Int32", "bucket_counts": "Array(UInt64)"}
_POINTS: dict[str, dict[str, str]] = {
    "gauge": _NUMBER,
    "sum": _NUMBER,
    "histogram": _SPREAD | {"bucket_counts": "Array(UInt64)", "explicit_bounds": "Array(Float64)"},
    "exponential_histogram": _SPREAD
    | {"scale": "Int32", "zero_count": "UInt64", "zero_threshold": "Float64"}
    | {f"{side}.{leaf}": kind for side in ("positive", "negative") for leaf, kind in _BUCKETS.items()},
    "summary": _POINT
    | {"count": "UInt64", "sum": "Float64"}
    | {"quantile_values.quantile": "Array(Float64)", "quantile_values.value": "Array(Float64)"},
}
_OWN: dict[str, dict[str, str]] = {
    "gauge": {},
    "sum": {"aggregation_temporality": "Int32", "is_monotonic": "Bool"},
    "histogram": {"aggregation_temporality": "Int32"},
    "exponential_histogram": {"aggregation_temporality": "Int32"},
    "summary": {},
}
KINDS = tuple(_POINTS)
TIME = "data_points_time_unix_nano"
_OUTER = (
    Level(
        "resource_metrics",
        {"resource.attributes": RAW_ATTRIBUTES, "schema_url": "String"},
        {"resource.attributes": as_map("resource_metrics_resource_attributes", raw_text)},
    ),
    Level(
        "resource_metrics.scope_metrics",
        {
            "scope.name": "String",
            "scope.version": "String",
            "scope.attributes": RAW_ATTRIBUTES,
            "scope.dropped_attributes_count": "UInt32",
            "schema_url": "String",
        },
        {"scope.attributes": as_map("scope_metrics_scope_attributes", raw_text)},
    ),
)
_NAMES = {"name": "String", "description": "String", "unit": "String"}


def levels(kind: str) -> tuple[Level, ...]:
    """The four repeated levels above a data point of `kind`.

    A metric of another kind has no points of this one and so yields no row.
    """
    own = {f"{kind}.{leaf}": each for leaf, each in _OWN[kind].items()}
    return (*_OUTER, Level(_METRICS, _NAMES | own), Level(f"{_METRICS}.{kind}.data_points", _POINTS[kind]))


def times() -> str:
    """The time of each point of a batch, of every kind, one entry per point."""
    each = (f"arrayFlatten(`{_METRICS}.{kind}.data_points.time_unix_nano`)" for kind in KINDS)
    return f"arrayFlatten([{', '.join(each)}])"


def columns(kind: str, attributes: int, attribute_bytes: int) -> dict[str, tuple[str, str]]:
    """Type and expression of each column of `otel_metrics_<kind>`: the Collector's, and `ValueInt` of ours.

    A float cannot hold every integer above 2^53, so the integer stands beside it. What is absent is NULL and not 0.
    """
    named: dict[str, tuple[str, str]] = {
        "ResourceAttributes": (MAP, "resource_metrics_resource_attributes_"),
        "ResourceSchemaUrl": ("String", "resource_metrics_schema_url"),
        "ScopeName": ("String", "scope_metrics_scope_name"),
        "ScopeVersion": ("String", "scope_metrics_scope_version"),
        "ScopeAttributes": (MAP, "scope_metrics_scope_attributes_"),
        "ScopeDroppedAttrCount": ("UInt32", "scope_metrics_scope_dropped_attributes_count"),
        "ScopeSchemaUrl": ("String", "scope_metrics_schema_url"),
        "ServiceName": (_LOW, "resource_metrics_resource_attributes_['service.name']"),
        "MetricName": (_LOW, "metrics_name"),
        "MetricDescription": ("String", "metrics_description"),
        "MetricUnit": ("String", "metrics_unit"),
        "Attributes": (MAP, bounded("data_points_attributes", attributes, attribute_bytes)),
        "StartTimeUnix": (_TIME, time("data_points_start_time_unix_nano")),
        "TimeUnix": (_TIME, time(TIME)),
    }
    for leaf, column_type in _POINTS[kind].items():
        named |= _point_column(leaf, column_type)
    for leaf, column_type in _OWN[kind].items():
        named[_camel(leaf)] = (column_type, f"metrics_{kind}_{leaf}")
    return named


def _point_column(leaf: str, column_type: str) -> Mapping[str, tuple[str, str]]:
    alias = f"data_points_{leaf.replace('.', '_')}"
    if leaf in ("attributes", "start_time_unix_nano", "time_unix_nano", "exemplars.as_int"):
        return {}
    special = {
        "as_double": ("Value", "Nullable(Float64)", f"coalesce({alias}, toFloat64(data_points_as_int))"),
        "as_int": ("ValueInt", column_type, alias),
        "quantile_values.quantile": ("`ValueAtQuantiles.Quantile`", column_type, alias),
        "quantile_values.value": ("`ValueAtQuantiles.Value`", column_type, alias),
        "exemplars.filtered_attributes": (
            "`Exemplars.FilteredAttributes`",
            f"Array({MAP})",
            f"arrayMap(k -> {as_map('k', raw_text)}, {alias})",
        ),
        "exemplars.time_unix_nano": ("`Exemplars.TimeUnix`", f"Array({_TIME})", f"arrayMap(t -> {time('t')}, {alias})"),
        "exemplars.as_double": (
            "`Exemplars.Value`",
            "Array(Float64)",
            f"arrayMap((a, b) -> coalesce(a, toFloat64(b), nan), {alias}, data_points_exemplars_as_int)",
        ),
        "exemplars.span_id": ("`Exemplars.SpanId`", "Array(String)", f"arrayMap(t -> {hexid('t')}, {alias})"),
        "exemplars.trace_id": ("`Exemplars.TraceId`", "Array(String)", f"arrayMap(t -> {hexid('t')}, {alias})"),
    }
    name, kind, sql = special.get(leaf, (_camel(leaf), column_type, alias))
    return {name: (kind, sql)}


def _camel(leaf: str) -> str:
    return "".join(word.capitalize() for word in leaf.replace(".", "_").split("_"))
