"""What people do with the pages: log in, watch something go wrong, find its cause, and act, each in a real browser."""

from __future__ import annotations

import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest
import running
from pages_world import BASE, EXCHANGE, LONG_S, World, living, settled
from playwright.sync_api import Browser, Page, Request, expect
from watching import Watched

pytestmark = pytest.mark.browser

AREA = "trading_execution"
# What was usual before must be known, to tell what changed.
_CALM_S = 180
_CLICKS = "window.clicks = 0; addEventListener('click', () => { window.clicks += 1; }, true)"


@pytest.fixture(scope="module")
def world(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world in which nothing is wrong yet. It takes its time, so the browser is looked for first."""
    with living(tmp_path_factory.mktemp("ways")) as found:
        yield found


def test_a_login_link_opens_the_pages_and_signing_out_ends_the_session(world: World, watched: Watched) -> None:
    page = watched.page
    page.goto(world.link("read"))
    settled(page)
    (cookie,) = page.context.cookies()
    page.get_by_role("button", name="Log out").click()
    expect(page).to_have_url(f"{world.server.url}/login")
    assert page.context.cookies() == []
    again = httpx.get(f"{world.server.url}{BASE}/session", cookies={cookie["name"]: cookie["value"]}, timeout=LONG_S)
    assert again.status_code == 401


def test_a_token_opens_the_pages(world: World, watched: Watched) -> None:
    page = watched.page
    page.goto(f"{world.server.url}/login")
    page.get_by_label("Token or login link").fill(world.server.token("read"))
    page.get_by_role("button", name="Log in").click()
    expect(page).to_have_url(f"{world.server.url}/")
    settled(page)


def test_a_user_sees_his_own_page_and_nothing_else_is_asked_for(world: World, watched: Watched) -> None:
    trace = world.trace()
    assert trace is not None
    user = trace["user_id"]
    asked = _asked(watched.page)
    page = world.enter(watched, f"user:{user}")
    world.open(page, "/")
    assert urlsplit(page.url).path == f"/user/{user}"
    world.open(page, "/costs")
    assert urlsplit(page.url).path == f"/user/{user}"
    expect(page.get_by_role("navigation", name="Pages").get_by_role("link")).to_have_count(1)
    assert set(asked) <= {f"{BASE}/session", f"{BASE}/user/{user}"}


def _asked(page: Page) -> list[str]:
    """Paths of the API that the page asks for, from now on."""
    paths: list[str] = []

    def note(request: Request) -> None:
        path = urlsplit(request.url).path
        if path.startswith(BASE):
            paths.append(path)

    page.on("request", note)
    return paths


def test_a_token_is_made_shown_once_and_revoked(world: World, watched: Watched) -> None:
    page = world.enter(watched, "admin")
    world.open(page, "/settings/tokens")
    page.get_by_role("textbox", name="Name", exact=True).fill("of the test")
    page.get_by_role("button", name="Make token").click()
    made = page.locator("[data-secret]").inner_text()
    headers = {"Authorization": f"Bearer {made}"}
    assert httpx.get(f"{world.server.url}{BASE}/session", headers=headers, timeout=LONG_S).is_success
    page.get_by_role("button", name="Revoke of the test", exact=True).click()
    expect(page.get_by_role("button", name="Revoke of the test", exact=True)).to_have_count(0)
    assert httpx.get(f"{world.server.url}{BASE}/session", headers=headers, timeout=LONG_S).status_code == 401
    page.reload()
    settled(page)
    expect(page.locator("[data-secret]")).to_have_count(0)


def test_a_budget_is_set_and_ended(world: World, watched: Watched) -> None:
    page = world.enter(watched, "operate")
    world.open(page, "/settings/budgets")
    page.get_by_role("textbox", name="Name", exact=True).fill("All of it")
    page.get_by_role("textbox", name="Amount in USD").fill("5000")
    page.get_by_role("button", name="Set budget").click()
    end = page.get_by_role("button", name="End budget All of it")
    expect(end).to_be_visible()
    assert [(each["name"], float(each["amount_usd"])) for each in _budgets(world)] == [("All of it", 5_000.0)]
    end.click()
    expect(end).to_have_count(0)
    assert _budgets(world) == []


def _budgets(world: World) -> list[dict[str, str]]:
    found: list[dict[str, str]] = world.read("/costs/budgets")["items"]
    return found


def test_a_silence_is_made_and_ended(world: World, watched: Watched) -> None:
    page = world.enter(watched, "operate")
    world.open(page, "/alerts/silences")
    page.get_by_role("textbox", name="Rule", exact=True).fill("costs.*")
    page.get_by_role("textbox", name="Reason", exact=True).fill("a test of the pages")
    page.get_by_role("button", name="Silence", exact=True).click()
    end = page.get_by_role("button", name="End the silence of")
    expect(end).to_be_visible()
    (silence,) = world.read("/silences")["items"]
    assert silence["reason"] == "a test of the pages"
    end.click()
    expect(end).to_have_count(0)


def test_whoever_may_only_read_is_shown_no_way_to_change(world: World, watched: Watched) -> None:
    page = world.enter(watched, "read")
    for path, button in (("/settings/budgets", "Set budget"), ("/alerts/silences", "Silence")):
        world.open(page, path)
        expect(page.get_by_role("button", name=button, exact=True)).to_have_count(0)


def test_what_goes_wrong_comes_to_an_open_page_without_a_question(world: World, watched: Watched) -> None:
    page = world.enter(watched, "read")
    world.open(page, "/")
    page.evaluate("window.kept = true")
    time.sleep(max(0.0, world.since + _CALM_S - time.monotonic()))
    before = _status(world)
    asked = _asked(page)
    world.begin("exchange_rejects", EXCHANGE, 1)
    now = running.until(lambda: (found := _status(world)) != before and found, "the fault in health", LONG_S)
    known = time.monotonic()
    expect(page.locator(f"[data-area={AREA}]")).to_contain_text(now, ignore_case=True)
    print(f"the page showed {now} {time.monotonic() - known:.1f} s after the API")
    assert page.evaluate("window.kept") is True
    # The stream that is open tells it: nobody asks for health, and no second stream is opened.
    assert f"{BASE}/system-health" not in asked
    assert f"{BASE}/stream" not in asked


def _status(world: World) -> str:
    health = running.system_health(world.server.url, world.server.admin_token)
    assert health is not None
    return str(health["services"][AREA]["status"])


def test_from_the_overview_to_the_root_cause_in_at_most_four_clicks(world: World, watched: Watched) -> None:
    if _status(world) == "healthy":
        world.begin("exchange_rejects", EXCHANGE, 1)
    running.until(lambda: _incident(world), "an incident of the area", LONG_S)
    page = world.enter(watched, "read")
    # Counted by the page, so that nothing can be clicked without being counted; no page is loaded anew on the way.
    page.add_init_script(_CLICKS)
    world.open(page, "/")
    page.locator(f"[data-area={AREA}]").get_by_role("link", name="Incident and cause").click()
    cause = page.get_by_role("region", name="Cause")
    expect(cause).to_contain_text(EXCHANGE, ignore_case=True)
    assert 1 <= page.evaluate("window.clicks") <= 4


def _incident(world: World) -> str | None:
    items = world.read("/incidents", area=AREA)["items"]
    return str(items[0]["id"]) if items else None


def test_an_incident_is_acknowledged(world: World, watched: Watched) -> None:
    if _incident(world) is None:
        world.begin("exchange_rejects", EXCHANGE, 1)
    incident = running.until(lambda: _incident(world), "an incident of the area", LONG_S)
    page = world.enter(watched, "operate")
    world.open(page, f"/incidents/{incident}")
    page.get_by_role("textbox", name="Reason", exact=True).first.fill("it is looked at")
    page.get_by_role("button", name="Acknowledge", exact=True).click()
    running.until(lambda: _taken(world, incident), "the acknowledgement in the API", LONG_S)
    assert page.get_by_role("alert").filter(has_text="refused").count() == 0


def _taken(world: World, incident: str) -> bool:
    return any(each["subject"] == f"incident:{incident}" for each in world.read("/acknowledgements")["items"])
