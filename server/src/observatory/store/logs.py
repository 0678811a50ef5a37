"""Logs: from an export request to one row per log record."""

from __future__ import annotations

from collections.abc import Callable

from observatory.store.anyvalue import (
    ANY,
    ATTRIBUTES,
    MAP,
    RAW_ATTRIBUTES,
    as_map,
    bounded,
    bounded_parts,
    hexid,
    kind,
    raw_text,
    text,
    time,
)
from observatory.store.flatten import Level
from observatory.store.redaction import Places, searched_text

LEVELS = (
    Level(
        "resource_logs",
        {"resource.attributes": RAW_ATTRIBUTES, "schema_url": "String"},
        {"resource.attributes": as_map("resource_logs_resource_attributes", raw_text)},
    ),
    Level(
        "resource_logs.scope_logs",
        {
            "scope.name": "String",
            "scope.version": "String",
            "scope.attributes": RAW_ATTRIBUTES,
            "schema_url": "String",
        },
        {"scope.attributes": as_map("scope_logs_scope_attributes", raw_text)},
    ),
    Level(
        "resource_logs.scope_logs.log_records",
        {
            "time_unix_nano": "UInt64",
            "observed_time_unix_nano": "UInt64",
            "severity_number": "Int32",
            "severity_text": "String",
            "body": ANY,
            "attributes": ATTRIBUTES,
            "flags": "UInt32",
            "trace_id": "String",
            "span_id": "String",
            "event_name": "String",
        },
    ),
)
_RECORDS = "resource_logs.scope_logs.log_records"
_TIME = "DateTime64(9, 'UTC')"
_LOW = "LowCardinality(String)"


def moment(arrival: str, event: str = "log_records_time_unix_nano", observed: str = "") -> str:
    """When a record happened: its own time, else when it was observed, else when it arrived."""
    observed = observed or "log_records_observed_time_unix_nano"
    return f"multiIf({event} != 0, {event}, {observed} != 0, {observed}, {arrival})"


def times(arrival: str) -> str:
    """The time of each record of a batch, one entry per record."""
    names = f"arrayFlatten(`{_RECORDS}.time_unix_nano`), arrayFlatten(`{_RECORDS}.observed_time_unix_nano`)"
    return f"arrayMap((event, seen) -> {moment(arrival, 'event', 'seen')}, {names})"


def columns(
    arrival: str, attributes: int, attribute_bytes: int, as_text: Callable[[str], str] = text
) -> dict[str, tuple[str, str]]:
    """Type and expression of each of the Collector's columns, and of three of ours that need the message.

    Args:
        arrival: SQL of the time the batch arrived, in nanoseconds.
        attributes: the most attributes kept of one record.
        attribute_bytes: the most bytes kept of one value.
        as_text: makes SQL of a value as text.
    """
    return {
        "Timestamp": (_TIME, time(moment(arrival))),
        "ObservedTimestamp": (_TIME, time("log_records_observed_time_unix_nano")),
        "TraceId": ("String", hexid("log_records_trace_id")),
        "SpanId": ("String", hexid("log_records_span_id")),
        "TraceFlags": ("UInt8", "toUInt8(bitAnd(log_records_flags, 255))"),
        "SeverityText": (_LOW, "log_records_severity_text"),
        "SeverityNumber": ("UInt8", "toUInt8(bitAnd(log_records_severity_number, 255))"),
        "ServiceName": (_LOW, "resource_logs_resource_attributes_['service.name']"),
        "Body": ("String", as_text("log_records_body")),
        "BodyKind": (_LOW, kind("log_records_body")),
        "ResourceSchemaUrl": (_LOW, "resource_logs_schema_url"),
        "ResourceAttributes": (MAP, "resource_logs_resource_attributes_"),
        "ScopeSchemaUrl": (_LOW, "scope_logs_schema_url"),
        "ScopeName": ("String", "scope_logs_scope_name"),
        "ScopeVersion": (_LOW, "scope_logs_scope_version"),
        "ScopeAttributes": (MAP, "scope_logs_scope_attributes_"),
        "LogAttributes": (MAP, bounded("log_records_attributes", attributes, attribute_bytes, as_text)),
        "EventName": (_LOW, "log_records_event_name"),
    }


def secrets(attributes: int, attribute_bytes: int) -> Places:
    """Where a sender's secrets may stand, with the bounds of `columns`."""
    parts = bounded_parts("log_records_attributes", attributes, attribute_bytes, searched_text)
    return Places(("Body",), {"LogAttributes": parts})
