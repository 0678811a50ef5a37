"""Every page in a real browser, over a real server with the universe behind it: it opens, fits, and is fit for use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import running
from pages_world import EXCHANGE, LONG_S, Scheme, World, living
from playwright.sync_api import Browser
from watching import Watched, findings

from observatory.api.shell import PATHS

pytestmark = pytest.mark.browser

SCREENSHOTS = Path(__file__).parents[3] / "var" / "screenshots"
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
SCREENS = [(width, scheme) for width in (1440, 1024, 390) for scheme in SCHEMES]
# Parts of a page, whose names are its own.
_PARTS = {"/alerts/{part}": "silences", "/settings/{part}": "tokens"}
# What reaches beyond the screen and does not scroll by itself.
_TOO_WIDE = """() => [...document.querySelectorAll("main *")]
    .filter(each => each.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
    .filter(each => !each.closest("[class*=scroll i]"))
    .map(each => `${each.tagName} ${each.getAttribute("class")}: ${(each.textContent ?? "").slice(0, 60)}`)
    .slice(0, 9)"""
_BOARD = {"title": "Cost", "indicator": "costs.cost_last_hour", "member": "", "chart": "line", "wide": True}


@pytest.fixture(scope="module")
def world(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world in which an exchange rejects. It takes its time, so the browser is looked for first."""
    with living(tmp_path_factory.mktemp("pages")) as found:
        found.begin("exchange_rejects", EXCHANGE, 1)
        yield found


@pytest.fixture(scope="module")
def ids(world: World) -> Mapping[str, str]:
    """What stands for the names in addresses."""
    incident = running.until(lambda: world.first("/incidents", "id"), "an incident", LONG_S)
    trace = world.trace()
    assert trace is not None
    board = world.post("/views", {"name": "Money", "kind": "board", "panels": [_BOARD]})
    return {
        "incident_id": incident,
        "trace_id": trace["trace_id"],
        "user_id": trace["user_id"],
        "service_id": trace["service"],
        "runbook_id": str(world.first("/runbooks", "id")),
        "view_id": str(board["id"]),
    }


def _address(path: str, ids: Mapping[str, str]) -> str:
    filled = path.format(**ids, part=_PARTS.get(path, ""))
    return f"{filled}?range=15m"


def _name(path: str) -> str:
    return path.strip("/").replace("/", "-").translate(str.maketrans("", "", "{}")) or "overview"


def _looked_at(world: World, watched: Watched, path: str, ids: Mapping[str, str], screen: tuple[int, Scheme]) -> None:
    width, scheme = screen
    page = world.enter(watched, "operate", "admin")
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    world.open(page, _address(path, ids))
    page.locator("[data-link=live]").wait_for(state="attached")
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{_name(path)}-{width}-{scheme}.png")
    assert page.get_by_role("heading", level=1).count() == 1
    assert page.get_by_text("This page is not there yet").count() == 0
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, f"{wide} px wider than the screen: {page.evaluate(_TOO_WIDE)}"
    assert findings(page) == []
    assert watched.complaints == []


@pytest.mark.parametrize(("path", "screen"), [(path, SCREENS[at % len(SCREENS)]) for at, path in enumerate(PATHS)])
def test_a_page_opens_fits_its_screen_and_axe_finds_nothing_serious(
    world: World, watched: Watched, path: str, ids: Mapping[str, str], screen: tuple[int, Scheme]
) -> None:
    _looked_at(world, watched, path, ids, screen)


@pytest.mark.long
@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("path", PATHS)
def test_a_page_fits_every_screen(
    world: World, watched: Watched, path: str, ids: Mapping[str, str], screen: tuple[int, Scheme]
) -> None:
    _looked_at(world, watched, path, ids, screen)
