from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from observatory import api
from observatory.api.shell import Shell
from observatory.auth import Tokens
from observatory.clock import HeldClock
from observatory.selfwatch import Selfwatch
from observatory.state import open_store

ADDRESS = "http://observatory.test"
# Whether the pages were built makes no difference here: what they are is looked at in a browser.
SHELL = '<!doctype html><style nonce="__NONCE__"></style><title>Observatory</title>'


@dataclass
class Snapshot:
    """The shape that the page reads from `app.state.snapshots.latest`."""

    system_health: dict[str, Any]
    services: list[dict[str, Any]]


@dataclass
class Snapshots:
    latest: Snapshot | None = None
    environments: tuple[str, ...] = ()


@dataclass
class Server:
    """One application and the objects behind it."""

    app: FastAPI
    tokens: Tokens
    clock: HeldClock
    selfwatch: Selfwatch
    snapshots: Snapshots
    ready: bool = True
    texts: dict[str, str] = field(default_factory=dict)

    def client(self, scope: str | None = None, token: str | None = None, address: str = ADDRESS) -> httpx.AsyncClient:
        """A client that presents `token`, or the token with `scope`, or none."""
        presented = token or (self.texts[scope] if scope else None)
        headers = {"Authorization": f"Bearer {presented}"} if presented else {}
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url=address, headers=headers)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    clock = HeldClock(datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC))
    state = await open_store(f"sqlite+aiosqlite:///{tmp_path / 'state.db'}")
    app = api.application()
    built = Server(app, Tokens(state, clock), clock, Selfwatch(), Snapshots())
    await built.tokens.load()
    for scope in ("ingest", "read", "operate", "admin", "user:7"):
        built.texts[scope], _ = await built.tokens.issue(scope, [scope])
    app.state.tokens, app.state.clock, app.state.selfwatch = built.tokens, clock, built.selfwatch
    app.state.snapshots, app.state.ready = built.snapshots, lambda: built.ready
    api.include(app)
    (tmp_path / "index.html").write_text(SHELL, encoding="utf-8")
    app.state.shell = Shell(tmp_path / "index.html")
    yield built
    await state.close()


@pytest.fixture
def log_in(server: Server) -> Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]:
    """Gives a client with the cookie of a session with the scope."""

    @asynccontextmanager
    async def opened(scope: str = "read") -> AsyncIterator[httpx.AsyncClient]:
        async with server.client() as client:
            code = await server.tokens.issue_login_link([scope])
            answer = await client.get(f"/login/{code}")
            assert answer.status_code == 303
            yield client

    return opened
