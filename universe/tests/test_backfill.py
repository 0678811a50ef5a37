"""History: a small universe lives through days, and a receiver on the loopback address gets them as they were."""

import asyncio
import gzip
import io
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import typer
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from rich.console import Console
from typer.testing import CliRunner

import observatory_sdk as obs
from observatory_universe import backfill
from observatory_universe.backfill import Backfill, Plan, Stop
from observatory_universe.clock import Clock
from observatory_universe.faults import Faults, schedule, truth
from observatory_universe.progress import Bar

HOUR_S = 3_600
DAY_NS = 86_400_000_000_000
UNTIL_NS = 1_760_000_000_000_000_000
KINDS: dict[str, Callable[[], Any]] = {
    "/v1/traces": ExportTraceServiceRequest,
    "/v1/logs": ExportLogsServiceRequest,
    "/v1/metrics": ExportMetricsServiceRequest,
}


class Toy:
    """A universe of one service that works once an hour, and is slow while it should be."""

    service_ids: Sequence[str] = ("credit_ledger",)

    def __init__(self, clock: Clock, faults: Faults, seed: int) -> None:
        self._clock = clock
        self._faults = faults
        self._stopped = asyncio.Event()
        self.on_turn: Callable[[int], None] = lambda turn: None
        self.turns = 0

    async def run(self, seconds: float | None = None) -> None:
        while not self._stopped.is_set():
            self.turns += 1
            self.on_turn(self.turns)
            with obs.feature("credits", user_id="u-1"), obs.service("credit_ledger", "debit"):
                await self._clock.sleep(self._faults.grade("exchange_slow", "kraken") or 1.0)
                obs.facts.journal_entry(kind="order")
            await self._clock.sleep(HOUR_S)

    def stop(self) -> None:
        self._stopped.set()
        self._clock.hurry()


