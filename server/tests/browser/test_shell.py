"""The shell of the pages in a real browser: it opens, follows the stream, and is led by keys and by its address."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import httpx
import pytest
import running
from playwright.sync_api import Browser, expect
from serving import Serving, serving
from watching import Watched, findings

from observatory.api.shell import WEB

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def server(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A server to which nobody reports."""
    assert (WEB / "index.html").is_file(), "the pages were not built: `make web`"
    with serving(tmp_path_factory.mktemp("shell") / "data", tick_s=1) as served:
        # Until the first round nothing is known, and the answer of health is 503.
        running.until(lambda: running.system_health(served.url, served.admin_token), "the first round")
        yield served


def enter(server: Serving, watched: Watched, *scopes: str) -> None:
    """Log the browser in."""
    address = f"{server.url}/api/v1/monitoring/login-links"
    answer = httpx.post(address, json={"scopes": list(scopes)}, headers=server.headers)
    watched.page.goto(str(answer.json()["url"]))


def test_the_shell_opens_and_follows_what_happens(server: Serving, watched: Watched) -> None:
    enter(server, watched, "read")
    page = watched.page
    expect(page).to_have_title("Overview · Observatory")
    expect(page.locator("[data-link=live]")).to_be_visible()
    expect(page.get_by_role("navigation", name="Pages").get_by_role("link")).to_have_count(20)
    expect(page.get_by_text("of 65")).to_be_visible()


def test_keys_lead_to_every_page_and_the_address_keeps_the_view(server: Serving, watched: Watched) -> None:
    enter(server, watched, "read")
    page = watched.page
    page.get_by_label("Range", exact=True).select_option("24h")
    expect(page).to_have_url(f"{server.url}/?range=24h")
    page.get_by_role("heading", level=1).click()
    page.keyboard.press("g")
    page.keyboard.press("c")
    expect(page).to_have_url(f"{server.url}/costs?range=24h")
    page.reload()
    expect(page).to_have_title("Cost control · Observatory")
    expect(page.get_by_label("Range", exact=True)).to_have_value("24h")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys and help")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.get_by_role("textbox", name="Search").fill("incid")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{server.url}/incidents?range=24h")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 1024, 390])
def test_the_shell_fits_its_screen_and_axe_finds_nothing_serious(
    server: Serving, watched: Watched, width: int, scheme: Literal["light", "dark"]
) -> None:
    page = watched.page
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    enter(server, watched, "operate")
    expect(page.locator("[data-link=live]")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    assert findings(page) == []


def test_a_user_is_led_to_the_one_page_that_is_open_to_him(server: Serving, watched: Watched) -> None:
    enter(server, watched, "user:u-4711")
    page = watched.page
    expect(page).to_have_url(f"{server.url}/user/u-4711")
    expect(page.get_by_role("link", name="My page")).to_be_visible()
    expect(page.get_by_role("link", name="Costs")).to_have_count(0)
    page.goto(f"{server.url}/costs")
    expect(page).to_have_url(f"{server.url}/user/u-4711")


def test_the_description_of_the_api_is_there_to_read_and_to_try(server: Serving, watched: Watched) -> None:
    enter(server, watched, "read")
    page = watched.page
    page.goto(f"{server.url}/docs")
    page.get_by_role("button", name="Expand operation").nth(4).click()
    expect(page.get_by_text("/api/v1/monitoring/system-health").first).to_be_visible()
