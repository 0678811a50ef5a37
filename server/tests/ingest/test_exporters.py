"""What real programs send, each from a process of its own, arrives complete."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from serving import Serving, serving

TRANSPORTS = ("http", "http-gzip", "grpc", "grpc-gzip")
INSTRUMENTATIONS = ("openai-v2", "openai-traceloop")
SPANS, RECORDS, CHATS = 1_200, 50, 3
MODEL, ANSWERED_BY = "gpt-4o-mini", "gpt-4o-mini-2024-07-18"
INPUT_TOKENS, OUTPUT_TOKENS = 1_234, 56

PROGRAMS = Path(__file__).parent / "programs"
MODULES = {
    "openai-v2": "opentelemetry.instrumentation.openai_v2",
    "openai-traceloop": "opentelemetry.instrumentation.openai",
}


class Chat(BaseHTTPRequestHandler):
    """The part of an OpenAI-compatible server that a chat completion needs."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if asked["model"] != MODEL:
            self._answer(404, {"error": {"message": "no such model", "type": "invalid_request_error", "code": "404"}})
            return
        choice = {"index": 0, "message": {"role": "assistant", "content": "hold"}, "finish_reason": "stop"}
        usage = {"prompt_tokens": INPUT_TOKENS, "completion_tokens": OUTPUT_TOKENS}
        usage["total_tokens"] = INPUT_TOKENS + OUTPUT_TOKENS
        answer = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1_700_000_000, "model": ANSWERED_BY}
        self._answer(200, answer | {"choices": [choice], "usage": usage})

    def log_message(self, *_: object) -> None:
        return

    def _answer(self, status: int, body: Mapping[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@contextmanager
def chat_server() -> Iterator[str]:
    """The address of a running chat server."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Chat)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def environment_of(server: Serving, transport: str) -> dict[str, str]:
    """What OpenTelemetry's own variables say to an exporter."""
    over_grpc = transport.startswith("grpc")
    return os.environ | {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{server.otlp_grpc}" if over_grpc else server.otlp_http,
        "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{server.token('ingest')}",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "30",
        **({"OTEL_EXPORTER_OTLP_COMPRESSION": "gzip"} if transport.endswith("gzip") else {}),
    }


def run(script: str, arguments: list[str], environment: Mapping[str, str]) -> subprocess.Popen[str]:
    """A program of its own."""
    return subprocess.Popen(
        [sys.executable, str(PROGRAMS / script), *arguments],
        env=dict(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def expect_end(program: subprocess.Popen[str]) -> None:
    """The program ends well, and its exporter has nothing to complain of."""
    said, _ = program.communicate(timeout=90)
    assert program.returncode == 0, said
    assert "export" not in said.lower(), said


def end(programs: list[subprocess.Popen[str]]) -> None:
    """Leave none of them behind."""
    for program in programs:
        program.kill()
        program.communicate()


@pytest.fixture(scope="module")
def arrived(tmp_path_factory: pytest.TempPathFactory) -> Serving:
    """A server that has ended, after all these programs sent to it."""
    folder = tmp_path_factory.mktemp("exporters") / "data"
    with serving(folder) as server, chat_server() as chat:
        environment = environment_of(server, "http") | {"OPENAI_BASE_URL": chat}
        programs = [
            *(run("export.py", [each, str(SPANS), str(RECORDS)], environment_of(server, each)) for each in TRANSPORTS),
            *(run("chat.py", [MODULES[each], each, MODEL, str(CHATS)], environment) for each in INSTRUMENTATIONS),
        ]
        try:
            for program in programs:
                expect_end(program)
        finally:
            end(programs)
        assert server.metric("refused_bodies_total") == 0
        assert server.metric("rejected_items_total") == 0
        assert server.stop() == 0
        return server


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_spans_of_the_official_exporter_arrive_complete(arrived: Serving, transport: str) -> None:
    here = f"WHERE Environment = '{transport}'"
    values = ", ".join(f"SpanAttributes['{name}']" for name in ("number", "rate", "ok", "many", "large"))
    totals, first, calls, rolled = arrived.rows(
        f"SELECT count(), uniqExact(SpanId), uniqExact(SpanAttributes['number']) FROM otel_traces {here}",
        f"SELECT {values}, mapContains(SpanAttributes, 'empty'), SpanKind, ServiceName, ScopeName, ScopeVersion, "
        "StatusCode, StatusMessage, `Events.Name`, `Events.Attributes`[1]['how'] "
        f"FROM otel_traces {here} AND SpanAttributes['number'] = '0'",
        f"SELECT count(), sum(Failed) FROM fact_calls {here}",
        f"SELECT sum(Calls), sum(Failures) FROM rollup_services_10s {here}",
    )
    sent = ["0", "0.5", "false", "[1,2]", str(2**53 + 1), True]
    assert totals == [[SPANS, SPANS, SPANS]]
    assert first[0][:6] == sent
    assert first[0][6:10] == ["Server", "shop", "shop", "1.2"]
    assert first[0][10:] == ["Error", "no money", ["paid", "exception"], "card"]
    assert calls == rolled == [[SPANS, 1]]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_metrics_of_the_official_exporter_arrive_complete(arrived: Serving, transport: str) -> None:
    here = f"WHERE ResourceAttributes['deployment.environment.name'] = '{transport}' AND MetricName ="
    sums, stock, waits, sizes, heat = arrived.rows(
        f"SELECT max(Value), any(Attributes['what']), any(IsMonotonic) FROM otel_metrics_sum {here} 'shop.sold'",
        f"SELECT min(Value), any(IsMonotonic) FROM otel_metrics_sum {here} 'shop.stock'",
        f"SELECT max(Count), max(Sum), any(MetricUnit) FROM otel_metrics_histogram {here} 'shop.wait'",
        f"SELECT max(Count), max(Sum) FROM otel_metrics_exponential_histogram {here} 'shop.size'",
        f"SELECT max(Value), any(MetricUnit) FROM otel_metrics_gauge {here} 'shop.heat'",
    )
    assert sums == [[7, "book", True]]
    assert stock == [[-3, False]]
    assert waits == [[1, 12.5, "ms"]]
    assert sizes == [[1, 4_096]]
    assert heat == [[21.5, "Cel"]]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_log_records_of_the_official_exporter_arrive_complete(arrived: Serving, transport: str) -> None:
    here = f"WHERE ResourceAttributes['deployment.environment.name'] = '{transport}'"
    (records,) = arrived.rows(
        "SELECT count(), uniqExact(Body), uniqExact(LogAttributes['number']), any(SeverityText), any(SeverityNumber), "
        f"any(EventName) FROM otel_logs {here}",
    )
    assert records == [[RECORDS, RECORDS, RECORDS, "INFO", 9, "shop.sold"]]


@pytest.mark.parametrize("instrumentation", INSTRUMENTATIONS)
def test_model_calls_arrive_with_their_tokens(arrived: Serving, instrumentation: str) -> None:
    here = f"WHERE Environment = '{instrumentation}'"
    raw, calls, failed = arrived.rows(
        "SELECT SpanAttributes['gen_ai.usage.input_tokens'], SpanAttributes['gen_ai.usage.output_tokens'], "
        "SpanAttributes['gen_ai.request.model'], count() "
        f"FROM otel_traces {here} AND StatusCode != 'Error' GROUP BY 1, 2, 3",
        "SELECT Provider, Operation, RequestModel, ResponseModel, InputTokens, OutputTokens, FinishReason, count() "
        f"FROM fact_ai_calls {here} AND NOT Failed GROUP BY 1, 2, 3, 4, 5, 6, 7",
        f"SELECT RequestModel, InputTokens, count() FROM fact_ai_calls {here} AND Failed GROUP BY 1, 2",
    )
    assert raw == [[str(INPUT_TOKENS), str(OUTPUT_TOKENS), MODEL, CHATS]]
    assert calls == [["openai", "chat", MODEL, ANSWERED_BY, INPUT_TOKENS, OUTPUT_TOKENS, "stop", CHATS]]
    assert failed == [["missing", None, 1]]
