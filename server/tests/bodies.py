"""Bodies as OTLP exporters send them, with every id known to the test that made them."""

from __future__ import annotations

import base64
import itertools
import json
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

GENAI: Mapping[str, str | int] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.usage.input_tokens": 812,
    "gen_ai.usage.output_tokens": 64,
}


@dataclass(frozen=True, slots=True)
class Traces:
    """A request of traces: its bytes, and the ids of the spans in it as lower-case hex."""

    data: bytes
    spans: tuple[str, ...]


def now_ns() -> int:
    """The time at which telemetry is sent, unless a test says another."""
    return time.time_ns()


def attributes(values: Mapping[str, str | int]) -> list[KeyValue]:
    """Attributes as they stand in a message."""
    return [
        KeyValue(key=key, value=AnyValue(int_value=value) if isinstance(value, int) else AnyValue(string_value=value))
        for key, value in values.items()
    ]


def resource(environment: str) -> list[KeyValue]:
    """The resource of a process in an environment."""
    return attributes({"service.name": "shop", "deployment.environment.name": environment})


def traces(
    environment: str, spans: int = 1, at_ns: int | None = None, values: Mapping[str, str | int] | None = None
) -> Traces:
    """A body with root spans of 5 ms that end now, or at `at_ns`; each in a trace of its own."""
    end_ns = now_ns() if at_ns is None else at_ns
    request = ExportTraceServiceRequest()
    holder = request.resource_spans.add()
    holder.resource.attributes.extend(resource(environment))
    scope = holder.scope_spans.add()
    scope.scope.name = "shop.checkout"
    ids = [uuid.uuid4().bytes for _ in range(spans)]
    for each in ids:
        scope.spans.add(
            trace_id=each,
            span_id=each[:8],
            name="pay",
            kind=Span.SPAN_KIND_SERVER,
            start_time_unix_nano=end_ns - 5_000_000,
            end_time_unix_nano=end_ns,
            attributes=attributes(values or {}),
        )
    return Traces(request.SerializeToString(), tuple(each[:8].hex() for each in ids))


def logs(environment: str, records: int = 1, at_ns: int | None = None) -> bytes:
    """A body with log records."""
    request = ExportLogsServiceRequest()
    holder = request.resource_logs.add()
    holder.resource.attributes.extend(resource(environment))
    scope = holder.scope_logs.add()
    for _ in range(records):
        record = scope.log_records.add(time_unix_nano=now_ns() if at_ns is None else at_ns, severity_text="INFO")
        record.body.string_value = uuid.uuid4().hex
    return request.SerializeToString()


def metrics(environment: str, points: int = 1, at_ns: int | None = None) -> bytes:
    """A body with the points of one gauge."""
    request = ExportMetricsServiceRequest()
    holder = request.resource_metrics.add()
    holder.resource.attributes.extend(resource(environment))
    metric = holder.scope_metrics.add().metrics.add(name="shop.stock", unit="1")
    for number in range(points):
        point = metric.gauge.data_points.add(time_unix_nano=now_ns() if at_ns is None else at_ns)
        point.as_double = number
        point.attributes.extend(attributes({"id": uuid.uuid4().hex}))
    return request.SerializeToString()


def endless(environment: str, spans: int) -> Iterator[Traces]:
    """Ever new bodies of model calls."""
    for _ in itertools.count():
        yield traces(environment, spans, values=GENAI)


def as_json(data: bytes) -> bytes:
    """A request of traces as OTLP/JSON writes it: ids in hex."""
    tree = json_format.MessageToDict(ExportTraceServiceRequest.FromString(data), use_integers_for_enums=True)
    for holder in tree["resourceSpans"]:
        for scope in holder["scopeSpans"]:
            for span in scope["spans"]:
                span |= {name: base64.b64decode(span[name]).hex() for name in ("traceId", "spanId")}
    return json.dumps(tree).encode()
