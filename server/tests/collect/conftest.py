"""Collectors on real servers, with what they hand on kept for a look. No store is open: programs are started here."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from observatory.clock import Clock
from observatory.collect import Collectors, decode
from observatory.collect.standing import Standing
from observatory_universe.outside.postgres import PostgresServer, postgres_server
from observatory_universe.outside.redis import RedisServer, redis_server


@dataclass
class Seen:
    """What one attempt handed on, and how the target stands after it."""

    standing: Standing
    body: bytes
    request: ExportMetricsServiceRequest = field(init=False)

    def __post_init__(self) -> None:
        self.request = ExportMetricsServiceRequest.FromString(self.body)

    @property
    def resource(self) -> dict[str, Any]:
        return plain(self.request.resource_metrics[0].resource.attributes)

    @property
    def metrics(self) -> list[Any]:
        return list(self.request.resource_metrics[0].scope_metrics[0].metrics)

    def points(self, name: str) -> list[Any]:
        return [
            point
            for metric in self.metrics
            if metric.name == name
            for point in getattr(metric, str(metric.WhichOneof("data"))).data_points
        ]

    def values(self, name: str) -> list[tuple[dict[str, Any], float]]:
        return [(plain(point.attributes), number(point)) for point in self.points(name)]

    def value(self, name: str, **attributes: Any) -> float | None:
        """The only value with the attributes; None when there is none."""
        wanted = {key.replace("__", "."): value for key, value in attributes.items()}
        found = [value for named, value in self.values(name) if wanted.items() <= named.items()]
        assert len(found) <= 1, found
        return found[0] if found else None


def plain(attributes: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}


def number(point: Any) -> float:
    return float(getattr(point, point.WhichOneof("value")))


class Looking:
    """Collectors of some entries, each attempt made when a test says so."""

    def __init__(self, entries: tuple[dict[str, Any], ...]) -> None:
        self.bodies: list[bytes] = []
        self.collectors = Collectors(decode(yaml.safe_dump({"targets": list(entries)})), self.take, Clock())

    async def take(self, body: bytes) -> None:
        self.bodies.append(body)

    async def again(self, place: int = 0) -> Seen:
        standing = self.collectors.standings.all[place]
        await self.collectors.attempt(standing)
        return Seen(standing, self.bodies[-1])


Look = Callable[..., Looking]


@pytest.fixture
def looking() -> Look:
    """Collectors of the entries."""
    return lambda *entries: Looking(entries)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def redis(tmp_path_factory: Any) -> AsyncIterator[RedisServer]:
    async with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def postgres(tmp_path_factory: Any) -> AsyncIterator[PostgresServer]:
    async with postgres_server(tmp_path_factory.mktemp("postgres")) as server:
        yield server


class Web:
    """A real HTTP server whose answer a test sets: status, headers, and the parts of a body with pauses between."""

    def __init__(self, server: ThreadingHTTPServer, scheme: str) -> None:
        self.scheme, self.port = scheme, server.server_address[1]
        self.answers: dict[str, tuple[int, dict[str, str], Callable[[], Iterator[bytes]]]] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.over = threading.Event()

    def url(self, path: str = "/metrics") -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}{path}"

    def says(
        self,
        body: bytes | str | Callable[[], Iterator[bytes]],
        status: int = 200,
        path: str = "/metrics",
        kind: str = "text/plain; version=0.0.4",
        **headers: str,
    ) -> None:
        data = body.encode() if isinstance(body, str) else body
        parts = (lambda: iter([data])) if isinstance(data, bytes) else data
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers[path] = (status, {"Content-Type": kind} | named, parts)


@contextmanager
def web_server(certificate: Path | None = None) -> Iterator[Web]:
    """A server on a free port of this machine."""
    found: list[Web] = []

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            web = found[0]
            web.asked.append((self.path, dict(self.headers.items())))
            status, headers, parts = web.answers.get(self.path.partition("?")[0], (404, {}, lambda: iter([b""])))
            try:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                for part in parts():
                    self.wfile.write(part)
            except OSError:
                pass  # it hung up on us, as it should

        do_HEAD = do_GET  # noqa: N815  # the base class names it

        def log_message(self, *_arguments: Any) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, *_arguments: Any) -> None:
            pass  # a client that does not trust us says so in the middle of the handshake

    server = Quiet(("127.0.0.1", 0), Answering)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    found.append(Web(server, "https" if certificate else "http"))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield found[0]
    finally:
        found[0].over.set()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def web() -> Iterator[Web]:
    """A web server."""
    with web_server() as server:
        yield server


@pytest.fixture
def certify(tmp_path: Path) -> Callable[[float], Path]:
    """Makes a certificate for this machine that is good for so many days from now, signed by itself."""

    def make(days: float) -> Path:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "observatory.test")])
        names = [x509.DNSName("localhost"), x509.DNSName("observatory.test")]
        until = datetime.now(UTC) + timedelta(days=days)
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(until - timedelta(days=400))
            .not_valid_after(until)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        path = tmp_path / f"{days}.pem"
        plain_key = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path.write_bytes(plain_key + made.public_bytes(serialization.Encoding.PEM))
        return path

    return make


@pytest.fixture
def serving_tls() -> Callable[[Path], Any]:
    """A web server with a certificate."""
    return web_server


@pytest.fixture
async def mute() -> AsyncIterator[int]:
    """The port of a server that accepts and never says a word."""
    told = asyncio.Event()

    async def hold(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await told.wait()
        writer.transport.abort()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    told.set()
    server.close()


@pytest.fixture
def nobody() -> int:
    """A port at which nobody listens."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.server_close()
    return int(server.server_address[1])
