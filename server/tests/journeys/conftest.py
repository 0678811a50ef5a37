"""A server and the universe that sends to it, with two things gone wrong: an exchange rejects, and a model is slow."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import running
from running import reporting, until
from serving import Serving, serving

BASE = "/api/v1/monitoring"
EXCHANGE, PROVIDER = "binance", "openai"
_WARM_S = 240
_CALM_S = 180


@dataclass(frozen=True)
class Scene:
    """The server, the universe's own address, and when it was calm last."""

    server: Serving
    universe_url: str

    def read(self, path: str, **query: str) -> Any:
        """What the API answers; None while it refuses."""
        answer = httpx.get(f"{self.server.url}{BASE}{path}", params=query, headers=self.server.headers, timeout=120)
        return answer.json() if answer.is_success else None

    def begin(self, kind: str, target: str | None = None, **more: Any) -> None:
        """Start a fault."""
        wanted = {"kind": kind, **({"target": target} if target else {}), **more}
        answer = httpx.post(f"{self.universe_url}/faults", json=wanted, timeout=120)
        assert answer.status_code == 201, answer.text


@pytest.fixture(scope="package")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("journeys")
    announced: Path = folder / "universe.json"
    options = ("--announce", str(announced), "--truth", str(folder / "truth.jsonl"), "--seed", "11")
    with serving(folder / "data", tick_s=2) as server, running.universe(server, folder / "universe.log", *options):
        terms = {"name": "AI", "scope": "category", "value": "ai", "period": "month", "amount_usd": "1000"}
        made = httpx.post(f"{server.url}{BASE}/costs/budgets", json=terms, headers=server.headers, timeout=120)
        assert made.status_code == 201, made.text
        until(lambda: reporting(server.url, server.admin_token), "all services to report", _WARM_S)
        found = Scene(server, str(json.loads(announced.read_text(encoding="utf-8"))["universe_url"]))
        until(lambda: _orders(found), "orders at the exchange", _WARM_S)
        # What was usual before must be known, to tell what changed.
        time.sleep(_CALM_S)
        found.begin("exchange_rejects", EXCHANGE, grade=1)
        found.begin("ai_provider_slow", PROVIDER, grade=15)
        yield found


def _orders(scene: Scene) -> bool:
    told = scene.read("/trading/execution", window="5m")
    rows = told["exchanges"]["items"] if told else []
    return any(each["exchange"] == EXCHANGE and (each["orders"] or 0) >= 30 for each in rows)
