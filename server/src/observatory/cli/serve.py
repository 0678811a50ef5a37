"""`observatory serve`: open everything, listen, and close in order."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import resource
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import uvicorn
import uvloop
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from observatory import settings as knobs
from observatory.app import Observatory, opened
from observatory.auth import ADMIN
from observatory.errors import SettingsError
from observatory.ingest import grpc
from observatory.settings import Settings

_STOP_S = 10
_HEAD_BYTES = 64 << 10


def command() -> None:
    """Serve. Every knob is an environment variable, see docs/reference/settings.md."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    _take_all_handles()
    uvloop.run(_serve(knobs.load()))


def _take_all_handles() -> None:
    # Connections and the store's files share one limit, which by default a thousand idle senders reach.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def _serve(settings: Settings) -> None:
    main, otlp = _bind(settings, "port"), _bind(settings, "otlp_http_port")
    async with opened(settings) as observatory:
        await _first_token(observatory)
        rpc, rpc_port = await _listen_grpc(observatory)
        web = _OtlpOnly(observatory.web, _port(otlp))
        announcement = settings.data_dir / "serve.json"
        try:
            addresses = _addresses(settings, main, otlp, rpc_port)
            await _until_stopped(web, [main, otlp], announcement, addresses, observatory.web.state.feed.end)
        finally:
            announcement.unlink(missing_ok=True)
            await rpc.stop(grace=_STOP_S)


async def _first_token(observatory: Observatory) -> None:
    """Give a new server its first token, in a file that only its owner can read."""
    path = observatory.settings.data_dir / "admin.token"
    if path.exists():
        return
    text, _ = await observatory.tokens.issue("first admin", [ADMIN], None)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)


async def _until_stopped(
    web: ASGIApp,
    sockets: Sequence[socket.socket],
    path: Path,
    addresses: dict[str, str],
    ending: Callable[[], None],
) -> None:
    # The code of a login link is part of its path, so requests are not logged.
    config = uvicorn.Config(
        web,
        access_log=False,
        server_header=False,
        log_level="warning",
        timeout_graceful_shutdown=_STOP_S,
        http=_Bounded,
        lifespan="off",
    )
    server = _Server(config, ending)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, server.stop)
    running = asyncio.create_task(server.serve(sockets=list(sockets)))
    while not server.started and not running.done():
        await asyncio.sleep(0.01)
    if server.started:
        _announce(path, addresses)
    await running


def _announce(path: Path, addresses: dict[str, str]) -> None:
    """Write down where the server listens, whole or not at all, for whoever waits for it."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(addresses | {"pid": os.getpid()}, indent=2), encoding="utf-8")
    part.rename(path)


def _addresses(settings: Settings, main: socket.socket, otlp: socket.socket, rpc_port: int) -> dict[str, str]:
    host = settings.host
    return {
        "url": f"http://{host}:{_port(main)}",
        "otlp_http": f"http://{host}:{_port(otlp)}",
        "otlp_grpc": f"{host}:{rpc_port}",
    }


async def _listen_grpc(observatory: Observatory) -> tuple[grpc.Server, int]:
    settings = observatory.settings
    address = f"{settings.host}:{settings.otlp_grpc_port}"
    try:
        return await grpc.serve(observatory.door, observatory.tokens, address, settings.max_body_bytes)
    except RuntimeError:
        raise _taken("otlp_grpc_port", settings.otlp_grpc_port) from None


def _bind(settings: Settings, knob: str) -> socket.socket:
    port: int = getattr(settings, knob)
    bound = socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((settings.host, port))
    except OSError as error:
        bound.close()
        raise _taken(knob, port, error.strerror or "") from None
    # Ports are taken before the store is opened, so that two servers do not get as far as the same data.
    bound.listen(2_048)
    return bound


def _taken(knob: str, port: int, why: str = "address already in use") -> SettingsError:
    return SettingsError(f"OBSERVATORY_{knob.upper()} = {port}: {why}; set another port, or 0 for a free one")


def _port(bound: socket.socket) -> int:
    port: int = bound.getsockname()[1]
    return port


class _Bounded(HttpToolsProtocol):
    """HTTP whose heads are bounded: the parser itself would collect a header without end, before any token is seen."""

    _head_bytes = 0
    _in_head = False

    def on_message_begin(self) -> None:
        self._head_bytes, self._in_head = 0, True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self._in_head:
            return
        self._head_bytes += len(data)
        if self._head_bytes > _HEAD_BYTES:
            self.transport.write(b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\n\r\n")
            self.transport.close()


class _Server(uvicorn.Server):
    """Ends when told to, and leaves signals to us: what is queued is committed after the last request."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def __init__(self, config: uvicorn.Config, ending: Callable[[], None]) -> None:
        super().__init__(config)
        self._ending = ending

    def stop(self) -> None:
        # Whoever listens to the stream would be waited for.
        self._ending()
        # A second time means: do not wait for open connections.
        self.force_exit = self.should_exit
        self.should_exit = True


class _OtlpOnly:
    """On the second port nothing but OTLP is answered: it may be opened to where the pages are not."""

    def __init__(self, inner: ASGIApp, port: int) -> None:
        self._inner = inner
        self._port = port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        server = scope.get("server")
        if scope["type"] == "websocket" and server and server[1] == self._port:
            await send({"type": "websocket.close"})
            return
        if scope["type"] == "http" and server and server[1] == self._port and not scope["path"].startswith("/v1/"):
            await send({"type": "http.response.start", "status": 404, "headers": [(b"content-length", b"0")]})
            await send({"type": "http.response.body", "body": b""})
            return
        await self._inner(scope, receive, send)