@dataclass
class Receiver:
    """Takes OTLP and keeps it; `answer` is its status."""

    url: str = ""
    answer: int = 200
    received: list[tuple[str, Any]] = field(default_factory=list)

    def spans(self) -> list[Any]:
        requests = [message for path, message in self.received if path == "/v1/traces"]
        return [
            span
            for request in requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def records(self) -> list[Any]:
        requests = [message for path, message in self.received if path == "/v1/logs"]
        return [
            record
            for request in requests
            for resource in request.resource_logs
            for scope in resource.scope_logs
            for record in scope.log_records
        ]

    def moments(self, metric: str) -> list[int]:
        requests = [message for path, message in self.received if path == "/v1/metrics"]
        return [
            point.time_unix_nano
            for request in requests
            for resource in request.resource_metrics
            for scope in resource.scope_metrics
            for found in scope.metrics
            if found.name == metric
            for point in (found.gauge or found.sum).data_points
        ]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()

    class Door(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = gzip.decompress(self.rfile.read(int(self.headers["Content-Length"])))
            message = KINDS[self.path]()
            message.ParseFromString(body)
            if found.answer == 200:
                found.received.append((self.path, message))
            self.send_response(found.answer)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            return None

    http = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    http.daemon_threads = True
    found.url = f"http://127.0.0.1:{http.server_address[1]}"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield found
    http.shutdown()
    http.server_close()
    thread.join(60)


def plan_of(
    receiver: Receiver, folder: Path, faults: str = "", days: float = 2, until_ns: int | None = UNTIL_NS
) -> Plan:
    end_ns = until_ns or Clock().now_ns()
    return Plan(
        start_ns=end_ns - round(days * DAY_NS),
        until_ns=until_ns,
        endpoint=receiver.url,
        token="key",
        environment="test",
        seed=7,
        faults=schedule.parse(faults) if faults else None,
        truth=folder / "truth.jsonl",
    )


def bar(plan: Plan, *, terminal: bool = False) -> tuple[Bar, io.StringIO]:
    text = io.StringIO()
    console = Console(file=text, force_terminal=terminal, width=120)
    return Bar(plan.start_ns, plan.until_ns or Clock().now_ns(), console), text


def written(plan: Plan, make: backfill.Factory = Toy, stop: Stop | None = None) -> tuple[backfill.Written, str]:
    shown, text = bar(plan)
    with shown:
        return Backfill(plan, make, stop or Stop()).write(shown), text.getvalue()


def test_two_days_are_written_with_their_own_times(receiver: Receiver, tmp_path: Path) -> None:
    plan = plan_of(receiver, tmp_path)
    result, text = written(plan)
    assert (result.whole, result.until_ns) == (True, UNTIL_NS)
    spans = sorted(receiver.spans(), key=lambda span: span.start_time_unix_nano)
    assert len(spans) == 48 == len({span.span_id for span in spans}) == result.sent["spans"]
    assert spans[0].start_time_unix_nano == plan.start_ns
    gaps = {after.start_time_unix_nano - before.start_time_unix_nano for before, after in pairwise(spans)}
    assert gaps == {(HOUR_S + 1) * 1_000_000_000}
    assert {span.end_time_unix_nano - span.start_time_unix_nano for span in spans} == {1_000_000_000}
    records = sorted(record.time_unix_nano for record in receiver.records())
    assert records == [span.end_time_unix_nano for span in spans]
    assert "2025-10-08 00:00 UTC: " in text


def test_metrics_are_read_rarely_long_ago_and_often_at_the_end(receiver: Receiver, tmp_path: Path) -> None:
    written(plan_of(receiver, tmp_path))
    moments = sorted(set(receiver.moments("observatory.service.heartbeat")))
    assert moments[-1] == UNTIL_NS
    gaps = [round((after - before) / 1e9) for before, after in pairwise(moments)]
    assert gaps[0] == 900
    assert gaps[-2] == 15
    assert gaps == sorted(gaps[:-1], reverse=True) + gaps[-1:]
    assert len(moments) == pytest.approx(96 + 23 * 30 + 240, abs=5)


def test_without_an_end_history_reaches_the_machines_now(receiver: Receiver, tmp_path: Path) -> None:
    before = Clock().now_ns()
    result, _ = written(plan_of(receiver, tmp_path, until_ns=None))
    assert result.whole
    assert before - 15_000_000_000 <= result.until_ns <= Clock().now_ns()


def test_faults_strike_in_the_past_and_their_truth_is_written_down(receiver: Receiver, tmp_path: Path) -> None:
    given = """
faults:
  - {at: 10h, kind: exchange_slow, target: kraken, grade: 12, seconds: 7200}
  - {at: 47h, kind: exchange_slow, target: kraken, grade: 12, seconds: 7200}
"""
    plan = plan_of(receiver, tmp_path, faults=given)
    written(plan)
    slow = [span for span in receiver.spans() if span.end_time_unix_nano - span.start_time_unix_nano == 12_000_000_000]
    first, last = truth.read(plan.truth)
    hour_ns = HOUR_S * 1_000_000_000
    assert first.start_ns == plan.start_ns + 10 * hour_ns
    assert (first.end_ns or 0) - first.start_ns == pytest.approx(2 * hour_ns, abs=2_000)
    # The history ends before this one would have.
    assert (last.start_ns - plan.start_ns, last.end_ns, last.aborted) == (47 * hour_ns, UNTIL_NS, False)
    assert len(slow) == 3
    assert all(
        any(record.start_ns <= span.start_time_unix_nano < (record.end_ns or 0) for record in (first, last))
        for span in slow
    )


def test_the_same_seed_draws_the_same_faults(receiver: Receiver, tmp_path: Path) -> None:
    drawn = "draw: {every: 4h, lasting: [10m, 1h], kinds: all}"
    plans = [plan_of(receiver, tmp_path / name, faults=drawn) for name in ("one", "two")]
    for plan in plans:
        written(plan)
    one, two = ([(r.kind, r.target, r.grade, r.start_ns, r.end_ns) for r in truth.read(plan.truth)] for plan in plans)
    assert one == two
    assert len(one) > 6


def test_a_wish_to_stop_ends_it_cleanly(receiver: Receiver, tmp_path: Path) -> None:
    plan, stop = plan_of(receiver, tmp_path, days=20), Stop()

    def make(clock: Clock, faults: Faults, seed: int) -> Toy:
        toy = Toy(clock, faults, seed)
        toy.on_turn = lambda turn: os.kill(os.getpid(), signal.SIGINT) if turn == 30 else None
        return toy

    with stop.on_signals():
        result, _ = written(plan, make, stop)
    assert not result.whole
    lived_s = (result.until_ns - plan.start_ns) / 1e9
    assert lived_s == pytest.approx(30 * HOUR_S, abs=HOUR_S)
    # The call that was under way came to its end, and all of it has arrived.
    assert len(receiver.spans()) == result.sent["spans"] == 30


def test_a_second_wish_does_not_wait() -> None:
    before = signal.getsignal(signal.SIGINT)
    stop = Stop()
    with stop.on_signals():
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.wanted
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_universe_that_breaks_ends_it(receiver: Receiver, tmp_path: Path) -> None:
    def make(clock: Clock, faults: Faults, seed: int) -> Toy:
        toy = Toy(clock, faults, seed)

        def broken(turn: int) -> None:
            if turn == 5:
                raise RuntimeError("broken")

        toy.on_turn = broken
        return toy

    with pytest.raises(ExceptionGroup) as raised:
        written(plan_of(receiver, tmp_path), make)
    assert "broken" in str(raised.value.exceptions[0])


def test_a_terminal_gets_a_bar(receiver: Receiver, tmp_path: Path) -> None:
    plan = plan_of(receiver, tmp_path)
    shown, text = bar(plan, terminal=True)
    with shown:
        Backfill(plan, Toy, Stop()).write(shown)
    assert "100%" in text.getvalue()
    assert "48 spans" in text.getvalue()
    assert "2025-10-09 08:53 UTC" in text.getvalue()


# --- the command


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    monkeypatch.setenv("OBSERVATORY_TOKEN", "key")
    app = typer.Typer()
    app.command()(backfill.command(Toy))
    return lambda *options: CliRunner().invoke(app, ["--truth", str(tmp_path / "truth.jsonl"), *options])


def test_the_command_says_what_was_written(receiver: Receiver, call: Callable[..., Any]) -> None:
    result = call("--days", "1", "--endpoint", receiver.url, "--faults", "none")
    assert (result.exit_code, result.stderr) == (0, "")
    last = result.stdout.strip().splitlines()[-1]
    assert last.startswith("history is written from 20")
    assert "24 spans, 24 log records, " in last
    assert len(receiver.spans()) == 24


def test_the_command_draws_faults_by_itself(receiver: Receiver, call: Callable[..., Any], tmp_path: Path) -> None:
    assert call("--days", "3", "--endpoint", receiver.url).exit_code == 0
    assert 5 <= len(truth.read(tmp_path / "truth.jsonl")) <= 13


def test_the_command_says_up_to_when_it_came(receiver: Receiver, call: Callable[..., Any]) -> None:
    receiver.answer = 401
    result = call("--days", "1", "--endpoint", receiver.url)
    assert result.exit_code == 1
    assert "refuses the telemetry: 401" in result.stderr
    assert "history is written up to about 20" in result.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--days", "35"], "should be less than or equal to 34"),
        (["--days", "0"], "should be greater than or equal to 1"),
        (["--until", "yesterday"], "'yesterday' is no moment, must be such as 2026-03-01T12:00Z"),
        (["--until", "2999-01-01"], "2999-01-01 is in the future"),
        (["--until", "2026-01-01"], "are more than 34 days ago"),
        (["--faults", "nowhere.yaml"], "cannot read the schedule nowhere.yaml"),
        (["--endpoint", "ftp://x"], "endpoint is 'ftp://x'"),
        (["--token-env", "NO_SUCH_VARIABLE"], "the variable NO_SUCH_VARIABLE is not set"),
    ],
)
def test_the_command_refuses_what_cannot_work(call: Callable[..., Any], options: list[str], said: str) -> None:
    result = call(*options)
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.replace("│", " ").split())
