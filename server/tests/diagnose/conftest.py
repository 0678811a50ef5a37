"""The API over a real store that holds a small platform's telemetry."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from diagnosis_scenes import Platform, Wrong
from fastapi import FastAPI

from observatory import api, catalogue
from observatory.auth import Tokens
from observatory.clock import HeldClock
from observatory.selfwatch import Selfwatch
from observatory.state import open_store
from observatory.store import Store

# What was lived once is asked by several tests: by store, and by what was wrong.
_LIVED: dict[tuple[int, str], Platform] = {}


@pytest.fixture
def platform(insert: Callable[..., Any], environment: str) -> Platform:
    """Sends this test's own telemetry, up to the last whole hour: how steps lie to it is the same in every run."""
    return Platform(insert, environment, datetime.now(UTC).replace(minute=0, second=0, microsecond=0))


@dataclass
class _Snapshots:
    environments: tuple[str, ...]


@dataclass
class Face:
    """The API over the store, at the time and in the environment of one platform."""

    client: httpx.AsyncClient
    app: FastAPI
    own: Platform
    tokens: dict[str, str]
    platform: Platform

    @property
    def environment(self) -> str:
        """Where is asked."""
        return self.platform.environment

    def lives(self, wrong: Wrong | None = None) -> Platform:
        """Turn to a platform that lived so; it lives once, for all tests."""
        key = (id(self.app.state.store), repr(wrong))
        if key not in _LIVED:
            self.own.live(wrong)
            _LIVED[key] = self.own
        self.turn(_LIVED[key])
        return self.platform

    def turn(self, platform: Platform) -> None:
        """Turn to a platform."""
        self.platform = platform
        self.app.state.clock = HeldClock(platform.at)
        self.app.state.snapshots = _Snapshots((platform.environment,))

    async def ask(self, path: str = "/diagnose", scope: str = "read", **wanted: Any) -> httpx.Response:
        """Ask, in the platform's environment unless another is wanted."""
        query = {key.rstrip("_"): value for key, value in wanted.items()}
        if path == "/diagnose":
            query.setdefault("environment", self.environment)
        headers = {"Authorization": f"Bearer {self.tokens[scope]}"}
        return await self.client.get(f"/api/v1/monitoring{path}", params=query, headers=headers)

    async def diagnosis(self, **wanted: Any) -> dict[str, Any]:
        """A diagnosis that was answered; what it names as evidence is there."""
        answer = await self.ask(**wanted)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        known = {each["id"] for each in found["evidence"]}
        named = [*found["suspects"], *found["contrasts"], *found["changes"]]
        assert {one for each in named for one in each["evidence"]} <= known
        return found


@pytest.fixture
async def face(store: Store, platform: Platform, tmp_path: Path) -> AsyncIterator[Face]:
    """The API over the store."""
    clock = HeldClock(platform.at)
    control = await open_store(f"sqlite+aiosqlite:///{tmp_path / 'state.db'}")
    app = FastAPI(title="Observatory", docs_url=None, redoc_url=None, openapi_url=None)
    tokens = Tokens(control, clock)
    await tokens.load()
    texts = {scope: (await tokens.issue(scope, [scope]))[0] for scope in ("read", "ingest", "user:7")}
    app.state.tokens, app.state.selfwatch, app.state.ready = tokens, Selfwatch(), lambda: True
    app.state.store, app.state.control, app.state.catalogue = store, control, catalogue.load()
    # A machine that is shared is no measure of how long it takes.
    app.state.patience = 10.0
    api.include(app)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://observatory.test", timeout=120) as client:
        found = Face(client, app, platform, texts, platform)
        found.turn(platform)
        yield found
    await control.close()
