"""What a program with the official exporters lets slip is in no table, whatever the transport."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogs
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpans
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogs
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpans
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Status, StatusCode
from serving import Serving, serving

SEED = "abandon ability able about above absent absorb abstract absurd abuse access accident"
SECRETS = {
    "openai": "sk-proj-Zq9Wm4Xy7Lp2Rt5Vb8Nc1Kd6",
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P",
    "bearer": "Zq9Wm4Xy7Lp2Rt5VbBEARER",
    "password": "correct-horse-PASSWORD",
    "seed": SEED,
    "card": "4242 4242 4242 4242",
    "url": "Zq9-in-a-url-PASSWORD",
}
KEPT = {
    "order.id": "0b6b2a9f-7c11-4f3e-9a3e-d5f3a7de4c1e",
    "wallet.address": "0x9f86d081884c7d659a2feaa0c55ad015a3bf4f1b",
    "exchange.order": "28457123456",
    "symbol": "BTC/USDT",
}
_KINDS = "('MergeTree', 'AggregatingMergeTree', 'ReplacingMergeTree', 'Memory')"


def slip(server: Serving, over_grpc: bool) -> None:
    """A program that puts secrets wherever a program may."""
    where: dict[str, Any] = {"endpoint": f"{server.otlp_http}/v1/"}
    headers = {"authorization": f"Bearer {server.token('ingest')}"}
    name = "grpc" if over_grpc else "http"
    said = f"connect redis://user:{SECRETS['url']}@host:6379 with Bearer {SECRETS['bearer']}"
    resource = Resource.create(
        {"service.name": "shop", "deployment.environment.name": name, "process.command_args": [SECRETS["openai"]]}
    )
    if over_grpc:
        where = {"endpoint": f"http://{server.otlp_grpc}", "insecure": True}
        spans, logs = GrpcSpans(**where, headers=headers), GrpcLogs(**where, headers=headers)
    else:
        spans = HttpSpans(f"{where['endpoint']}traces", headers=headers)  # type: ignore[assignment]
        logs = HttpLogs(f"{where['endpoint']}logs", headers=headers)  # type: ignore[assignment]
    tracers, loggers = TracerProvider(resource=resource), LoggerProvider(resource)
    tracers.add_span_processor(BatchSpanProcessor(spans))
    loggers.add_log_record_processor(BatchLogRecordProcessor(logs))
    with tracers.get_tracer("shop").start_as_current_span(f"pay {SECRETS['openai']}") as span:
        span.set_attributes({**KEPT, "note": f"key {SECRETS['openai']}", "db.password": SECRETS["password"]})
        span.set_attribute("tokens", [SECRETS["jwt"], "none"])
        span.add_event("asked", {"header": f"Bearer {SECRETS['bearer']}", "words": SECRETS["seed"]})
        span.add_link(span.get_span_context(), {"card": SECRETS["card"]})
        span.record_exception(ValueError(f"password={SECRETS['password']}"))
        span.set_status(Status(StatusCode.ERROR, said))
    logger = loggers.get_logger("shop")
    bodies = (said, {"request": {"headers": {"authorization": SECRETS["bearer"]}}, "words": SECRETS["seed"]})
    for body in bodies:
        logger.emit(
            LogRecord(body=body, severity_number=SeverityNumber.INFO, attributes={**KEPT, "card": SECRETS["card"]})
        )
    assert tracers.force_flush()
    assert loggers.force_flush()
    tracers.shutdown()
    loggers.shutdown()  # type: ignore[no-untyped-call]


@pytest.fixture(scope="module")
def arrived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A server that has ended after such programs, with another that tells it nothing, sent to it."""
    with serving(tmp_path_factory.mktemp("secrets") / "data", logs_linger_ms=0) as server:
        for over_grpc in (False, True):
            slip(server, over_grpc)
        assert server.metric("refused_bodies_total") == 0
        assert server.stop() == 0
        yield server


def test_no_table_holds_a_secret(arrived: Serving) -> None:
    (tables,) = arrived.rows(
        f"SELECT name FROM system.tables WHERE database = 'observatory' AND engine IN {_KINDS} ORDER BY name"
    )
    names = [name for (name,) in tables]
    assert {"otel_traces", "otel_logs", "fact_calls"} <= set(names)
    # A sketch is of numbers alone, and no client reads one.
    columns = {"rollup_calls": "* EXCEPT (Latency)"}
    whole = repr(arrived.rows(*(f"SELECT {columns.get(name, '*')} FROM {name}" for name in names)))
    assert {kind for kind, secret in SECRETS.items() if secret in whole} == set()


@pytest.mark.parametrize("transport", ["http", "grpc"])
def test_what_is_no_secret_arrives_and_what_was_masked_is_counted(arrived: Serving, transport: str) -> None:
    here = f"WHERE Environment = '{transport}'"
    spans, logs = arrived.rows(
        f"SELECT SpanAttributes, SpanName, Redacted FROM otel_traces {here}",
        f"SELECT LogAttributes, Body, Redacted FROM otel_logs {here} ORDER BY Body",
    )
    ((values, name, redacted),) = spans
    assert values.items() >= KEPT.items()
    assert (name, redacted) == ("pay [redacted]", 1)
    assert len(logs) == 2
    assert all(values.items() >= KEPT.items() and masked == 1 for values, _, masked in logs)
    assert any("redis://user:[redacted]@host:6379 with Bearer [redacted]" in body for _, body, _ in logs)


def test_secrets_wait_in_no_file_beside_the_store(arrived: Serving) -> None:
    beside = [path for path in arrived.folder.rglob("*") if path.is_file() and "store" not in path.parts[-2:]]
    found = {kind for path in beside for kind, secret in SECRETS.items() if secret.encode() in path.read_bytes()}
    assert found == set()
