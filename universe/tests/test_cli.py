"""The command `universe`, as a user types it."""

import gzip
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from typer.testing import CliRunner, Result

from observatory_universe.cli import app

COMMAND = (sys.executable, "-m", "observatory_universe", "run")


def _run(*arguments: str, **variables: str) -> Result:
    without = {"OBSERVATORY_TOKEN": None, "OTHER": None}
    return CliRunner().invoke(app, ["run", *arguments], env={**without, **variables})


@pytest.mark.parametrize(
    ("arguments", "variables", "message"),
    [
        (("--seconds", "-3"), {"OBSERVATORY_TOKEN": "t"}, "Invalid value for '--seconds'"),
        (("--seed", "x"), {"OBSERVATORY_TOKEN": "t"}, "Invalid value for '--seed'"),
        (("--endpoint", "nowhere"), {"OBSERVATORY_TOKEN": "t"}, "endpoint is 'nowhere'"),
        ((), {}, "the variable OBSERVATORY_TOKEN is not set"),
        (("--token-env", "OTHER"), {"OBSERVATORY_TOKEN": "t"}, "the variable OTHER is not set"),
        (("--token-file", "/no/such/file"), {}, "cannot read the token"),
        (("--environment", ""), {"OBSERVATORY_TOKEN": "t"}, "environment is ''"),
    ],
)
def test_a_bad_argument_is_named(arguments: tuple[str, ...], variables: dict[str, str], message: str) -> None:
    ended = _run(*arguments, **variables)
    assert ended.exit_code == 2
    assert message in " ".join(ended.stderr.split())
    assert "Traceback" not in ended.output


def test_the_module_is_a_command_that_says_what_is_wrong() -> None:
    ended = subprocess.run((*COMMAND, "--speed", "frantic"), capture_output=True, text=True, timeout=30)
    assert ended.returncode == 2
    assert "'frantic' is not one of 'calm', 'busy'" in ended.stderr


def test_an_empty_token_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("\n")
    ended = _run("--token-file", str(tmp_path / "token"))
    assert ended.exit_code == 2
    assert "is empty" in ended.stderr


class _Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        found: list[tuple[str, str, bytes]] = self.server.received  # type: ignore[attr-defined]
        found.append((self.path, self.headers["Authorization"], gzip.decompress(body)))
        self.server.any_traces.set() if self.path == "/v1/traces" else None  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture
def receiver() -> Iterator[ThreadingHTTPServer]:
    """A real OTLP/HTTP receiver that keeps what it gets."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Receiver)
    server.received = []  # type: ignore[attr-defined]
    server.any_traces = threading.Event()  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_reports_to_the_endpoint_and_flushes_when_told_to_stop(
    receiver: ThreadingHTTPServer, tmp_path: Path, number: signal.Signals
) -> None:
    (tmp_path / "token").write_text("obs_test\n")
    endpoint = f"http://127.0.0.1:{receiver.server_address[1]}"
    arguments = ("--endpoint", endpoint, "--token-file", str(tmp_path / "token"), "--environment", "staging")
    with subprocess.Popen((*COMMAND, *arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert receiver.any_traces.wait(60)  # type: ignore[attr-defined]
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "Traceback" not in err
    assert out.splitlines()[-1] == "stopped"
    received: list[tuple[str, str, bytes]] = receiver.received  # type: ignore[attr-defined]
    assert {path for path, _, _ in received} == {"/v1/traces", "/v1/metrics", "/v1/logs"}
    assert {authorization for _, authorization, _ in received} == {"Bearer obs_test"}
    environments, services = _resources(body for path, _, body in received if path == "/v1/traces")
    assert environments == {"staging"}
    assert "websocket_market_data" in services


def _resources(bodies: Iterator[bytes]) -> tuple[set[str], set[str]]:
    environments, services = set(), set()
    for body in bodies:
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            found = {entry.key: entry.value.string_value for entry in resource.resource.attributes}
            environments.add(found["deployment.environment.name"])
            for span in (span for scope in resource.scope_spans for span in scope.spans):
                services |= {e.value.string_value for e in span.attributes if e.key == "observatory.service"}
    return environments, services
