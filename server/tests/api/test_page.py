"""The health page: what is unknown looks unknown, every number tells its origin, nothing is taken as markup."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from html.parser import HTMLParser
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from observatory.api.health_view import AREAS, health_view, nothing_yet
from observatory.health.figures import age, figure, label, span

LogIn = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
AS_OF = "2026-03-04T05:06:04Z"


def body(**changes: Any) -> dict[str, Any]:
    fact = {"samples": 312, "window_s": 300, "as_of": AS_OF, "source": "fact_ai_calls", "estimated": False}
    areas: dict[str, Any] = {area: {"status": "healthy", "reasons": [], "provenance": {}} for area in AREAS}
    areas["ai_systems"] = {
        "status": "degraded",
        "reasons": ["p95 of claude-3 is 6.1 s, over 5 s"],
        "response_time_p95_ms": 1_200,
        "active_models": ["gpt-4", "claude-3"],
        "error_rate_5m": 0.02,
        "cost_last_hour_usd": None,
        "provenance": {
            "response_time_p95_ms": fact,
            "active_models": fact,
            "error_rate_5m": fact | {"estimated": True},
            "cost_last_hour_usd": fact | {"samples": 0},
        },
    }
    areas["market_data"]["status"] = "unknown"
    return {
        "overall_status": "degraded",
        "timestamp": AS_OF,
        "reasons": ["ai_systems is degraded"],
        "services": areas,
    } | changes


def service(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"service_{number}",
        "name": f"Service {number}",
        "group": "Credits & Payments",
        "area": "credits",
        "priority": "P0",
        "status": "healthy",
        "load_state": "reporting",
        "reasons": [],
        "rate": 1.5,
        "error_rate": 0.0,
        "p50_ms": 12.0,
        "p95_ms": 40.25,
        "p99_ms": 99.9,
        "last_seen": "2026-03-04T05:06:05Z",
    } | changes


def all_services() -> list[dict[str, Any]]:
    idle = service(64, load_state="idle", rate=0.0, error_rate=None, p50_ms=None, p95_ms=None, p99_ms=None)
    gone = service(65, load_state="never_loaded", status="unknown", last_seen=None, reasons=["no process imported it"])
    return [service(number) for number in range(1, 64)] + [idle, gone]


def snapshot(system_health: dict[str, Any], services: list[dict[str, Any]]) -> SimpleNamespace:
    return SimpleNamespace(system_health=system_health, services=services)


async def read(server: Any, path: str = "/plain") -> httpx.Response:
    async with server.client("read") as client:
        answer: httpx.Response = await client.get(path)
    assert answer.status_code == 200
    return answer


async def test_before_the_first_round_everything_is_unknown_and_nothing_is_green(server: Any) -> None:
    for snapshots in (server.snapshots, None):
        server.app.state.snapshots = snapshots
        page = (await read(server)).text
        assert page.count('class="badge unknown"') == 21
        assert "badge healthy" not in page
        assert "<strong>0 of 65</strong> services reporting" in page
        assert "there is no round of indicators yet" in page


async def test_the_page_shows_verdict_areas_numbers_and_services(server: Any) -> None:
    server.snapshots.latest = snapshot(body(), all_services())
    page = (await read(server)).text
    assert '<h1 id="verdict"><span class="badge degraded">! degraded</span></h1>' in page
    assert "<strong>64 of 65</strong> services reporting" in page
    assert page.count("<article") == 10
    assert "<dt>response time p95</dt><dd>1,200 ms<small>312 samples, in 5 m, 3 s ago</small></dd>" in page
    assert "<dt>active models</dt><dd>gpt-4, claude-3<small>" in page
    assert "2 %<small>312 samples, in 5 m, 3 s ago, estimated</small>" in page
    assert '<dt>cost last hour</dt><dd class="none">—<small>0 samples, in 5 m, 3 s ago</small></dd>' in page
    assert page.count('<th scope="row">') == 65
    assert "Credits &amp; Payments" in page
    assert "never loaded" in page
    assert "no process imported it" in page


async def test_a_snapshot_that_has_grown_old_is_no_verdict(server: Any) -> None:
    server.snapshots.latest = SimpleNamespace(
        system_health=body(overall_status="healthy", reasons=[]), services=all_services()
    )
    assert "✓ healthy</span></h1>" in (await read(server)).text
    server.clock.advance(120)
    page = (await read(server)).text
    assert "? unknown</span></h1>" in page
    assert "rounds have stopped" in page


async def test_nothing_that_was_measured_is_taken_as_markup(server: Any) -> None:
    attack = '"><script>alert(1)</script>'
    poisoned = service(1, name=attack, group=attack, area=attack, load_state=attack, reasons=[attack], status=attack)
    areas = body()["services"] | {"credits": {"status": attack, "reasons": [attack], attack: attack}}
    server.snapshots.latest = SimpleNamespace(
        system_health=body(reasons=[attack], services=areas, overall_status=attack), services=[poisoned]
    )
    page = (await read(server)).text
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert 'class="badge unknown"' in page


async def test_each_area_is_told_in_a_few_numbers_first_and_what_is_not_measured_looks_so(server: Any) -> None:
    server.snapshots.latest = snapshot(body(), all_services())
    page = (await read(server)).text
    glance = page[page.index('class="glance"') : page.index('id="areas"')]
    ai = glance[glance.index("#ai_systems") : glance.index("#signal_intelligence")]
    assert re.findall(r"<span( class=\"none\")?>([^<]+)</span>", ai) == [
        ("", "p95 1,200 ms"),
        ("", "2 models"),
        ("", "errors 2 %"),
        (' class="none"', "—/h"),
        (' class="none"', "— calls"),
    ]
    assert glance.count("nothing measured") == 9


async def test_services_that_need_a_look_come_first_and_absent_ones_are_named(server: Any) -> None:
    ill = service(66, status="critical", load_state="silent", reasons=["silent for 50 s"])
    server.snapshots.latest = snapshot(body(), [*all_services(), ill])
    page = (await read(server)).text
    assert "<strong>1 silent:</strong> Service 66" in page
    assert "<strong>1 never loaded:</strong> Service 65" in page
    rows = re.findall(r'<th scope="row">(Service \d+)', page)
    assert rows[:3] == ["Service 66", "Service 65", "Service 1"]
    assert len(rows) == 66


async def test_the_page_needs_no_script_and_nothing_from_elsewhere(server: Any) -> None:
    server.snapshots.latest = snapshot(body(), all_services())
    for path in ("/plain", "/plain/selfwatch", "/plain/docs", "/login"):
        answer = await read(server, path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert re.findall(r"(?:src|href|action)=\"(?![/#])[^\"]*\"", answer.text) == []
        assert "<script" not in answer.text
        assert " style=" not in answer.text
        assert re.findall(r"\son[a-z]+=", answer.text) == []


async def test_the_page_loads_itself_again_until_it_is_held(server: Any) -> None:
    assert '<meta http-equiv="refresh" content="5">' in (await read(server)).text
    assert "http-equiv" not in (await read(server, "/plain?refresh=0")).text


class Nesting(HTMLParser):
    """Fails on a tag that is closed without being open, or never closed."""

    VOID = frozenset({"meta", "link", "input", "br"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("path", ["/plain", "/plain/selfwatch", "/login", "/plain/docs"])
async def test_the_markup_is_well_nested(server: Any, path: str) -> None:
    server.snapshots.latest = snapshot(body(), all_services())
    nesting = Nesting()
    nesting.feed((await read(server, path)).text)
    assert nesting.open == []


def test_a_body_with_nothing_in_it_is_unknown_throughout() -> None:
    view = health_view({}, [], NOW, 60)
    assert view.status == "unknown"
    assert {area.status for area in view.areas} == {"unknown"}
    assert len(view.areas) == len(nothing_yet().areas) == 10


def test_a_number_without_an_origin_says_so_and_a_list_needs_none() -> None:
    told = {"status": "healthy", "orders_executed_5m": 12, "venues": []}
    view = health_view({"timestamp": AS_OF, "services": {"trading_execution": told}}, [], NOW, 60)
    area = next(area for area in view.areas if area.name == "Trading Execution")
    assert [(figure.value, figure.origin) for figure in area.figures] == [("12", "origin not told"), ("none", "")]


def test_reasons_may_be_sentences_or_findings_and_are_not_repeated() -> None:
    told = {"status": "degraded", "reasons": [{"reason": "silent", "sentence": "x is silent"}], "warnings": ["y", "y"]}
    view = health_view({"timestamp": AS_OF, "services": {"credits": told}}, [], NOW, 60)
    assert next(area for area in view.areas if area.name == "Credits").reasons == ("x is silent", "y")


@pytest.mark.parametrize(
    ("field", "value", "shown"),
    [
        ("response_time_p95_ms", 1_200, "1,200 ms"),
        ("p50_ms", 0.123456, "0.123 ms"),
        ("cost_last_hour_usd", 12.34, "$12.34"),
        ("avg_slippage_bps", 8, "8 bps"),
        ("redis_memory_bytes", 3 << 20, "3 MiB"),
        ("error_rate_5m", 0.02, "2 %"),
        ("delivery_success_rate", 1.0, "100 %"),
        ("websocket_uptime", 0.99996, "99.996 %"),
        ("websocket_uptime", 0.9999999, "99.99999 %"),
        ("fill_ratio", 0.5, "50 %"),
        ("signals_generated_5m", 45, "45"),
        ("rate", 123.456, "123.5"),
        ("anything", None, "—"),
        ("anything_ms", float("nan"), "—"),
        ("active_models", [], "none"),
        ("by_kind", {"a": 1, "b": 2}, "a: 1, b: 2"),
        ("flag", True, "yes"),
    ],
)
def test_a_number_is_shown_with_its_unit(field: str, value: object, shown: str) -> None:
    assert figure(field, value) == shown


def test_labels_leave_the_unit_to_the_number() -> None:
    assert label("response_time_p95_ms") == "response time p95"
    assert label("fill_ratio") == "fill ratio"
    assert label("error_rate_5m") == "error rate 5m"
    assert label("data_staleness_max_ms") == "data staleness max"


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0 s"), (59.4, "59 s"), (300, "5 m"), (7_200, "2 h"), (172_800, "2 d")]
)
def test_spans_are_told_in_their_largest_unit(seconds: float, shown: str) -> None:
    assert span(seconds) == shown


@pytest.mark.parametrize("at", [None, "", "yesterday", 5, "2026-03-04T05:06:04"])
def test_the_age_of_what_is_no_instant_is_unknown(at: object) -> None:
    assert age(at, NOW) == "—"
