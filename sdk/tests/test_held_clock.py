"""Telemetry of the past: a clock that the caller holds, and a delivery that waits instead of dropping."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import observatory_sdk as obs
from observatory_sdk import conventions, delivery, facts, held

START_NS = 1_700_000_000_123_456_789
SECOND_NS = 1_000_000_000


class Watch:
    """A clock that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now_ns = START_NS

    def __call__(self) -> int:
        return self.now_ns

    def pass_s(self, seconds: float) -> int:
        self.now_ns += round(seconds * SECOND_NS)
        return self.now_ns


@dataclass
class Past:
    watch: Watch
    telemetry: obs.Telemetry
    spans: InMemorySpanExporter
    logs: InMemoryLogRecordExporter
    slow: Any
    fast: Any

    def span(self, name: str) -> Any:
        self.telemetry.flush()
        (found,) = [span for span in self.spans.get_finished_spans() if span.name == name]
        return found

    def points(self, metric: Any) -> list[Any]:
        """Every point of a metric so far, in order."""
        self.telemetry.flush()
        exports = [*self.slow.exports, *self.fast.exports]
        return [
            point
            for export in exports
            for resource in export.resource_metrics
            for scope in resource.scope_metrics
            for found in scope.metrics
            if found.name == metric.name
            for point in found.data.data_points
        ]


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def past(watch: Watch, kept_metrics: Callable[[], Any]) -> Iterator[Past]:
    spans, logs, slow, fast = InMemorySpanExporter(), InMemoryLogRecordExporter(), kept_metrics(), kept_metrics()
    telemetry = obs.configure(
        service_name="test", exporters=obs.Exporters(spans, logs, slow, fast), set_globals=False, now_ns=watch
    )
    yield Past(watch, telemetry, spans, logs, slow, fast)
    telemetry.shutdown()


def sending(url: str, watch: Watch, **more: Any) -> obs.Telemetry:
    return obs.configure(service_name="backend", endpoint=url, set_globals=False, now_ns=watch, **more)


def impatient(monkeypatch: pytest.MonkeyPatch, patience_s: float) -> None:
    monkeypatch.setattr(delivery.Delivery.__init__, "__defaults__", (patience_s,))


def test_spans_carry_the_held_time_to_the_nanosecond(past: Past) -> None:
    watch = past.watch
    with obs.service("trade_execution_service", "place"):
        order_from = watch.pass_s(1.5)
        with facts.order(exchange_id="kraken", symbol="ETH/USD", side="buy", type="market", mode="live") as order:
            fill_at = watch.pass_s(0.25)
            order.fill(price=2_000, quantity=1)
            order.status = "filled"
            order_to = watch.pass_s(0.000_000_001)
        entry_to = watch.pass_s(2)
    entry, inner = past.span("trade_execution_service.place"), past.span("order.execute")
    assert (entry.start_time, entry.end_time) == (START_NS, entry_to)
    assert (inner.start_time, inner.end_time) == (order_from, order_to)
    assert inner.parent.span_id == entry.context.span_id
    assert [event.timestamp for event in inner.events] == [fill_at]


def test_an_exception_happened_when_the_held_clock_says(past: Past) -> None:
    thrown_at = past.watch.pass_s(3)
    with pytest.raises(ValueError, match="no"), obs.service("credit_ledger", "debit"):
        raise ValueError("no")
    (event,) = past.span("credit_ledger.debit").events
    assert (event.name, event.timestamp) == ("exception", thrown_at)


async def test_calls_of_coroutines_and_generators_carry_the_held_time(past: Past) -> None:
    @obs.service("credit_ledger")
    async def debit() -> None:
        past.watch.pass_s(1)

    @obs.service("credit_ledger")
    def entries() -> Iterator[int]:
        past.watch.pass_s(1)
        yield 1

    await debit()
    assert list(entries()) == [1]
    found = [past.span("credit_ledger.debit"), past.span("credit_ledger.entries")]
    assert [span.start_time for span in found] == [START_NS, START_NS + SECOND_NS]
    assert [span.end_time for span in found] == [START_NS + SECOND_NS, START_NS + 2 * SECOND_NS]


def test_events_carry_the_held_time_and_may_say_another(past: Past) -> None:
    facts.journal_entry(kind="order")
    past.watch.pass_s(1)
    facts.journal_entry(kind="order", time_unix_nano=START_NS - 5)
    past.telemetry.flush()
    found = [log.log_record for log in past.logs.get_finished_logs()]
    assert [(record.timestamp, record.observed_timestamp) for record in found] == [
        (START_NS, START_NS),
        (START_NS - 5, START_NS + SECOND_NS),
    ]


