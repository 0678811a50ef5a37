"""The monitoring routes on an application of their own, after one round over the real store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from observatory import api, areas, catalogue
from observatory.api import health_json, topology_json
from observatory.auth import Tokens
from observatory.clock import HeldClock
from observatory.costs import Book, Ledger, Outlooks, Standings
from observatory.selfwatch import Selfwatch
from observatory.state import open_store
from observatory.store import People, Store
from observatory.tick import DEFAULT_ENVIRONMENT, Knobs, Recorder, Snapshots, Tick


class Server:
    """An application, its clock and its rounds. `read` asks with a token that may read."""

    def __init__(self, app: FastAPI, tick: Tick, clock: HeldClock, texts: dict[str, str]) -> None:
        self.app, self.tick, self.clock = app, tick, clock
        self._texts = texts

    def client(self, scope: str | None) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {self._texts[scope]}"} if scope else {}
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(
            transport=transport, base_url="http://observatory.test/api/v1/monitoring", headers=headers
        )

    async def read(
        self, path: str, scope: str | None = "read", headers: dict[str, str] | None = None, **parameters: Any
    ) -> httpx.Response:
        async with self.client(scope) as client:
            return await client.get(path, params=parameters, headers=headers)


class OwnRounds(Tick):
    """Rounds over the test's own environment: those of hundreds of tests before it share the store."""

    def __init__(self, environment: str, *given: Any) -> None:
        super().__init__(*given)
        self._own = environment

    def _names(self) -> tuple[str, ...]:
        return tuple(name for name in super()._names() if name in (DEFAULT_ENVIRONMENT, self._own))


@pytest.fixture
async def server(store: Store, sender: Any, tmp_path: Path) -> AsyncIterator[Server]:
    clock, selfwatch, known = HeldClock(sender.at), Selfwatch(), catalogue.load()
    snapshots = Snapshots(partial(health_json.render, known))
    state = await open_store(f"sqlite+aiosqlite:///{tmp_path / 'state.db'}")
    tokens = Tokens(state, clock)
    await tokens.load()
    texts = {scope: (await tokens.issue(scope, [scope]))[0] for scope in ("read", "ingest", "operate")}
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.state.tokens, app.state.clock, app.state.selfwatch = tokens, clock, selfwatch
    app.state.snapshots, app.state.catalogue, app.state.ready = snapshots, known, lambda: True
    app.state.stale_after_s = 60.0
    listening = clock.now() - timedelta(days=1)
    app.state.store, app.state.listening_since, app.state.control = store, listening, state
    app.state.people, app.state.ledger = People(), Ledger(store.reader, Book())
    app.state.outlooks = Outlooks(app.state.ledger, clock)
    app.state.standings = Standings(state, app.state.ledger, app.state.outlooks, clock)
    api.include(app)
    recorder = Recorder(store.history, topology_json.values)
    knobs = Knobs(5, 20, environments=10_000)
    tick = OwnRounds(
        sender.environment, store.reader, known, areas.load(), clock, snapshots, selfwatch, knobs, listening, recorder
    )
    yield Server(app, tick, clock, texts)
    await state.close()


@pytest.fixture
def told(server: Server, sender: Any) -> Callable[..., Any]:
    """Send what the sender holds and do a round."""

    async def run() -> None:
        sender.flush()
        await server.tick.round()

    return run
