"""The plain pages in a real browser, against the real server with the universe sending to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import urljoin

import httpx
import pytest
import running
from playwright.sync_api import Browser, Page
from serving import Serving, serving
from watching import Watched

pytestmark = pytest.mark.browser

_WIDTHS = (1440, 1024, 390)


@pytest.fixture(scope="module")
def server(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A server to which all services report. It takes its time, so the browser is looked for first."""
    folder = tmp_path_factory.mktemp("browser")
    with serving(folder / "data", tick_s=2) as served, running.universe(served, folder / "universe.log"):
        running.until(lambda: running.reporting(served.url, served.admin_token), "65 of 65 services")
        yield served


@pytest.fixture
def link(server: Serving) -> Callable[[], str]:
    """Makes a login link."""

    def made() -> str:
        answer = httpx.post(
            f"{server.url}/api/v1/monitoring/login-links", json={"scopes": ["read"]}, headers=server.headers
        )
        return str(answer.json()["url"])

    return made


def held(page: Page, url: str) -> None:
    """Open the health page so that it does not load itself again meanwhile."""
    page.goto(f"{url}/plain?refresh=0", wait_until="networkidle")


def log_in(watched: Watched, link: Callable[[], str]) -> Page:
    """Use a new link, and go on to the plain page."""
    address = link()
    # Not by the page: what it would load of the application is given up when it is left at once.
    watched.page.context.request.get(address, max_redirects=0)
    watched.page.goto(urljoin(address, "/plain?refresh=0"), wait_until="networkidle")
    return watched.page


def test_a_login_link_leads_to_the_pages_with_a_cookie_that_no_script_can_read(
    server: Serving, watched: Watched, link: Callable[[], str]
) -> None:
    page = watched.page
    page.goto(link())
    assert page.url == f"{server.url}/"
    page.locator("[data-link=live]").wait_for()
    page.goto(f"{server.url}/plain?refresh=0", wait_until="networkidle")
    assert page.title() == "Health · Observatory"
    (cookie,) = page.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Strict", "/")


def test_a_login_link_that_was_used_is_refused_in_words_with_a_way_on(
    browser: Browser, watched: Watched, link: Callable[[], str]
) -> None:
    used = link()
    watched.page.goto(used)
    with browser.new_context() as other:
        page = other.new_page()
        answer = page.goto(used)
        assert answer is not None
        assert answer.status == 401
        assert "was used before" in page.get_by_role("alert").inner_text()
        assert page.get_by_label("Token or login link").is_visible()
        assert other.cookies() == []


def test_the_health_page_tells_the_verdict_and_every_area_with_numbers_samples_and_ages(
    server: Serving, watched: Watched, link: Callable[[], str]
) -> None:
    page = log_in(watched, link)
    held(page, server.url)
    assert page.locator("h1").inner_text().split()[1] in ("healthy", "degraded", "critical", "unknown")
    assert "65 of 65 services reporting" in page.locator(".verdict").inner_text()
    assert page.locator(".glance li").count() == page.locator("article").count() == 10
    for area in page.locator("article").all():
        origins = area.locator("dd small").all_inner_texts()
        assert origins, area.inner_text()
        assert all("sample" in origin and "ago" in origin for origin in origins)
        assert any(value[0].isdigit() or value[0] == "$" for value in area.locator("dd").all_inner_texts())
    assert page.locator("tbody tr").count() == 65


def test_the_ten_areas_are_on_the_first_screen_of_a_desk(
    server: Serving, watched: Watched, link: Callable[[], str]
) -> None:
    page = log_in(watched, link)
    page.set_viewport_size({"width": 1440, "height": 900})
    held(page, server.url)
    last = page.locator(".glance li").last.bounding_box()
    assert last is not None
    assert last["y"] + last["height"] <= 900


def test_the_page_of_own_numbers_counts_what_came_in(
    server: Serving, watched: Watched, link: Callable[[], str]
) -> None:
    page = log_in(watched, link)
    page.get_by_role("link", name="Self-watch").click()
    page.wait_for_load_state("networkidle")
    told = page.locator("table").inner_text()
    for what in ("bodies", "rows", "rejected items", "commit seconds", "queue bytes", "tick seconds"):
        assert what in told
    assert server.metric("rows_total", signal="traces") > 0


def test_logging_out_ends_the_session(server: Serving, watched: Watched, link: Callable[[], str]) -> None:
    page = log_in(watched, link)
    (cookie,) = page.context.cookies()
    page.get_by_role("button", name="Log out").click()
    page.wait_for_load_state("networkidle")
    assert page.url == f"{server.url}/login"
    assert page.context.cookies() == []
    assert httpx.get(f"{server.url}/", cookies={cookie["name"]: cookie["value"]}).status_code == 401


def test_the_page_loads_itself_again(server: Serving, watched: Watched, link: Callable[[], str]) -> None:
    page = log_in(watched, link)
    page.goto(f"{server.url}/plain?refresh=1", wait_until="networkidle")
    with page.expect_navigation():
        pass
    held(page, server.url)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_is_wider_than_its_screen_and_text_stands_out_from_its_ground(
    server: Serving, watched: Watched, link: Callable[[], str], scheme: str
) -> None:
    page = log_in(watched, link)
    # No page here may load itself again while the next one is opened: the browser would give that one up.
    page.goto(f"{server.url}/plain?refresh=0", wait_until="networkidle")
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    for width in _WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        for path in ("/plain?refresh=0", "/plain/selfwatch?refresh=0", "/plain/docs", "/login"):
            page.goto(f"{server.url}{path}")
            wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide <= 0, (path, width)
    ground, ink = page.evaluate(
        "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
    )
    assert abs(_luminance(ground) - _luminance(ink)) > 0.7


def _luminance(colour: str) -> float:
    red, green, blue = (int(part) / 255 for part in colour.removeprefix("rgb(").removesuffix(")").split(","))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
