"""What several tests of those on call need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx
from fastapi import FastAPI

from observatory import alerting, oncall
from observatory.clock import HeldClock
from observatory.model.alert import Transition
from observatory.model.notification import Message
from observatory.state import State

BASE = "/api/v1/monitoring"


@dataclass
class Room:
    """The API, the keeper of alerts and the escalator on a real control store, with a clock that is held."""

    state: State
    clock: HeldClock
    keeper: alerting.Keeper
    escalator: oncall.Escalator
    signer: oncall.Signer
    app: FastAPI
    texts: dict[str, str]
    seen: int = field(default=0)

    async def ask(
        self, method: str, path: str, scope: str | None = "operate", base: str = BASE, **more: Any
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.texts[scope]}"} if scope else {}
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://observatory.test") as client:
            return await client.request(method, base + path, headers=headers | more.pop("headers", {}), **more)

    async def keep(self, *transitions: Transition) -> None:
        await self.keeper(transitions)

    async def escalate(self, after_s: float = 0) -> list[Message]:
        """Go on by so many seconds, look, and give what is told by that."""
        self.clock.advance(after_s)
        await self.escalator.step()
        return await self.escalations()

    async def escalations(self) -> list[Message]:
        """What was told since the last time."""
        async with self.state.writing() as rows:
            taken = await rows.outbox.claim("test", datetime.max.replace(tzinfo=self.clock.now().tzinfo), 1_000, -1e9)
        found = [each.message for each in taken if each.message.key.startswith("escalation:")]
        new, self.seen = found[self.seen :], len(found)
        return new

    async def open_incident(self) -> str:
        found = (await self.ask("GET", "/incidents")).json()["items"]
        assert len(found) == 1, found
        return str(found[0]["id"])


def policy(*levels: tuple[int, Sequence[dict[str, str]]], **more: Any) -> dict[str, Any]:
    told = [{"wait_s": wait_s, "whom": list(whom)} for wait_s, whom in levels]
    return {"severities": ["critical"], "levels": told, "reason": "nights are long", **more}


def channel(name: str, person: str = "") -> dict[str, str]:
    return {"channel": name, "person": person}


def rotation(*names: str, handover_at: str = "2026-01-05T09:00:00Z", **more: Any) -> dict[str, Any]:
    people = [{"name": name, "channels": [f"to-{name.lower()}"]} for name in names]
    return {"handover_at": handover_at, "people": people, "reason": "a new year", **more}
