"""The busy pace over sockets: load, and nothing that fails of it."""

import gzip
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

# What a service says when a pool, a server or another process did not answer in time.
_OVERLOAD = {"StateError", "CallError"}
# What a platform at work does; a slow machine takes long until it has done all of it once.
_BUSY = {"order.execute", "signal.deliver", "strategy.execute"}
_LEAST_S = 12
_MOST_S = "240"


class _Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/v1/traces":
            # Read at the end: the universe needs the processor now.
            self.server.bodies.append(body)  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture
def receiver() -> Iterator[ThreadingHTTPServer]:
    """An OTLP/HTTP receiver that keeps the spans it gets, as they came."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Receiver)
    server.bodies = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def _spans(bodies: Iterable[bytes]) -> Iterator[Span]:
    for body in bodies:
        for resource in ExportTraceServiceRequest.FromString(gzip.decompress(body)).resource_spans:
            for scope in resource.scope_spans:
                yield from scope.spans


def _errors(span: Span) -> Iterator[str]:
    attributes = [*span.attributes, *(entry for event in span.events for entry in event.attributes)]
    for entry in attributes:
        if entry.key in ("error.type", "exception.type"):
            yield entry.value.string_value.rpartition(".")[2]


@pytest.mark.timeout(1800)
def test_a_busy_universe_waits_for_no_connection_in_vain(receiver: ThreadingHTTPServer, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "observatory_universe", "run", "--speed", "busy", "--seconds", _MOST_S]
    address = f"http://127.0.0.1:{receiver.server_address[1]}"
    arguments = ["--endpoint", address, "--token-env", "", "--truth", str(tmp_path / "truth.jsonl")]
    running = subprocess.Popen([*command, *arguments], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    spans = list(_until_seen(running, receiver.bodies))  # type: ignore[attr-defined]
    running.terminate()
    _, said = running.communicate(timeout=120)
    assert running.returncode == 0, said
    failed = Counter((span.name, error) for span in spans for error in _errors(span) if error in _OVERLOAD)
    assert not failed
    names = {span.name for span in spans}
    assert len(names) > 60
    assert names >= _BUSY


def _until_seen(running: subprocess.Popen[str], bodies: list[bytes]) -> Iterator[Span]:
    """The spans that came until it was at work for a while and all of the busy names were among them, or it ended."""
    names: set[str] = set()
    read, least = 0, time.monotonic() + _LEAST_S
    while running.poll() is None and (time.monotonic() < least or not names >= _BUSY):
        time.sleep(4)
        came = bodies[read:]
        read += len(came)
        for span in _spans(came):
            names.add(span.name)
            yield span
