"""A browser for the pages: the chromium that the system has, with an empty profile and nothing of its own to send."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from pages_world import WAIT_MS
from playwright.sync_api import Browser, expect, sync_playwright
from watching import Watched

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for a module. It would keep other modules' event loops from running if it outlived it."""
    found = next((path for name in _NAMES if (path := shutil.which(name))), None)
    if found is None:
        # Not skipped: pages that nobody looked at are not known to work.
        pytest.fail("no chromium on the PATH: `apt-get install chromium`, or run `make test` as root", pytrace=False)
    expect.set_options(timeout=WAIT_MS)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=_ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture
def watched(browser: Browser) -> Iterator[Watched]:
    """An empty browser. At the end nothing may have gone wrong, and nothing may have been asked of another host."""
    context = browser.new_context()
    context.set_default_timeout(WAIT_MS)
    watched = Watched(context)
    yield watched
    # The live stream keeps the network busy for as long as a page of the application is open.
    watched.page.goto("about:blank")
    context.close()
    assert watched.complaints == []
    assert watched.hosts == {"127.0.0.1"}
