"""The rows that a request must leave, worked out in plain Python from the decoded request.

Times are nanoseconds, maps are lists of pairs (a key may come twice), as `readable.py` reads them back.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue

Row = dict[str, Any]
Pairs = list[tuple[str, str]]
_SPAN_KINDS = {1: "Internal", 2: "Server", 3: "Client", 4: "Producer", 5: "Consumer"}
_STATUS = {1: "Ok", 2: "Error"}
IDS = {"order.id", "order.client_id", "signal.id", "decision.id", "gen_ai.conversation.id", "session.id"}


@dataclass(frozen=True, slots=True)
class Bounds:
    """Times accepted, and when the batch arrived, in nanoseconds."""

    since: int
    until: int
    arrival: int

    def accept(self, first: int, last: int) -> bool:
        return first >= self.since and max(first, last) <= self.until


def real(value: float) -> str:
    """A float as the store writes it: the shortest digits that read back the same."""
    if not math.isfinite(value):
        return str(value)
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    assert isinstance(exponent, int)
    text = "".join(map(str, digits))
    point = len(text) + exponent
    if text == "0":
        plain = "0"
    elif not -6 < point <= 21:
        plain = f"{text[0]}{'.' if len(text) > 1 else ''}{text[1:]}e{point - 1}"
    elif point <= 0:
        plain = f"0.{'0' * -point}{text}"
    elif point >= len(text):
        plain = text + "0" * (point - len(text))
    else:
        plain = f"{text[:point]}.{text[point:]}"
    return "-" + plain if sign else plain


def _scalar(value: AnyValue) -> str | None:
    match value.WhichOneof("value"):
        case "string_value":
            return value.string_value
        case "int_value":
            return str(value.int_value)
        case "double_value":
            return real(value.double_value)
        case "bool_value":
            return "true" if value.bool_value else "false"
        case "bytes_value":
            return base64.b64encode(value.bytes_value).decode()
    return None


def raw_text(value: AnyValue) -> str:
    """A value of a resource, a scope or an exemplar: what nests is the base64 of its bytes."""
    if value.HasField("array_value"):
        return base64.b64encode(value.array_value.SerializeToString()).decode()
    if value.HasField("kvlist_value"):
        return base64.b64encode(value.kvlist_value.SerializeToString()).decode()
    return _scalar(value) or ""


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("/", "\\/").replace("\x7f", "\\u007f")


def _member(value: AnyValue) -> str:
    kind = value.WhichOneof("value")
    # An index into a table of strings belongs to profiles; elsewhere it is a field nobody knows.
    if kind in (None, "string_value_strindex"):
        return "null"
    if kind == "double_value" and not math.isfinite(value.double_value):
        return f'"{real(value.double_value)}"'
    if kind in ("int_value", "double_value", "bool_value"):
        return _scalar(value) or ""
    return _quoted(raw_text(value)) if kind == "string_value" else f'"{raw_text(value)}"'


def text(value: AnyValue) -> str:
    """A value of a span, a record, a point: arrays and key-value lists are JSON, one level deep."""
    if value.HasField("array_value"):
        members = ",".join(map(_member, value.array_value.values))
        return f"[{members}]" if members else ""
    if value.HasField("kvlist_value"):
        pairs = ",".join(f"{_quoted(each.key)}:{_member(each.value)}" for each in value.kvlist_value.values)
        return f"{{{pairs}}}" if pairs else ""
    return _scalar(value) or ""


def body_kind(value: AnyValue) -> str:
    kind = (value.WhichOneof("value") or "").removesuffix("_value")
    if kind in ("array", "kvlist"):
        return kind if text(value) else ""
    return kind if kind in ("string", "int", "double", "bool", "bytes") else ""


def pairs(attributes: Iterable[Any], as_text: Callable[[AnyValue], str] = text) -> Pairs:
    return [(each.key, as_text(each.value)) for each in attributes]


def find(attributes: Pairs, key: str) -> str:
    """The first value of a key, as the store's map answers."""
    return next((value for name, value in attributes if name == key), "")


def signed(nanoseconds: int) -> int:
    """A time as the store keeps it: the 64 bits read as a signed number."""
    return nanoseconds - 2**64 if nanoseconds >= 2**63 else nanoseconds


def _environment(resource: Pairs) -> str:
    names = ("deployment.environment.name", "deployment.environment")
    return next((found for name in names if (found := find(resource, name))), "production")


def _service(attributes: Pairs, resource: Pairs, scope: str) -> str:
    ours = "observatory.service"
    return find(attributes, ours) or find(resource, ours) or scope or find(resource, "service.name")


def spans(request: Any, bounds: Bounds) -> Iterator[Row]:
    """Rows of `otel_traces`, the store's own columns included."""
    for resource in request.resource_spans:
        attributes = pairs(resource.resource.attributes, raw_text)
        for scope in resource.scope_spans:
            for span in scope.spans:
                if bounds.accept(span.start_time_unix_nano, span.end_time_unix_nano):
                    yield _span(attributes, scope.scope, span) | _own_of_span(attributes, scope.scope.name, span)


