from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from alert_scenes import AT, graphs
from fastapi import FastAPI
from oncall_scenes import Room

from observatory import alerting, api, catalogue, incidents, notify, oncall
from observatory.auth import Tokens
from observatory.clock import HeldClock
from observatory.selfwatch import Selfwatch
from observatory.state import open_store

CHANNELS = {"desk", "boss", "to-ada", "to-ben", "to-cy"}


@pytest.fixture(scope="session")
def application() -> FastAPI:
    """The routes, made once: that takes longer than most tests. What they read from is each test's own."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    api.include(app)
    return app


@pytest.fixture
async def room(application: FastAPI, tmp_path: Path) -> AsyncIterator[Room]:
    clock = HeldClock(AT)
    state = await open_store(f"sqlite+aiosqlite:///{tmp_path / 'state.db'}")
    tokens = Tokens(state, clock)
    await tokens.load()
    texts = {scope: (await tokens.issue(scope, [scope]))[0] for scope in ("read", "ingest", "operate", "admin")}
    keeper = alerting.Keeper(state, [notify.Planning(incidents.Folding(graphs))])
    signer = await oncall.Signer.of(state, clock, "http://observatory.test")
    app = application
    app.state.tokens, app.state.clock, app.state.control, app.state.signer = tokens, clock, state, signer
    app.state.selfwatch, app.state.catalogue, app.state.graphs = Selfwatch(), catalogue.load(), graphs
    yield Room(state, clock, keeper, oncall.Escalator(state, clock, lambda: CHANNELS), signer, app, texts)
    await state.close()
