"""What instrumentations of libraries tell, in a real store: of the right service, and each model call once."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from typing import Any

import httpx
import pytest
from opentelemetry.exporter.otlp.proto.common._internal.metrics_encoder import encode_metrics
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter
from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult, MetricsData
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import observatory_sdk as obs
from observatory.otlp.signals import Signal
from observatory_sdk.attach.libraries import LIBRARIES, Libraries

NAMES = ("fastapi", "openai", "httpx2", "genai-httpx2", "logging", "system")
ANSWER = {
    "id": "c1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-4o-2024",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
}


class Kept(MetricExporter):
    """Keeps the newest export."""

    def __init__(self) -> None:
        super().__init__()
        self.newest: MetricsData | None = None

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any) -> MetricExportResult:
        self.newest = metrics_data
        return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        return True

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        return None


@pytest.fixture
def told(insert: Any, environment: str) -> None:
    """A process named `backend` did its work with its libraries switched on, and all that it told is stored."""
    spans, logs, metrics = InMemorySpanExporter(), InMemoryLogRecordExporter(), Kept()
    telemetry = obs.configure(
        service_name="backend",
        environment=environment,
        exporters=obs.Exporters(spans, logs, metrics, Kept()),
        set_globals=False,
    )
    watched = Libraries([row for row in LIBRARIES if row.name in NAMES])
    watched.start()
    try:
        _work()
        assert telemetry.flush()
        points = metrics.newest
    finally:
        watched.stop()
        telemetry.shutdown()
    now = time.time_ns()
    insert(Signal.TRACES, encode_spans(spans.get_finished_spans()).SerializeToString(), now)
    insert(Signal.LOGS, encode_logs(logs.get_finished_logs()).SerializeToString(), now)
    assert points is not None
    insert(Signal.METRICS, encode_metrics(points).SerializeToString(), now)


def _work() -> None:
    import httpx2
    from fastapi import FastAPI
    from openai import AsyncOpenAI

    app = FastAPI()
    answer = httpx2.MockTransport(lambda _: httpx2.Response(200, content=json.dumps(ANSWER)))

    @app.get("/ask/{user}")
    async def ask(user: str) -> None:
        logging.getLogger("host").info("asked by %s", user)
        with obs.service("unified_ai_manager", "ask"):
            logging.getLogger("host").info("asking")
            async with AsyncOpenAI(api_key="k", http_client=httpx2.AsyncClient(transport=answer)) as client:
                await client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "?"}])

    async def request() -> None:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://backend") as client:
            assert (await client.get("/ask/u1")).status_code == 200

    asyncio.run(request())


@pytest.mark.usefixtures("told")
def test_spans_records_and_points_count_for_the_service_at_work_or_the_process(store: Any, environment: str) -> None:
    def rows(sql: str) -> list[tuple[Any, ...]]:
        found = asyncio.run(store.reader.read(sql.format(f"Environment = '{environment}'")))
        return [tuple(row) for row in found.rows]

    assert rows("SELECT SpanName, Service, Caller, Entry FROM otel_traces WHERE {} ORDER BY Timestamp") == [
        ("GET /ask/{user}", "backend", "external", 1),
        ("unified_ai_manager.ask", "unified_ai_manager", "backend", 1),
        ("chat gpt-4o", "unified_ai_manager", "", 0),
    ]
    assert rows("SELECT Service, Body FROM otel_logs WHERE {} AND ScopeName = 'host' ORDER BY Timestamp") == [
        ("backend", "asked by u1"),
        ("unified_ai_manager", "asking"),
    ]
    assert rows("SELECT count() FROM otel_logs WHERE {} AND ScopeName = 'host' AND TraceId = ''") == [(0,)]
    calls = "SELECT Service, Provider, RequestModel, InputTokens, OutputTokens FROM fact_ai_calls WHERE {}"
    assert rows(calls) == [("unified_ai_manager", "openai", "gpt-4o", 10, 5)]
    memory = "SELECT DISTINCT Service FROM fact_resources WHERE {} AND Metric = 'system.memory.utilization'"
    assert rows(memory) == [("backend",)]
