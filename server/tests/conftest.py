"""Fixtures shared by the server's tests. The embedded engine opens one data path per process, so one store serves all.

Tests keep apart by environment: each sends its telemetry under a name of its own.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue

from observatory import areas, catalogue
from observatory.areas import select
from observatory.otlp.signals import Signal
from observatory.selfwatch import Selfwatch
from observatory.store import Batch, Limits, Plan, Store, Stored, open_store, parse

Insert = Callable[[Signal, bytes, int], Stored]


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A real embedded store with every view on."""
    folder = tmp_path_factory.mktemp("observatory")
    parsed = [parse(area.facts, area.id) for area in areas.load()]
    plan = Plan(
        f"chdb://{folder / 'store'}",
        folder,
        limits=Limits(slow_ms={each.id: each.objective.latency_ms for each in catalogue.load().services}),
        tables=[table for tables, _ in parsed for table in tables],
        views=[view for _, views in parsed for view in views],
    )
    opened = open_store(plan, Selfwatch())
    yield opened
    opened.close()


@pytest.fixture
def environment() -> str:
    """A deployment environment of this test's own."""
    return f"test-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def insert(store: Store, tmp_path: Path) -> Callable[[Signal, bytes, int], Stored]:
    """Insert one request's bytes as a batch that arrived at the given time in nanoseconds."""

    def run(signal: Signal, body: bytes, arrival_ns: int) -> Stored:
        path = tmp_path / f"{uuid.uuid4().hex}.pb"
        path.write_bytes(body)
        return store.writers[signal].insert(Batch(signal, uuid.uuid4().hex, arrival_ns, path))

    return run


def attributes(values: Mapping[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=key, value=any_value(value)) for key, value in values.items()]


def any_value(value: Any) -> AnyValue:
    match value:
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case list():
            return AnyValue(array_value=ArrayValue(values=[any_value(each) for each in value]))
    return AnyValue(string_value=str(value))


class Sender:
    """A process that sends telemetry of one environment. `ago` is seconds before `at`, to the end of the thing."""

    def __init__(self, insert: Insert, environment: str, at: datetime) -> None:
        self.environment = environment
        self.at = at
        self._insert = insert
        self._spans: list[tuple[str, dict[str, Any], float, float, bool]] = []
        self._logs: list[tuple[str, dict[str, Any], float]] = []
        self._points: list[tuple[str, dict[str, Any], float, float]] = []
        self._counters: list[tuple[str, dict[str, Any], float, float, float]] = []

    def span(self, name: str, ago: float = 10, ms: float = 10, error: bool = False, **values: Any) -> None:
        self._spans.append((name, _dotted(values), ago, ms, error))

    def log(self, name: str, ago: float = 10, **values: Any) -> None:
        self._logs.append((name, _dotted(values), ago))

    def gauge(self, name: str, value: float, ago: float = 1, **values: Any) -> None:
        self._points.append((name, _dotted(values), value, ago))

    def counter(self, name: str, value: float, ago: float = 1, started: float = 3_600, **values: Any) -> None:
        self._counters.append((name, _dotted(values), value, ago, started))

    def heartbeat(self, *services: str, ago: float = 5) -> None:
        for service in services:
            self.gauge("observatory.service.heartbeat", 60.0, ago, **{"observatory.service": service})

    def flush(self) -> None:
        arrival_ns = select.nanoseconds(self.at)
        for signal, body in (
            (Signal.TRACES, self._traces()),
            (Signal.LOGS, self._records()),
            (Signal.METRICS, self._metrics()),
        ):
            if body:
                self._insert(signal, body, arrival_ns)
        self._spans, self._logs, self._points, self._counters = [], [], [], []

    def _resource(self, holder: Any) -> None:
        named = {
            "service.name": "cryptouniverse-backend",
            "service.instance.id": "one",
            "deployment.environment.name": self.environment,
        }
        holder.resource.attributes.extend(attributes(named))

    def _ns(self, ago: float) -> int:
        return select.nanoseconds(self.at - timedelta(seconds=ago))

    def _traces(self) -> bytes:
        if not self._spans:
            return b""
        request = ExportTraceServiceRequest()
        group = request.resource_spans.add()
        self._resource(group)
        spans = group.scope_spans.add().spans
        for place, (name, values, ago, ms, error) in enumerate(self._spans, 1):
            span = spans.add(name=name, kind=1, trace_id=place.to_bytes(16), span_id=place.to_bytes(8))
            span.parent_span_id = b"parent00"
            span.end_time_unix_nano = self._ns(ago)
            span.start_time_unix_nano = span.end_time_unix_nano - int(ms * 1e6)
            span.attributes.extend(attributes(values))
            span.status.code = 2 if error else 0
        return request.SerializeToString()

    def _records(self) -> bytes:
        if not self._logs:
            return b""
        request = ExportLogsServiceRequest()
        group = request.resource_logs.add()
        self._resource(group)
        records = group.scope_logs.add().log_records
        for name, values, ago in self._logs:
            record = records.add(event_name=name, time_unix_nano=self._ns(ago))
            record.attributes.extend(attributes(values))
        return request.SerializeToString()

    def _metrics(self) -> bytes:
        if not self._points and not self._counters:
            return b""
        request = ExportMetricsServiceRequest()
        group = request.resource_metrics.add()
        self._resource(group)
        metrics = group.scope_metrics.add().metrics
        for name, values, value, ago in self._points:
            point = metrics.add(name=name).gauge.data_points.add(time_unix_nano=self._ns(ago), as_double=value)
            point.attributes.extend(attributes(values))
        for name, values, value, ago, started in self._counters:
            metric = metrics.add(name=name)
            metric.sum.is_monotonic, metric.sum.aggregation_temporality = True, 2
            point = metric.sum.data_points.add(time_unix_nano=self._ns(ago), as_double=value)
            point.start_time_unix_nano = self._ns(started)
            point.attributes.extend(attributes(values))
        return request.SerializeToString()


def _dotted(values: Mapping[str, Any]) -> dict[str, Any]:
    # Python's keywords cannot hold dots: `order__client_id` stands for `order.client_id`.
    return {key.replace("__", "."): value for key, value in values.items()}


@pytest.fixture
def sender(insert: Insert, environment: str) -> Sender:
    """Sends telemetry of this test's environment; its `at` is the time to look."""
    return Sender(insert, environment, datetime.now(UTC).replace(microsecond=0))
