"""From `configure` over a real OTLP server and back out, also when that server is down, slow or talks rubbish."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import observatory_sdk as obs
from observatory_sdk import pipeline

TOKEN = "obs_" + "k3y" * 10


def wait_for(condition: Callable[[], bool], within_s: float = 40.0) -> float:
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < within_s, "it did not happen in time"
        time.sleep(0.01)
    return time.monotonic() - started


def configured(url: str, **more: Any) -> obs.Telemetry:
    return obs.configure(service_name="backend", endpoint=url, set_globals=False, **more)


def report_something() -> None:
    with obs.feature("autotrade", user_id="u1"), obs.service("trade_execution_service", "place"):
        with obs.facts.order(
            exchange_id="binance", symbol="BTC/USDT", side="buy", type="market", mode="live", fee_usd=Decimal("0.10")
        ) as order:
            order.fill(price=50_000, quantity=Decimal("0.1"))
            order.status = "filled"
        obs.facts.journal_entry(kind="order")


def test_spans_logs_and_metrics_arrive_with_resource_and_token(otlp_server: Any) -> None:
    telemetry = configured(
        otlp_server.url + "/", token=TOKEN, environment="staging", version="1.2", services=["credit_ledger"]
    )
    feed = obs.facts.feed(exchange_id="kraken", channel="trades", symbol="ETH/USD")
    feed.message()
    report_something()
    assert telemetry.flush()
    telemetry.shutdown()
    feed.close()
    names = [span.name for span in otlp_server.spans()]
    assert names == ["order.execute", "trade_execution_service.place"]
    assert [record.event_name for record in otlp_server.log_records()] == ["journal.entry"]
    assert {"observatory.service.heartbeat", "market_data.messages"} <= set(otlp_server.metric_names())
    resource = otlp_server.messages("/v1/traces")[0].resource_spans[0].resource
    attributes = {found.key: found.value.string_value for found in resource.attributes}
    assert attributes["service.name"] == "backend"
    assert attributes["service.namespace"] == "cryptouniverse"
    assert attributes["service.version"] == "1.2"
    assert attributes["deployment.environment.name"] == "staging"
    assert len(attributes["service.instance.id"]) == 36
    for headers in otlp_server.headers():
        assert headers["authorization"] == f"Bearer {TOKEN}"
        assert headers["content-encoding"] == "gzip"


def test_the_wire_keeps_types_and_exact_money(otlp_server: Any) -> None:
    telemetry = configured(otlp_server.url)
    report_something()
    assert telemetry.flush()
    telemetry.shutdown()
    (order,) = [span for span in otlp_server.spans() if span.name == "order.execute"]
    values = {found.key: found.value for found in order.attributes}
    assert values["order.fee_usd"].string_value == "0.10"
    assert values["observatory.service"].string_value == "trade_execution_service"
    (fill,) = order.events
    assert {found.key: found.value.double_value for found in fill.attributes} == {
        "order.fill.price": 50_000.0,
        "order.fill.quantity": 0.1,
    }


def test_nothing_has_to_be_flushed_to_arrive_soon(otlp_server: Any) -> None:
    telemetry = configured(otlp_server.url)
    feed = obs.facts.feed(exchange_id="binance", channel="trades", symbol="SOL/USDT")
    feed.connection(True)
    report_something()
    # OpenTelemetry's own default for metrics is 60 s; a busy machine gets room.
    wait_for(lambda: len(otlp_server.spans()) == 2 and bool(otlp_server.log_records()))
    wait_for(lambda: "market_data.connection.up" in otlp_server.metric_names())
    assert "observatory.service.heartbeat" not in otlp_server.metric_names()
    feed.close()
    telemetry.shutdown()


def test_spans_of_a_parent_that_was_not_sampled_still_go_out(otlp_server: Any) -> None:
    telemetry = configured(otlp_server.url)
    with obs.extract({"traceparent": f"00-{'a' * 32}-{'b' * 16}-00"}), obs.service("credit_ledger", "debit"):
        pass
    assert telemetry.flush()
    telemetry.shutdown()
    assert [span.trace_id.hex() for span in otlp_server.spans()] == ["a" * 32]


def test_secrets_do_not_leave_the_process(otlp_server: Any) -> None:
    telemetry = configured(otlp_server.url)
    assert telemetry.providers is not None
    tracer = telemetry.providers.tracer.get_tracer("host")
    logger = telemetry.providers.logger.get_logger("host")
    secret = "sk-proj-" + "a1B2" * 8
    with tracer.start_as_current_span(
        f"GET /x?api_key={secret}", attributes={"http.url": f"/x?token={secret}"}
    ) as span:
        span.add_event("exception", {"exception.message": f"401 for Bearer {secret}", "keys": [secret, "ok"]})
        span.set_attribute("db.password", "hunter2")
        logger.emit(body=f"using {secret}", attributes={"nested": {"secret": "hunter2", "n": 1}, "text": "plain"})
    assert telemetry.flush()
    telemetry.shutdown()
    wire = b"".join(m.SerializeToString() for p in ("/v1/traces", "/v1/logs") for m in otlp_server.messages(p))
    assert secret.encode() not in wire
    assert b"hunter2" not in wire
    assert b"[redacted]" in wire
    (record,) = otlp_server.log_records()
    assert record.body.string_value == "using [redacted]"
    assert {found.key for found in record.attributes} == {"nested", "text"}


def test_log_records_of_the_host_know_who_was_at_work(otlp_server: Any) -> None:
    telemetry = configured(otlp_server.url)
    assert telemetry.providers is not None
    logger = telemetry.providers.logger.get_logger("host")
    with obs.feature("chat", user_id="u2"), obs.service("ai_chat_engine"):
        logger.emit(body="hello", attributes={"user.id": "from the host"})
    assert telemetry.flush()
    telemetry.shutdown()
    (record,) = otlp_server.log_records()
    attributes = {found.key: found.value.string_value for found in record.attributes}
    assert attributes == {
        "observatory.service": "ai_chat_engine",
        "observatory.feature": "chat",
        "user.id": "from the host",
    }


def closed_port() -> str:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{found.getsockname()[1]}"


def test_a_server_that_is_down_hurts_nobody(lenient: None, monkeypatch: Any, caplog: Any) -> None:
    monkeypatch.setattr(pipeline, "EXPORT_TIMEOUT_S", 0.3)
    started = time.monotonic()
    telemetry = configured(closed_port(), services=["credit_ledger"])
    for _ in range(200):
        report_something()
    # One that waited for the server would wait 0.3 s each time.
    assert time.monotonic() - started < 200 * 0.3
    wait_for(lambda: obs.losses().get("metrics not sent", 0) >= 1)
    assert telemetry.flush(30) is True  # there is nothing left to send, and nothing that waits
    telemetry.shutdown(1)
    counts = obs.losses()
    assert counts["spans not sent"] == 400
    assert counts["log records not sent"] == 200
    assert counts["metrics not sent"] >= 1
    assert len([found for found in caplog.records if found.levelno >= logging.ERROR]) <= 3


def test_a_server_that_never_answers_does_not_hold_up_the_exit(otlp_server: Any, lenient: None) -> None:
    otlp_server.hold.clear()
    telemetry = configured(otlp_server.url)
    report_something()
    started = time.monotonic()
    assert telemetry.shutdown(0.3) is False
    assert time.monotonic() - started < 30
    report_something()


@pytest.mark.parametrize("status", [400, 401, 413, 500])
def test_a_server_that_refuses_is_counted(otlp_server: Any, lenient: None, status: int) -> None:
    otlp_server.answer = status
    otlp_server.body = b"\x00\xffrubbish"
    telemetry = configured(otlp_server.url)
    report_something()
    telemetry.flush()
    telemetry.shutdown()
    assert obs.losses()["spans not sent"] == 2
    assert obs.losses()["log records not sent"] == 1


def test_a_server_that_was_busy_gets_the_same_batch_again(otlp_server: Any) -> None:
    otlp_server.answer = 503
    telemetry = configured(otlp_server.url)
    report_something()
    wait_for(lambda: bool(otlp_server.spans()))
    otlp_server.answer = 200
    wait_for(lambda: len(otlp_server.spans()) >= 4)
    assert telemetry.flush()
    telemetry.shutdown()
    assert len({span.span_id for span in otlp_server.spans()}) == 2


def test_a_full_queue_drops_and_counts(otlp_server: Any, lenient: None, monkeypatch: Any) -> None:
    monkeypatch.setattr(pipeline, "QUEUE_LENGTH", 50)
    monkeypatch.setattr(pipeline, "BATCH_LENGTH", 50)
    otlp_server.hold.clear()
    telemetry = configured(otlp_server.url)
    for _ in range(300):
        with obs.service("credit_ledger", "debit"):
            pass
        obs.facts.journal_entry(kind="x")
    otlp_server.hold.set()
    telemetry.flush()
    telemetry.shutdown()
    counts = obs.losses()
    # The queue's own thread may take a batch between our look and OpenTelemetry's: one look too many is possible.
    assert 300 <= counts["span queue full"] + len(otlp_server.spans()) <= 303
    assert 300 <= counts["log queue full"] + len(otlp_server.log_records()) <= 303


def test_losses_are_reported_as_a_metric(recorded: Any, lenient: None) -> None:
    obs.facts.journal_entry(kind=3)  # type: ignore[arg-type]
    metric = recorded.metrics()["observatory.sdk.losses"]
    (point,) = metric.data.data_points
    assert (point.value, dict(point.attributes)) == (1, {"observatory.sdk.reason": "value refused"})


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"service_name": ""}, "service_name is ''"),
        ({"environment": "  "}, "environment is '  '"),
        ({"endpoint": "localhost:4318"}, "endpoint is 'localhost:4318'"),
        ({"endpoint": "http://"}, "endpoint is 'http://'"),
        ({"endpoint": "http://host:port"}, "endpoint is"),
        ({"endpoint": 4318}, "endpoint is 4318"),
        ({"services": "credit_ledger"}, "services is 'credit_ledger'"),
        ({"services": ["credit_ledger", ""]}, "services is"),
        ({"services": 5}, "services is 5"),
        ({"endpoint": None, "exporters": "console"}, "exporters takes an Exporters"),
        ({"endpoint": None, "providers": object()}, "providers takes a Providers"),
        ({"headers": {"x": "a\nb"}}, "headers: 'x'"),
        ({"headers": {"x": 1}}, "headers: 'x'"),
        ({"token": "töken"}, "token: it takes printable ASCII"),
        ({"token": "line\nbreak"}, "token: it takes printable ASCII"),
    ],
)
def test_a_bad_argument_stops_the_start_and_is_named(wrong: dict[str, Any], says: str) -> None:
    good: dict[str, Any] = {"service_name": "backend", "endpoint": "http://127.0.0.1:9"}
    with pytest.raises(obs.ConfigurationError, match=says):
        obs.configure(**{**good, **wrong})


def test_a_bad_token_is_not_told() -> None:
    with pytest.raises(obs.ConfigurationError) as caught:
        obs.configure(service_name="x", endpoint="http://127.0.0.1:9", token="gehéim")
    assert "geh" not in str(caught.value)


def test_endpoint_and_exporters_exclude_each_other() -> None:
    providers = obs.Providers(TracerProvider(), LoggerProvider(), MeterProvider())
    with pytest.raises(obs.ConfigurationError, match="exclude each other"):
        obs.configure(service_name="x", endpoint="http://127.0.0.1:9", providers=providers)


def test_a_second_configure_is_refused_until_the_first_is_shut_down(recorded: Any, otlp_server: Any) -> None:
    with pytest.raises(obs.ConfigurationError, match="configured already"):
        configured(otlp_server.url)
    assert recorded.telemetry.shutdown()
    assert recorded.telemetry.shutdown()
    again = configured(otlp_server.url)
    report_something()
    assert again.flush()
    again.shutdown()
    assert len(otlp_server.spans()) == 2


def test_without_an_endpoint_nothing_happens() -> None:
    telemetry = obs.configure(service_name="backend", services=["credit_ledger"])
    assert (telemetry.enabled, telemetry.providers) == (False, None)
    report_something()
    headers: dict[str, str] = {}
    with obs.service("credit_ledger"):
        obs.inject(headers)
    assert headers == {}
    assert telemetry.flush() is True
    assert telemetry.shutdown() is True
    assert obs.losses() == {}


def test_the_hosts_own_providers_are_used_and_left_running() -> None:
    spans, logs, metrics = InMemorySpanExporter(), InMemoryLogRecordExporter(), InMemoryMetricReader()
    tracer, logger, meter = TracerProvider(), LoggerProvider(), MeterProvider([metrics])
    tracer.add_span_processor(SimpleSpanProcessor(spans))
    logger.add_log_record_processor(SimpleLogRecordProcessor(logs))
    telemetry = obs.configure(
        service_name="x",
        providers=obs.Providers(tracer, logger, meter),
        services=["credit_ledger"],
        set_globals=False,
    )
    report_something()
    with obs.service("credit_ledger"), tracer.get_tracer("host").start_as_current_span("inner"):
        pass
    data = metrics.get_metrics_data()
    telemetry.shutdown()
    assert [span.name for span in spans.get_finished_spans()] == [
        "order.execute",
        "trade_execution_service.place",
        "inner",
        "credit_ledger",
    ]
    inner = spans.get_finished_spans()[2]
    assert inner.attributes is not None
    assert inner.attributes["observatory.service"] == "credit_ledger"
    assert len(logs.get_finished_logs()) == 1
    assert data is not None
    names = [metric.name for scope in data.resource_metrics[0].scope_metrics for metric in scope.metrics]
    assert "observatory.service.heartbeat" in names
    with tracer.get_tracer("host").start_as_current_span("still running"):
        pass
    assert spans.get_finished_spans()[-1].name == "still running"
    tracer.shutdown()
    logger.shutdown()
    meter.shutdown()


HOST = """
import sys
import observatory_sdk as obs
from opentelemetry import trace
obs.configure(service_name="child", endpoint=sys.argv[1], services=["credit_ledger"])
with obs.service("credit_ledger", "debit"), trace.get_tracer("global").start_as_current_span("inner"):
    obs.facts.journal_entry(kind="start")
