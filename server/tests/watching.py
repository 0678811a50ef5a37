"""A page of a browser, and all that went wrong on it."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request

_AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
_FINDINGS = """axe.run().then(found => found.violations
    .filter(each => ["serious", "critical"].includes(each.impact))
    .map(each => `${each.id}: ${each.nodes[0].html.slice(0, 200)}`))"""


def findings(page: Page) -> list[str]:
    """What keeps people from using the page, as axe finds it: serious and critical findings."""
    page.evaluate(f"{_AXE.read_text(encoding='utf-8')};0")
    found: list[str] = page.evaluate(_FINDINGS)
    return found


class Watched:
    """A page and all that went wrong on it."""

    def __init__(self, context: BrowserContext) -> None:
        self.page = context.new_page()
        self.complaints: list[str] = []
        self.hosts: set[str | None] = set()
        self.page.on("console", lambda message: self._said(message))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("requestfailed", lambda request: self._failed(request))
        self.page.on("request", lambda request: self.hosts.add(urlsplit(request.url).hostname))

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def _failed(self, request: Request) -> None:
        # The browser drops what it is still loading of a page that is left.
        if request.failure != "net::ERR_ABORTED":
            self.complaints.append(f"{request.url}: {request.failure}")