def test_a_record_of_the_hosts_own_logger_happened_when_it_came(past: Past) -> None:
    assert past.telemetry.providers is not None
    logger = past.telemetry.providers.logger.get_logger("host")
    with obs.service("credit_ledger", "debit"):
        logger.emit(timestamp=time.time_ns(), body="hello")
    past.telemetry.flush()
    (found,) = past.logs.get_finished_logs()
    assert (found.log_record.timestamp, found.log_record.observed_timestamp) == (START_NS, START_NS)
    assert dict(found.log_record.attributes or {})["observatory.service"] == "credit_ledger"


def test_metric_points_carry_the_times_of_their_readings(past: Past) -> None:
    feed = facts.feed(exchange_id="kraken", channel="trades", symbol="ETH/USD")
    feed.message(event_unix_nano=START_NS, received_unix_nano=START_NS + 5)
    first = past.watch.pass_s(60)
    past.telemetry.collect()
    second = past.watch.pass_s(60)
    feed.message(event_unix_nano=START_NS, received_unix_nano=START_NS + 5)
    past.telemetry.collect()
    messages, lags = past.points(conventions.market_data.MESSAGES), past.points(conventions.market_data.LAG)
    assert [(point.value, point.time_unix_nano) for point in messages] == [(1, first), (2, second)]
    assert [(point.count, point.time_unix_nano) for point in lags] == [(1, first), (2, second)]
    # What is counted by us begins with its first reading; a histogram at the reading before its first measurement.
    assert {point.start_time_unix_nano for point in messages} == {first}
    assert {point.start_time_unix_nano for point in lags} == {START_NS}
    assert not any(point.exemplars for point in lags)
    feed.close()


def test_freshness_follows_the_held_clock(past: Past) -> None:
    facts.queue("orders").observe(depth=3, oldest_item_age_s=1.0)
    for seconds in (30, 30, 30):
        past.watch.pass_s(seconds)
        past.telemetry.collect()
    assert [point.time_unix_nano - START_NS for point in past.points(conventions.platform.QUEUE_DEPTH)] == [
        30 * SECOND_NS,
        60 * SECOND_NS,
    ]


def test_heartbeats_are_sent_when_collected_with_ages_of_the_held_clock(past: Past) -> None:
    obs.register("held-service")
    for _ in range(3):
        past.watch.pass_s(600)
        past.telemetry.collect()
    found = [
        point.value
        for point in past.points(conventions.common.HEARTBEAT)
        if dict(point.attributes)["observatory.service"] == "held-service"
    ]
    assert found == [600, 1_200, 1_800]


def test_a_held_clock_tells_nothing_of_the_process(past: Past) -> None:
    before = {thread.name for thread in threading.enumerate()}
    past.telemetry.collect()
    assert past.points(conventions.platform.PROCESS_CPU) == []
    assert past.points(conventions.platform.PROCESS_MEMORY) == []
    assert "observatory-cpu" not in before
    assert not any(name.startswith("Otel") for name in before)


def test_with_the_hosts_providers_only_times_change(watch: Watch) -> None:
    spans = InMemorySpanExporter()
    providers = obs.Providers(TracerProvider(), LoggerProvider(), MeterProvider())
    providers.tracer.add_span_processor(SimpleSpanProcessor(spans))
    telemetry = obs.configure(service_name="test", providers=providers, set_globals=False, now_ns=watch)
    with obs.service("credit_ledger", "debit"):
        watch.pass_s(1)
    assert telemetry.shutdown()
    (found,) = spans.get_finished_spans()
    assert (found.start_time, found.end_time) == (START_NS, START_NS + SECOND_NS)


def test_after_a_held_clock_the_machines_is_back(past: Past, kept_metrics: Callable[[], Any]) -> None:
    obs.register("held-service")
    facts.queue("orders").observe(depth=3, oldest_item_age_s=1.0)
    past.telemetry.shutdown()
    spans, slow = InMemorySpanExporter(), kept_metrics()
    exporters = obs.Exporters(spans, InMemoryLogRecordExporter(), slow, kept_metrics())
    before = time.time_ns()
    telemetry = obs.configure(service_name="test", exporters=exporters, set_globals=False)
    with obs.service("credit_ledger", "debit"):
        pass
    telemetry.collect()
    assert telemetry.flush()
    telemetry.shutdown()
    (found,) = spans.get_finished_spans()
    assert before <= found.start_time <= found.end_time <= time.time_ns()
    metrics = slow.metrics()
    ages = [point.value for point in metrics[conventions.common.HEARTBEAT.name].data.data_points]
    assert all(0 <= age < 60 for age in ages)
    assert conventions.platform.QUEUE_DEPTH.name not in metrics


