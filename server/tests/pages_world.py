"""What the tests of the pages look at: a server with the universe behind it, its faults, and ids of what it holds."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import httpx
import running
from playwright.sync_api import Page, expect
from serving import Serving, serving
from watching import Watched

from observatory.api.shell import WEB

BASE = "/api/v1/monitoring"
EXCHANGE = "binance"
# A machine of a build may be slow, and shared: no page is judged by its time here.
WAIT_MS, LONG_S = 120_000, 300
_SETTLE_MS = 700

Scheme = Literal["light", "dark"]


@dataclass(frozen=True, slots=True)
class World:
    """The server, the universe's own address, and since when all services report."""

    server: Serving
    universe_url: str
    since: float

    def read(self, path: str, **query: str) -> Any:
        """What the API answers an administrator."""
        answer = httpx.get(f"{self.server.url}{BASE}{path}", params=query, headers=self.server.headers, timeout=LONG_S)
        assert answer.is_success, answer.text
        return answer.json()

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """What the API answers an administrator who changes something."""
        url = f"{self.server.url}{BASE}{path}"
        answer = httpx.post(url, json=body, headers=self.server.headers, timeout=LONG_S)
        assert answer.is_success, answer.text
        return answer.json()

    def first(self, path: str, field: str) -> str | None:
        """A field of the first thing listed; None: nothing is."""
        items = self.read(path)["items"]
        return str(items[0][field]) if items else None

    def trace(self) -> dict[str, Any] | None:
        """A trace of some user."""
        items = self.read("/traces", window="15m", limit="50")["items"]
        return next((item for item in items if item["user_id"]), None)

    def begin(self, kind: str, target: str, grade: float) -> None:
        """Start a fault, if it does not run yet."""
        wanted = {"kind": kind, "target": target, "grade": grade}
        answer = httpx.post(f"{self.universe_url}/faults", json=wanted, timeout=LONG_S)
        assert answer.status_code in (201, 409), answer.text

    def link(self, *scopes: str) -> str:
        """A new login link."""
        return str(self.post("/login-links", {"scopes": list(scopes)})["url"])

    def enter(self, watched: Watched, *scopes: str) -> Page:
        """Log the browser in, with no page opened yet."""
        watched.page.context.request.get(self.link(*scopes), max_redirects=0, timeout=WAIT_MS)
        return watched.page

    def open(self, page: Page, path: str) -> None:
        """Open one of the pages and wait until it is all there."""
        answer = page.goto(f"{self.server.url}{path}")
        assert answer is not None
        assert answer.ok, (path, answer.status)
        settled(page)


def settled(page: Page) -> None:
    """Wait until the page shows its heading, and nothing on it is still loading."""
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.get_by_text(re.compile("^(Loading |The page is loading)"))).to_have_count(0)
    # Charts draw in the frame after their data came.
    page.wait_for_timeout(_SETTLE_MS)


@contextmanager
def living(folder: Path) -> Iterator[World]:
    """A world in which all services report and nothing is wrong yet."""
    assert (WEB / "index.html").is_file(), "the pages were not built: `make web`"
    announced = folder / "universe.json"
    options = ("--announce", str(announced), "--truth", str(folder / "truth.jsonl"), "--seed", "11")
    with serving(folder / "data", tick_s=2) as server, running.universe(server, folder / "universe.log", *options):
        running.until(lambda: running.reporting(server.url, server.admin_token), "65 of 65 services", LONG_S)
        url = json.loads(announced.read_text(encoding="utf-8"))["universe_url"]
        world = World(server, str(url), time.monotonic())
        running.until(world.trace, "a trace of a user", LONG_S)
        yield world