"""
BARE = """
import observatory_sdk as obs
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
@obs.service("credit_ledger")
def debit():
    with obs.facts.payment(rail="card", amount_usd=1):
        pass
debit()
spans = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(spans))
trace.set_tracer_provider(provider)
debit()
print([(span.name, span.attributes["observatory.service"]) for span in spans.get_finished_spans()])
"""


def run(code: str, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(Path(obs.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_process_that_simply_ends_sends_what_it_has_and_sets_the_global_providers(otlp_server: Any) -> None:
    run(HOST, otlp_server.url)
    assert {span.name for span in otlp_server.spans()} == {"credit_ledger.debit", "inner"}
    assert len(otlp_server.log_records()) == 1
    assert "observatory.service.heartbeat" in otlp_server.metric_names()


def test_the_example_of_the_readme_runs(otlp_server: Any) -> None:
    page = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
    example = page.split("```python")[1].split("```")[0].replace("http://127.0.0.1:4318", otlp_server.url)
    run(example + "\nimport asyncio\nasyncio.run(place_order('u1'))\n")
    placed = {
        span.name: {found.key: found.value.string_value for found in span.attributes} for span in otlp_server.spans()
    }
    assert set(placed) == {"trade_execution_service.place_order", "order.execute"}
    assert placed["order.execute"]["user.id"] == "u1"
    assert [record.event_name for record in otlp_server.log_records()] == ["cost.charge"]


def test_a_process_ends_soon_when_the_server_is_down() -> None:
    started = time.monotonic()
    run(HOST, closed_port())
    assert time.monotonic() - started < 60


def test_facts_use_the_hosts_global_provider_without_configure() -> None:
    printed = run(BARE)
    assert printed.strip() == "[('payment.process', 'credit_ledger'), ('credit_ledger.debit', 'credit_ledger')]"