def _span(resource: Pairs, scope: Any, span: Any) -> Row:
    return {
        "Timestamp": span.start_time_unix_nano,
        "TraceId": span.trace_id.hex(),
        "SpanId": span.span_id.hex(),
        "ParentSpanId": span.parent_span_id.hex(),
        "TraceState": span.trace_state,
        "SpanName": span.name,
        "SpanKind": _SPAN_KINDS.get(span.kind, "Unspecified"),
        "ServiceName": find(resource, "service.name"),
        "ResourceAttributes": resource,
        "ScopeName": scope.name,
        "ScopeVersion": scope.version,
        "SpanAttributes": pairs(span.attributes),
        "Duration": max(0, span.end_time_unix_nano - span.start_time_unix_nano),
        "StatusCode": _STATUS.get(span.status.code, "Unset"),
        "StatusMessage": span.status.message,
        "Events.Timestamp": [signed(each.time_unix_nano) for each in span.events],
        "Events.Name": [each.name for each in span.events],
        "Events.Attributes": [pairs(each.attributes) for each in span.events],
        "Links.TraceId": [each.trace_id.hex() for each in span.links],
        "Links.SpanId": [each.span_id.hex() for each in span.links],
        "Links.TraceState": [each.trace_state for each in span.links],
        "Links.Attributes": [pairs(each.attributes) for each in span.links],
    }


def _common(resource: Pairs, scope: str, attributes: Pairs) -> Row:
    return {
        "Environment": _environment(resource),
        "Service": _service(attributes, resource, scope),
        "Feature": find(attributes, "observatory.feature"),
        "UserId": find(attributes, "user.id"),
        "UserCohort": find(attributes, "user.cohort"),
    }


def _own_of_span(resource: Pairs, scope: str, span: Any) -> Row:
    attributes = pairs(span.attributes)
    outside = span.kind in (2, 5) or not span.parent_span_id
    caller = find(attributes, "observatory.caller")
    duration = max(0, span.end_time_unix_nano - span.start_time_unix_nano)
    return _common(resource, scope, attributes) | {
        "Caller": caller,
        "Outcome": find(attributes, "observatory.outcome"),
        "Failed": int(span.status.code == 2 or find(attributes, "observatory.outcome") == "failure"),
        "EndTimestamp": signed(span.start_time_unix_nano) + min(duration, DAY_NS),
        # Random texts hold no threshold: of weights there are tests of their own.
        "Weight": 1,
        "Redacted": 0,
        "Entry": int(bool(caller) or (not find(attributes, "observatory.service") and outside)),
        "Ids": [text for name, text in attributes if name in IDS and text],
    }


def calls(rows: Iterable[Row]) -> Iterator[Row]:
    """Rows of `fact_calls`, from rows of `otel_traces`."""
    same = (
        "Timestamp",
        "Environment",
        "Service",
        "Caller",
        "Feature",
        "UserId",
        "SpanName",
        "Failed",
        "Outcome",
        "Weight",
    )
    for row in rows:
        if row["Entry"]:
            instance = find(row["ResourceAttributes"], "service.instance.id")
            yield {name: row[name] for name in same} | {
                "DurationNs": row["Duration"],
                "Instance": instance,
                "TraceId": row["TraceId"],
            }


def records(request: Any, bounds: Bounds) -> Iterator[Row]:
    """Rows of `otel_logs`, the store's own columns included."""
    for resource in request.resource_logs:
        attributes = pairs(resource.resource.attributes, raw_text)
        outer = {
            "ServiceName": find(attributes, "service.name"),
            "ResourceSchemaUrl": resource.schema_url,
            "ResourceAttributes": attributes,
        }
        for scope in resource.scope_logs:
            inner = _scope(scope, "ScopeDroppedAttrCount")
            for record in scope.log_records:
                moment = record.time_unix_nano or record.observed_time_unix_nano or bounds.arrival
                if bounds.accept(moment, moment):
                    own = _common(attributes, scope.scope.name, pairs(record.attributes))
                    yield outer | inner | _record(record, moment) | own | {"Redacted": 0}


def _scope(scope: Any, *left_out: str) -> Row:
    row = {
        "ScopeName": scope.scope.name,
        "ScopeVersion": scope.scope.version,
        "ScopeAttributes": pairs(scope.scope.attributes, raw_text),
        "ScopeDroppedAttrCount": scope.scope.dropped_attributes_count,
        "ScopeSchemaUrl": scope.schema_url,
    }
    return {name: value for name, value in row.items() if name not in left_out}


def _record(record: Any, moment: int) -> Row:
    return {
        "Timestamp": moment,
        "TimestampTime": moment // 10**9,
        "ObservedTimestamp": signed(record.observed_time_unix_nano),
        "TraceId": record.trace_id.hex(),
        "SpanId": record.span_id.hex(),
        "TraceFlags": record.flags & 255,
        "SeverityText": record.severity_text,
        "SeverityNumber": record.severity_number & 255,
        "Body": text(record.body),
        "BodyKind": body_kind(record.body),
        "LogAttributes": pairs(record.attributes),
        "EventName": record.event_name,
    }


