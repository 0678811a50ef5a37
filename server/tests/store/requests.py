"""Small requests, each with what one test is about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from .reference import KINDS

SECOND_NS = 10**9


def value(of: object) -> AnyValue:
    """A Python value as OTLP carries it."""
    match of:
        case None:
            return AnyValue()
        case bool():
            return AnyValue(bool_value=of)
        case int():
            return AnyValue(int_value=of)
        case float():
            return AnyValue(double_value=of)
        case bytes():
            return AnyValue(bytes_value=of)
        case str():
            return AnyValue(string_value=of)
        case dict():
            nested = AnyValue()
            nested.kvlist_value.values.extend(pairs(of))
            return nested
        case list():
            nested = AnyValue()
            nested.array_value.values.extend(map(value, of))
            return nested
    raise TypeError(type(of))


def pairs(of: Mapping[str, object]) -> list[KeyValue]:
    return [KeyValue(key=key, value=value(each)) for key, each in of.items()]


def traces(
    environment: str, starts: Iterable[int], attributes: Mapping[str, object] | None = None, lasting_ns: int = SECOND_NS
) -> ExportTraceServiceRequest:
    """A span for each start, in nanoseconds; every one is a call of the service `shop`."""
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.extend(pairs({"deployment.environment.name": environment, "service.name": "shop"}))
    spans = resource.scope_spans.add().spans
    for number, start in enumerate(starts):
        spans.add(
            trace_id=number.to_bytes(16, "big"),
            span_id=number.to_bytes(8, "big"),
            name="call",
            start_time_unix_nano=start,
            end_time_unix_nano=start + lasting_ns,
            attributes=pairs(attributes or {}),
        )
    return request


def logs(
    environment: str, times: Iterable[tuple[int, int]], body: object = "text", attributes: Mapping[str, object] = {}
) -> ExportLogsServiceRequest:
    """A record for each time and time of observation, in nanoseconds."""
    request = ExportLogsServiceRequest()
    resource = request.resource_logs.add()
    resource.resource.attributes.extend(pairs({"deployment.environment.name": environment, "service.name": "shop"}))
    records = resource.scope_logs.add().log_records
    for event, observed in times:
        records.add(
            time_unix_nano=event,
            observed_time_unix_nano=observed,
            body=value(body),
            attributes=pairs(attributes),
        )
    return request


def metrics(
    environment: str, times: Iterable[int], attributes: Mapping[str, object] = {}
) -> ExportMetricsServiceRequest:
    """A point of each of the five kinds for each time, in nanoseconds."""
    request = ExportMetricsServiceRequest()
    resource = request.resource_metrics.add()
    resource.resource.attributes.extend(pairs({"deployment.environment.name": environment, "service.name": "shop"}))
    inner = resource.scope_metrics.add().metrics
    moments = list(times)
    for kind in KINDS:
        points: Any = getattr(inner.add(name=f"shop.{kind}"), kind).data_points
        for moment in moments:
            points.add(time_unix_nano=moment, attributes=pairs(attributes))
    return request
