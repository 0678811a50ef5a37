"""A provider's server on the loopback address, and the recogniser switched on for it."""

from __future__ import annotations

import asyncio
import importlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from opentelemetry.sdk.trace import ReadableSpan

HOLD = object()
"""In the place of a piece: the server waits until the test lets it go on."""
BREAK = object()
"""In the place of a piece: the connection is cut."""


@dataclass
class ModelServer:
    """Answers each request with the pieces it is told to, one write each."""

    port: int = 0
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    pieces: list[Any] = field(default_factory=list)
    packed: str | None = None
    go_on: threading.Event = field(default_factory=threading.Event)
    requests: list[tuple[str, Any]] = field(default_factory=list)
    gone: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def says(self, *pieces: Any, status: int = 200, kind: str = "text/event-stream", packed: str | None = None) -> None:
        self.pieces, self.status, self.packed = list(pieces), status, packed
        self.headers = {"Content-Type": kind}

    def says_json(self, body: object, status: int = 200, packed: str | None = None) -> None:
        self.says(json.dumps(body).encode(), status=status, kind="application/json", packed=packed)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((request.path, dict(request.headers)))
        await request.read()
        response = web.StreamResponse(status=self.status, headers=self.headers)
        if self.packed is not None:
            response.enable_compression(web.ContentCoding(self.packed))
        await response.prepare(request)
        try:
            for piece in self.pieces:
                if piece is HOLD:
                    while not self.go_on.is_set():
                        await asyncio.sleep(0.005)
                elif piece is BREAK:
                    assert request.transport is not None
                    request.transport.abort()
                    return response
                else:
                    await response.write(piece)
                    await asyncio.sleep(0.01)
            await response.write_eof()
        except (ConnectionError, asyncio.CancelledError):
            self.gone.set()
            raise
        return response


@pytest.fixture
def server() -> Iterator[ModelServer]:
    made, ready, end = ModelServer(), threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", made.answer)
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.2)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        made.port = runner.addresses[0][1]
        ready.set()
        await end.wait()
        await runner.cleanup()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    assert ready.wait(60)
    yield made
    made.go_on.set()
    loop.call_soon_threadsafe(end.set)
    thread.join(60)
    assert not thread.is_alive()
    loop.close()


@pytest.fixture
def switched_on(server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelServer]:
    """The recogniser, on for all clients; the server counts as OpenAI's."""
    monkeypatch.setenv("OBSERVATORY_GENAI_HOSTS", f"127.0.0.1:{server.port}=openai")
    names = (("aiohttp", "switch_on"), ("httpx", "switch_on"), ("httpx", "switch_on_2"), ("requests", "switch_on"))
    undo = [getattr(importlib.import_module(f"observatory_sdk.recognise.{module}"), name)() for module, name in names]
    assert all(undo)
    yield server
    for step in undo:
        step()


@pytest.fixture
def model_spans(recorded: Any) -> Callable[..., list[ReadableSpan]]:
    """The spans sent so far, once there are `count`: what the garbage collector finds comes a moment later."""

    def found(count: int = 1) -> list[ReadableSpan]:
        for _ in range(500):
            spans: list[ReadableSpan] = recorded.spans()
            if len(spans) >= count:
                break
            threading.Event().wait(0.01)
        assert len(spans) == count, [span.name for span in spans]
        return spans

    return found


@pytest.fixture
def hold() -> object:
    """In the place of a piece: the server waits until the test is over."""
    return HOLD


@pytest.fixture
def cut() -> object:
    """In the place of a piece: the server cuts the connection."""
    return BREAK