DAY_NS = 86_400 * 10**9
KINDS = ("gauge", "sum", "histogram", "exponential_histogram", "summary")


def points(request: Any, kind: str, bounds: Bounds) -> Iterator[Row]:
    """Rows of `otel_metrics_<kind>`, the store's own columns included."""
    for resource in request.resource_metrics:
        attributes = pairs(resource.resource.attributes, raw_text)
        outer = {
            "ServiceName": find(attributes, "service.name"),
            "ResourceSchemaUrl": resource.schema_url,
            "ResourceAttributes": attributes,
            "Environment": _environment(attributes),
            "Instance": find(attributes, "service.instance.id"),
        }
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                named = {
                    "MetricName": metric.name,
                    "MetricDescription": metric.description,
                    "MetricUnit": metric.unit,
                }
                own = _own_of_metric(kind, getattr(metric, kind))
                for point in getattr(metric, kind).data_points:
                    if bounds.accept(point.time_unix_nano, point.time_unix_nano):
                        service = _service(pairs(point.attributes), attributes, scope.scope.name)
                        yield outer | _scope(scope) | named | own | _point(kind, point) | {"Service": service}


def _own_of_metric(kind: str, body: Any) -> Row:
    row: Row = {}
    if kind in ("sum", "histogram", "exponential_histogram"):
        row["AggregationTemporality"] = body.aggregation_temporality
    if kind == "sum":
        row["IsMonotonic"] = body.is_monotonic
    return row


def _point(kind: str, point: Any) -> Row:
    row = {
        "Attributes": pairs(point.attributes),
        "StartTimeUnix": signed(point.start_time_unix_nano),
        "TimeUnix": point.time_unix_nano,
        "Flags": point.flags,
    }
    if kind in ("gauge", "sum"):
        return row | _number(point) | _exemplars(point)
    row["Count"] = point.count
    if kind == "summary":
        return row | {
            "Sum": point.sum,
            "ValueAtQuantiles.Quantile": [each.quantile for each in point.quantile_values],
            "ValueAtQuantiles.Value": [each.value for each in point.quantile_values],
        }
    row |= {name.capitalize(): _optional(point, name) for name in ("sum", "min", "max")}
    return row | (_buckets(point) if kind == "histogram" else _exponential(point)) | _exemplars(point)


def _number(point: Any) -> Row:
    chosen = point.WhichOneof("value")
    return {
        "Value": {"as_double": point.as_double, "as_int": float(point.as_int), None: None}[chosen],
        "ValueInt": point.as_int if chosen == "as_int" else None,
    }


def _optional(point: Any, name: str) -> float | None:
    return getattr(point, name) if point.HasField(name) else None


def _buckets(point: Any) -> Row:
    return {"BucketCounts": list(point.bucket_counts), "ExplicitBounds": list(point.explicit_bounds)}


def _exponential(point: Any) -> Row:
    return {
        "Scale": point.scale,
        "ZeroCount": point.zero_count,
        "ZeroThreshold": point.zero_threshold,
        "PositiveOffset": point.positive.offset,
        "PositiveBucketCounts": list(point.positive.bucket_counts),
        "NegativeOffset": point.negative.offset,
        "NegativeBucketCounts": list(point.negative.bucket_counts),
    }


def _exemplars(point: Any) -> Row:
    return {
        "Exemplars.FilteredAttributes": [pairs(each.filtered_attributes, raw_text) for each in point.exemplars],
        "Exemplars.TimeUnix": [signed(each.time_unix_nano) for each in point.exemplars],
        "Exemplars.Value": [_exemplar_value(each) for each in point.exemplars],
        "Exemplars.SpanId": [each.span_id.hex() for each in point.exemplars],
        "Exemplars.TraceId": [each.trace_id.hex() for each in point.exemplars],
    }


def _exemplar_value(exemplar: Any) -> float:
    chosen = exemplar.WhichOneof("value")
    return {"as_double": exemplar.as_double, "as_int": float(exemplar.as_int), None: math.nan}[chosen]


def fact_points(kind: str, rows: Iterable[Row]) -> Iterator[Row]:
    """Rows of `fact_points`, from rows of `otel_metrics_<kind>`."""
    for row in rows:
        yield {
            "Timestamp": row["TimeUnix"],
            "Environment": row["Environment"],
            "Service": row["Service"],
            "Instance": row["Instance"],
            "Metric": row["MetricName"],
            "Kind": kind,
            "Attributes": row["Attributes"],
            "Value": row.get("Value"),
            "Count": row.get("Count", 0),
            "Sum": row.get("Sum"),
            "Monotonic": int(row.get("IsMonotonic", kind == "histogram")),
            "Temporality": row.get("AggregationTemporality", 0),
        }