def test_nothing_is_sent_until_enough_waits(past: Past) -> None:
    for number in range(held.SPANS):
        assert len(past.spans.get_finished_spans()) == 0, number
        with obs.service("credit_ledger", "debit"):
            pass
    assert len(past.spans.get_finished_spans()) == held.SPANS


def test_secrets_are_taken_out_under_a_held_clock_too(past: Past) -> None:
    with pytest.raises(ValueError, match="password"), obs.service("auth", "check"):
        raise ValueError("password=hunter2hunter2")
    (event,) = past.span("auth.check").events
    assert "hunter2" not in str(dict(event.attributes))
    assert event.timestamp == START_NS


@pytest.mark.parametrize("clock", [12, lambda: 1.5, lambda: -1, lambda: None])
def test_a_clock_that_cannot_work_is_refused(clock: Any) -> None:
    with pytest.raises(obs.ConfigurationError, match="now_ns takes a function"):
        obs.configure(service_name="test", endpoint="http://127.0.0.1:1", now_ns=clock)


def test_everything_arrives_over_otlp(watch: Watch, otlp_server: Any) -> None:
    telemetry = sending(otlp_server.url, watch, services=["credit_ledger"], token="key")
    with obs.service("credit_ledger", "debit"):
        ended = watch.pass_s(1)
        facts.journal_entry(kind="order")
    telemetry.collect()
    assert otlp_server.received == []
    assert telemetry.flush()
    telemetry.shutdown()
    (span,), (record,) = otlp_server.spans(), otlp_server.log_records()
    sent = telemetry.sent()
    assert (sent["spans"], sent["log_records"]) == (1, 1)
    assert sent["metric_points"] >= 1
    assert (span.start_time_unix_nano, span.end_time_unix_nano) == (START_NS, ended)
    assert (record.time_unix_nano, record.observed_time_unix_nano) == (ended, ended)
    assert "observatory.service.heartbeat" in otlp_server.metric_names()
    assert {headers["authorization"] for headers in otlp_server.headers()} == {"Bearer key"}


def test_a_server_that_asks_to_come_again_gets_everything_once(watch: Watch, otlp_server: Any) -> None:
    otlp_server.refusals = [(429, {"Retry-After": "1"}), (503, {"Retry-After": "0"}), (502, {})]
    telemetry = sending(otlp_server.url, watch)
    for _ in range(3):
        with obs.service("credit_ledger", "debit"):
            watch.pass_s(1)
    began = time.monotonic()
    assert telemetry.flush(20)
    assert time.monotonic() - began > 0.9
    telemetry.shutdown()
    assert len({span.span_id for span in otlp_server.spans()}) == len(otlp_server.spans()) == 3
    assert obs.losses() == {}


def test_a_server_that_closes_idle_connections_gets_everything_once(watch: Watch, otlp_server: Any) -> None:
    # It talks HTTP/1.0, which closes after every answer.
    telemetry = sending(otlp_server.url, watch)
    for number in range(3):
        with obs.service("credit_ledger", "debit"):
            pass
        assert telemetry.flush(20)
        assert len(otlp_server.spans()) == number + 1
    telemetry.shutdown()


def test_whoever_makes_more_than_the_server_takes_waits(
    watch: Watch, otlp_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held, "SPANS", 1)
    otlp_server.hold.clear()
    telemetry = sending(otlp_server.url, watch)
    done = 0

    def work() -> None:
        nonlocal done
        for _ in range(delivery.BODIES_AHEAD + 3):
            with obs.service("credit_ledger", "debit"):
                pass
            done += 1

    worker = threading.Thread(target=work)
    worker.start()
    worker.join(0.5)
    assert (worker.is_alive(), done) == (True, delivery.BODIES_AHEAD)
    otlp_server.hold.set()
    worker.join(60)
    assert telemetry.flush(10)
    telemetry.shutdown()
    assert len(otlp_server.spans()) == delivery.BODIES_AHEAD + 3


