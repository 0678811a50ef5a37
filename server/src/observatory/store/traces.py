"""Traces: from an export request to one row per span."""

from __future__ import annotations

from collections.abc import Callable

from observatory.store.anyvalue import (
    ATTRIBUTES,
    MAP,
    RAW_ATTRIBUTES,
    as_map,
    bounded,
    bounded_parts,
    hexid,
    raw_text,
    text,
    time,
)
from observatory.store.flatten import Level
from observatory.store.redaction import Places, searched_text

LEVELS = (
    Level(
        "resource_spans",
        {"resource.attributes": RAW_ATTRIBUTES},
        {"resource.attributes": as_map("resource_spans_resource_attributes", raw_text)},
    ),
    Level("resource_spans.scope_spans", {"scope.name": "String", "scope.version": "String"}),
    Level(
        "resource_spans.scope_spans.spans",
        {
            "trace_id": "String",
            "span_id": "String",
            "parent_span_id": "String",
            "trace_state": "String",
            "name": "String",
            "kind": "Int32",
            "start_time_unix_nano": "UInt64",
            "end_time_unix_nano": "UInt64",
            "attributes": ATTRIBUTES,
            "status.code": "Int32",
            "status.message": "String",
            "events.time_unix_nano": "Array(UInt64)",
            "events.name": "Array(String)",
            "events.attributes": f"Array({ATTRIBUTES})",
            "links.trace_id": "Array(String)",
            "links.span_id": "Array(String)",
            "links.trace_state": "Array(String)",
            "links.attributes": f"Array({ATTRIBUTES})",
        },
    ),
)
_SPANS = "resource_spans.scope_spans.spans"
# What a batch is counted by: the start of each span and its end, one entry per span.
EARLIEST = f"arrayFlatten(`{_SPANS}.start_time_unix_nano`)"
LATEST = f"arrayFlatten(`{_SPANS}.end_time_unix_nano`)"
TIMES = ("spans_start_time_unix_nano", "spans_end_time_unix_nano")
_MAPS = f"Array({MAP})"
_TIME = "DateTime64(9, 'UTC')"
_LOW = "LowCardinality(String)"
_KINDS = "'Internal', 'Server', 'Client', 'Producer', 'Consumer'"


def columns(attributes: int, attribute_bytes: int, as_text: Callable[[str], str] = text) -> dict[str, tuple[str, str]]:
    """Type and expression of each of the Collector's columns.

    Args:
        attributes: the most attributes kept of one span.
        attribute_bytes: the most bytes kept of one value.
        as_text: makes SQL of a value as text.
    """
    duration = "spans_end_time_unix_nano - spans_start_time_unix_nano"
    return {
        "Timestamp": (_TIME, time("spans_start_time_unix_nano")),
        "TraceId": ("String", hexid("spans_trace_id")),
        "SpanId": ("String", hexid("spans_span_id")),
        "ParentSpanId": ("String", hexid("spans_parent_span_id")),
        "TraceState": ("String", "spans_trace_state"),
        "SpanName": (_LOW, "spans_name"),
        "SpanKind": (
            _LOW,
            f"transform(spans_kind, [1, 2, 3, 4, 5], [{_KINDS}], 'Unspecified')",
        ),
        "ServiceName": (_LOW, "resource_spans_resource_attributes_['service.name']"),
        "ResourceAttributes": (MAP, "resource_spans_resource_attributes_"),
        "ScopeName": ("String", "scope_spans_scope_name"),
        "ScopeVersion": ("String", "scope_spans_scope_version"),
        "SpanAttributes": (MAP, bounded("spans_attributes", attributes, attribute_bytes, as_text)),
        "Duration": ("UInt64", f"if(spans_end_time_unix_nano > spans_start_time_unix_nano, {duration}, 0)"),
        "StatusCode": (_LOW, "transform(spans_status_code, [1, 2], ['Ok', 'Error'], 'Unset')"),
        "StatusMessage": ("String", "spans_status_message"),
        "`Events.Timestamp`": (f"Array({_TIME})", f"arrayMap(t -> {time('t')}, spans_events_time_unix_nano)"),
        "`Events.Name`": (f"Array({_LOW})", "spans_events_name"),
        "`Events.Attributes`": (_MAPS, f"arrayMap(k -> {as_map('k', as_text)}, spans_events_attributes)"),
        "`Links.TraceId`": ("Array(String)", f"arrayMap(t -> {hexid('t')}, spans_links_trace_id)"),
        "`Links.SpanId`": ("Array(String)", f"arrayMap(t -> {hexid('t')}, spans_links_span_id)"),
        "`Links.TraceState`": ("Array(String)", "spans_links_trace_state"),
        "`Links.Attributes`": (_MAPS, f"arrayMap(k -> {as_map('k', as_text)}, spans_links_attributes)"),
    }


def secrets(attributes: int, attribute_bytes: int) -> Places:
    """Where a sender's secrets may stand, with the bounds of `columns`."""
    parts = bounded_parts("spans_attributes", attributes, attribute_bytes, searched_text)
    lists = ("`Events.Attributes`", "`Links.Attributes`")
    return Places(("SpanName", "StatusMessage"), {"SpanAttributes": parts}, lists)
