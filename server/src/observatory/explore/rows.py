"""Rows of the store as spans, events and entries of a list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from observatory.explore.model import Span

# Longer texts are cut: who reads a trace wants to see what was told, not a document in it.
MOST_TEXT = 2_000
_CUT = f"mapApply((k, v) -> (k, if(length(v) > {MOST_TEXT}, concat(substringUTF8(v, 1, {MOST_TEXT}), '…'), v)), {{}})"
SPAN_COLUMNS = f"""TraceId, SpanId, ParentSpanId, toString(Service) AS service, toString(SpanName) AS name,
    toString(SpanKind) AS kind, toUnixTimestamp64Nano(Timestamp) AS start_ns, Duration AS duration_ns, Failed AS failed,
    toString(Outcome) AS outcome, toString(StatusCode) AS status,
    substringUTF8(StatusMessage, 1, {MOST_TEXT}) AS status_message,
    toString(UserId) AS user, toString(Feature) AS feature, {_CUT.format("SpanAttributes")} AS attributes,
    ResourceAttributes AS resource, `Events.Name` AS event_names,
    arrayMap(at -> toUnixTimestamp64Nano(at), `Events.Timestamp`) AS event_times,
    arrayMap(told -> {_CUT.format("told")}, `Events.Attributes`) AS event_attributes,
    `Links.TraceId` AS link_traces, `Links.SpanId` AS link_spans,
    Redacted AS redacted"""
BARE_COLUMNS = """TraceId, SpanId, ParentSpanId, toString(Service), toString(SpanName), toString(SpanKind),
    toUnixTimestamp64Nano(Timestamp), Duration, Failed, `Links.TraceId`, `Links.SpanId`,
    ResourceAttributes['service.instance.id']"""
_MOST_EVENTS = 100
_MOST_LINKS = 100


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened during a span: name, Unix time in ns, attributes."""

    name: str
    at_ns: int
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Recorded:
    """A span with all that was recorded of it.

    Attributes:
        span: what the arithmetic needs.
        outcome: what it told of its outcome; empty for nothing.
        status: `Unset`, `Ok` or `Error`.
        status_message: beside the status.
        user: id of the user; empty for nobody's.
        feature: the business feature; empty for none.
        resource: attributes of the process.
        events: the first hundred.
        redacted: whether the server took a secret out of it.
    """

    span: Span
    outcome: str
    status: str
    status_message: str
    user: str
    feature: str
    resource: Mapping[str, str]
    events: Sequence[Event]
    redacted: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """A trace in a list.

    Attributes:
        start_ns: start of its first span, Unix time in ns.
        end_ns: end of its last.
        spans: how many it has.
        errors: how many of them failed.
        services: up to 32 of those that took part.
        partial: whether its root is missing.
        root_service, root_operation, feature, user: of its root, else of its first span.
        root_duration_ns: of that span.
        failed: whether that span failed.
    """

    start_ns: int
    end_ns: int
    spans: int
    errors: int
    services: Sequence[str]
    partial: bool
    root_service: str
    root_operation: str
    feature: str
    user: str
    root_duration_ns: int
    failed: bool


def bare(row: Sequence[Any]) -> Span:
    """A row of `BARE_COLUMNS`: a span without its attributes."""
    trace, span, parent, service, name, kind, start_ns, duration_ns, failed, traces, spans, instance = row
    links = tuple(zip(traces, spans, strict=True))
    return Span(trace, span, parent, service, name, kind, start_ns, duration_ns, bool(failed), links, {}, instance)


def recorded(row: Mapping[str, Any]) -> Recorded:
    """A row of `SPAN_COLUMNS`."""
    links = tuple(zip(row["link_traces"][:_MOST_LINKS], row["link_spans"][:_MOST_LINKS], strict=True))
    span = Span(
        row["TraceId"],
        row["SpanId"],
        row["ParentSpanId"],
        row["service"],
        row["name"],
        row["kind"],
        row["start_ns"],
        row["duration_ns"],
        bool(row["failed"]),
        links,
        row["attributes"],
        row["resource"].get("service.instance.id", ""),
    )
    told = zip(row["event_names"], row["event_times"], row["event_attributes"], strict=True)
    events = [Event(*each) for each, _ in zip(told, range(_MOST_EVENTS), strict=False)]
    return Recorded(
        span,
        row["outcome"],
        row["status"],
        row["status_message"],
        row["user"],
        row["feature"],
        row["resource"],
        events,
        bool(row["redacted"]),
    )


def entry(row: Mapping[str, Any]) -> Entry:
    """A row of a list of traces."""
    service, operation, feature, user, duration_ns, failed = row["root"]
    return Entry(
        row["start_ns"],
        row["end_ns"],
        row["spans"],
        row["errors"],
        row["services"],
        not row["roots"],
        service,
        operation,
        feature,
        user,
        duration_ns,
        bool(failed),
    )
