"""The door with a real store behind it, in the test's own process, so that a test can hold its clock."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette

from observatory import state
from observatory.auth import INGEST, Tokens
from observatory.clock import Clock
from observatory.ingest import Bounds, Budget, Committer, Door, Pace, http
from observatory.ingest.intents import Intents
from observatory.ingest.known import KnownBodies
from observatory.otlp.signals import Signal
from observatory.selfwatch import Selfwatch
from observatory.store import Limits, Writer

WINDOW_S = 600


@dataclass(frozen=True)
class Doorway:
    """What a test sees of an open door: the application, a client with a token, and the product's own counters."""

    app: Starlette
    client: httpx.AsyncClient
    registry: CollectorRegistry

    async def send(self, data: bytes, path: str = "/v1/traces", **headers: str) -> httpx.Response:
        """Send one request of protobuf, unless a header says otherwise."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.post(path, content=data, headers={"content-type": "application/x-protobuf"} | named)

    def metric(self, name: str, **labels: str) -> float:
        """The sum of the samples of `observatory_<name>` that have the labels."""
        return sum(
            sample.value
            for family in self.registry.collect()
            for sample in family.samples
            if sample.name == f"observatory_{name}" and labels.items() <= sample.labels.items()
        )


@dataclass(frozen=True)
class Doors:
    """Opens the door on one folder of intents and known bodies; a second time is a restart."""

    folder: Path
    writers: Mapping[Signal, Writer]
    pace: Pace = field(default_factory=Pace)
    bounds: Bounds = field(default_factory=lambda: Bounds(1 << 20))

    @asynccontextmanager
    async def open(self, clock: Clock) -> AsyncIterator[Doorway]:
        """The open door. On leaving, what is queued is committed."""
        selfwatch = Selfwatch()
        known = KnownBodies(self.folder / "known", WINDOW_S, clock.now_ns())
        intents = Intents(self.folder / "intents")
        committers = {
            signal: Committer(signal, writer, intents, known, Limits(), self.pace, clock, selfwatch)
            for signal, writer in self.writers.items()
        }
        for batch, held in intents.aside():
            committers[batch.signal].hold(batch, held)
        for batch, left in intents.left():
            committers[batch.signal].replay(batch, left)
        control = await state.open_store(f"sqlite+aiosqlite:///{self.folder / 'state.db'}")
        tokens = Tokens(control, clock)
        await tokens.load()
        token, _ = await tokens.issue("sender", [INGEST])
        door = Door(committers, Budget(64 << 20, selfwatch), clock, selfwatch)
        for committer in committers.values():
            committer.start()
        try:
            app = Starlette(routes=http.routes(door, tokens, self.bounds))
            async with _client(app, token) as client:
                yield Doorway(app, client, selfwatch.registry)
        finally:
            for committer in committers.values():
                await committer.stop()
            known.close()
            await control.close()


def _client(app: Starlette, token: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://observatory.test",
        headers={"Authorization": f"Bearer {token}"},
    )