@pytest.mark.usefixtures("lenient")
def test_a_server_that_is_down_ends_it_with_a_clear_error(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    impatient(monkeypatch, 0.6)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        telemetry = sending(url, watch)
        with obs.service("credit_ledger", "debit"):
            pass
        with pytest.raises(obs.DeliveryError, match=r"/v1/traces took nothing for 0\.6 s: ConnectionRefusedError"):
            telemetry.flush(20)
        # From now on it is no secret, and what still comes is counted.
        with obs.service("credit_ledger", "debit"):
            pass
        with pytest.raises(obs.DeliveryError):
            telemetry.collect()
        with pytest.raises(obs.DeliveryError):
            telemetry.flush()
        assert not telemetry.shutdown()
    assert obs.losses()["spans not sent"] == 1


@pytest.mark.usefixtures("lenient")
@pytest.mark.parametrize(
    ("answer", "body", "said"),
    [
        (401, b"who are you", "refuses the telemetry: 401 Unauthorized who are you"),
        (400, b"", "refuses the telemetry: 400 Bad Request"),
        (200, b"\x0a\x0b\x08\x02\x12\x07too old", "kept less than it was sent: too old"),
        (200, b"<html>", "does not talk OTLP: 200 OK <html>"),
    ],
)
def test_a_refusal_ends_it_and_says_why(watch: Watch, otlp_server: Any, answer: int, body: bytes, said: str) -> None:
    otlp_server.answer, otlp_server.body = answer, body
    telemetry = sending(otlp_server.url, watch)
    with obs.service("credit_ledger", "debit"):
        pass
    with pytest.raises(obs.DeliveryError, match=said):
        telemetry.flush(20)
    telemetry.shutdown()
    assert len(otlp_server.received) == 1


@pytest.mark.usefixtures("lenient")
def test_a_wait_that_is_longer_than_the_patience_is_not_begun(watch: Watch, otlp_server: Any) -> None:
    otlp_server.refusals = [(429, {"Retry-After": "3600"})]
    telemetry = sending(otlp_server.url, watch)
    with obs.service("credit_ledger", "debit"):
        pass
    with pytest.raises(obs.DeliveryError, match=r"429 Too Many Requests \(Retry-After: 3600\)"):
        telemetry.flush(20)
    telemetry.shutdown()


@pytest.mark.usefixtures("lenient")
def test_an_exporter_that_refuses_or_breaks_ends_it(watch: Watch, kept_metrics: Callable[[], Any]) -> None:
    class Refusing(SpanExporter):
        def export(self, spans: Any) -> SpanExportResult:
            return SpanExportResult.FAILURE

        def shutdown(self) -> None:
            return None

    class Breaking(Refusing):
        def export(self, spans: Any) -> SpanExportResult:
            raise RuntimeError("broken")

    for exporter, said in ((Refusing(), "refused a batch of 1"), (Breaking(), "RuntimeError")):
        exporters = obs.Exporters(exporter, InMemoryLogRecordExporter(), kept_metrics(), kept_metrics())
        telemetry = obs.configure(service_name="test", exporters=exporters, set_globals=False, now_ns=watch)
        with obs.service("credit_ledger", "debit"):
            pass
        with pytest.raises(obs.DeliveryError, match=said):
            telemetry.flush()
        telemetry.shutdown()
    assert obs.losses() == {"spans not sent": 2}


@pytest.mark.usefixtures("lenient")
def test_the_end_does_not_wait_for_a_server_that_never_answers(
    watch: Watch, otlp_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held, "SPANS", 1)
    otlp_server.hold.clear()
    telemetry = sending(otlp_server.url, watch)
    for _ in range(delivery.BODIES_AHEAD):
        with obs.service("credit_ledger", "debit"):
            pass
    telemetry.collect()
    began = time.monotonic()
    assert not telemetry.shutdown(0.2)
    assert time.monotonic() - began < 30
    for thread in threading.enumerate():
        if thread.name.startswith("observatory-delivery"):
            thread.join(30)
            assert not thread.is_alive()


def test_a_flush_that_takes_too_long_says_so_and_goes_on(watch: Watch, otlp_server: Any) -> None:
    otlp_server.hold.clear()
    telemetry = sending(otlp_server.url, watch)
    with obs.service("credit_ledger", "debit"):
        pass
    assert not telemetry.flush(0.1)
    otlp_server.hold.set()
    assert telemetry.flush(10)
    telemetry.shutdown()
    assert len(otlp_server.spans()) == 1
