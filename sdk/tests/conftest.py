"""A pipeline that ends in memory, and a real OTLP server on the loopback address."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter
from opentelemetry.sdk.metrics.export import Metric, MetricExporter, MetricExportResult, MetricsData
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import observatory_sdk as obs
from observatory_sdk import pipeline
from observatory_sdk.facts.readings import BOARD
from observatory_sdk.guard import LOSSES
from observatory_sdk.heartbeat import HEARTBEATS
from observatory_sdk.usage import AT_WORK

REQUESTS: Mapping[str, Callable[[], Any]] = {
    "/v1/traces": ExportTraceServiceRequest,
    "/v1/logs": ExportLogsServiceRequest,
    "/v1/metrics": ExportMetricsServiceRequest,
}


class KeptMetrics(MetricExporter):
    """Keeps every export."""

    def __init__(self) -> None:
        super().__init__()
        self.exports: list[MetricsData] = []

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any) -> MetricExportResult:
        self.exports.append(metrics_data)
        return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        return True

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        return None

    def metrics(self) -> dict[str, Metric]:
        found: dict[str, Metric] = {}
        for data in self.exports:
            for resource in data.resource_metrics:
                for scope in resource.scope_metrics:
                    found.update({metric.name: metric for metric in scope.metrics})
        return found


@dataclass
class Recorded:
    """What the pipeline of a test has sent so far."""

    telemetry: obs.Telemetry
    span_exporter: InMemorySpanExporter
    log_exporter: InMemoryLogRecordExporter
    slow: KeptMetrics
    fast: KeptMetrics

    def spans(self) -> list[ReadableSpan]:
        assert self.telemetry.flush()
        return list(self.span_exporter.get_finished_spans())

    def span(self, name: str) -> ReadableSpan:
        (found,) = [span for span in self.spans() if span.name == name]
        return found

    def logs(self) -> list[ReadableLogRecord]:
        assert self.telemetry.flush()
        return list(self.log_exporter.get_finished_logs())

    def metrics(self) -> dict[str, Metric]:
        assert self.telemetry.flush()
        return self.slow.metrics()

    def feed_metrics(self) -> dict[str, Metric]:
        assert self.telemetry.flush()
        return self.fast.metrics()

    def foreign_tracer(self) -> Any:
        assert self.telemetry.providers is not None
        return self.telemetry.providers.tracer.get_tracer("some.instrumentation")


@pytest.fixture(autouse=True)
def _strict() -> Iterator[None]:
    # Tests of other packages that ran in this process before have told things, too.
    _forget()
    obs.strict()
    LOSSES.forget()
    yield
    obs.strict(False)
    if pipeline._live is not None:
        # A test that failed before its end takes no other with it.
        pipeline._live.shutdown(1)
    _forget()


def _forget() -> None:
    BOARD.clear()
    AT_WORK.clear()
    HEARTBEATS.clear()


@pytest.fixture
def lenient() -> Iterator[None]:
    """As in production: errors of the SDK are counted, not raised."""
    obs.strict(False)
    yield
    obs.strict()


@pytest.fixture
def kept_metrics() -> type[KeptMetrics]:
    """Makes exporters that keep every export."""
    return KeptMetrics


@pytest.fixture
def recorded() -> Iterator[Recorded]:
    spans, logs, slow, fast = InMemorySpanExporter(), InMemoryLogRecordExporter(), KeptMetrics(), KeptMetrics()
    telemetry = obs.configure(service_name="test", exporters=obs.Exporters(spans, logs, slow, fast), set_globals=False)
    yield Recorded(telemetry, spans, logs, slow, fast)
    telemetry.shutdown()


@dataclass
class OtlpServer:
    """Decodes what it is sent. `answer` is the status it gives; while `hold` is clear it gives none.

    `refusals`: statuses with headers that it gives first, one to a request; what they refuse is not received.
    """

    answer: int = 200
    hold: Event = field(default_factory=Event)
    lock: Lock = field(default_factory=Lock)
    received: list[tuple[str, Mapping[str, str], Any]] = field(default_factory=list)
    body: bytes = b""
    refusals: list[tuple[int, Mapping[str, str]]] = field(default_factory=list)
    url: str = ""

    def messages(self, path: str) -> list[Any]:
        with self.lock:
            return [message for found, _, message in self.received if found == path]

    def headers(self) -> list[Mapping[str, str]]:
        with self.lock:
            return [headers for _, headers, _ in self.received]

    def spans(self) -> list[Any]:
        return [
            span
            for message in self.messages("/v1/traces")
            for resource in message.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def log_records(self) -> list[Any]:
        return [
            record
            for message in self.messages("/v1/logs")
            for resource in message.resource_logs
            for scope in resource.scope_logs
            for record in scope.log_records
        ]

    def metric_names(self) -> list[str]:
        return [
            metric.name
            for message in self.messages("/v1/metrics")
            for resource in message.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        ]


@pytest.fixture
def otlp_server() -> Iterator[OtlpServer]:
    server = OtlpServer()
    server.hold.set()

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            server.hold.wait(20)
            if server.refusals:
                status, headers = server.refusals.pop(0)
                self.send_response(status)
                for name, value in {**headers, "Content-Length": "0"}.items():
                    self.send_header(name, value)
                self.end_headers()
                return
            message = REQUESTS[self.path]()
            message.ParseFromString(body)
            with server.lock:
                headers = {name.lower(): value for name, value in self.headers.items()}
                server.received.append((self.path, headers, message))
            self.send_response(server.answer)
            self.send_header("Content-Length", str(len(server.body)))
            self.end_headers()
            self.wfile.write(server.body)

        def log_message(self, format: str, *args: object) -> None:
            return None

    class Http(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            return None  # a sender that gives up is part of the tests

    http = Http(("127.0.0.1", 0), Door)
    server.url = f"http://127.0.0.1:{http.server_address[1]}"
    thread = Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield server
    server.hold.set()
    http.shutdown()
    http.server_close()
    thread.join(60)
