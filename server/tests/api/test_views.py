"""Saved views and boards: kept, changed, deleted, each with a line in the audit log."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from observatory.state import open_store

VIEWS = "/api/v1/monitoring/views"
VIEW = {"kind": "view", "name": "Costs of the week", "address": "/costs?range=7d"}
PANEL = {"title": "", "indicator": "ai_systems.latency_p95", "member": "", "chart": "line", "wide": True}
BOARD = {"kind": "board", "name": "Mine", "panels": [PANEL]}


@pytest.fixture(autouse=True)
async def control(server: Any, tmp_path: Path) -> AsyncIterator[None]:
    """The control store, where the routes look for it."""
    opened = await open_store(f"sqlite+aiosqlite:///{tmp_path / 'views.db'}")
    server.app.state.control = opened
    yield
    await opened.close()


async def test_a_view_and_a_board_are_kept_and_seen_by_who_may_read(server: Any) -> None:
    async with server.client("operate") as client:
        view = (await client.post(VIEWS, json=VIEW)).json()
        board = (await client.post(VIEWS, json=BOARD)).json()
    async with server.client("read") as client:
        assert (await client.get(f"{VIEWS}/{view['id']}")).json() == view
        listed = (await client.get(VIEWS)).json()
        boards = (await client.get(VIEWS, params={"kind": "board"})).json()
        first = (await client.get(VIEWS, params={"limit": 1})).json()
        rest = (await client.get(VIEWS, params={"limit": 1, "cursor": first["next"]})).json()
    assert listed == {"items": [board, view], "next": None}
    assert boards["items"] == [board]
    assert (first["items"], rest["items"]) == ([board], [view])
    assert (view["address"], view["panels"]) == (VIEW["address"], [])
    assert (board["address"], board["panels"]) == ("", [PANEL])
    assert view["created_by"].startswith("token:")


async def test_a_view_is_changed_and_deleted_and_the_audit_log_tells_of_it(server: Any) -> None:
    async with server.client("operate") as client:
        kept = (await client.post(VIEWS, json=VIEW)).json()
        server.clock.advance(60)
        changed = (await client.put(f"{VIEWS}/{kept['id']}", json=VIEW | {"name": "Anew"})).json()
        assert (changed["name"], changed["created_at"]) == ("Anew", kept["created_at"])
        assert changed["changed_at"] > kept["changed_at"]
        assert (await client.delete(f"{VIEWS}/{kept['id']}")).status_code == 204
        for answer in (
            await client.get(f"{VIEWS}/{kept['id']}"),
            await client.put(f"{VIEWS}/{kept['id']}", json=VIEW),
            await client.delete(f"{VIEWS}/{kept['id']}"),
        ):
            assert answer.status_code == 404
    async with server.app.state.control.reading() as rows:
        lines = await rows.audit.page(None, 10)
    assert [each.action for each in lines] == ["view.deleted", "view.changed", "view.created"]
    assert {each.subject for each in lines} == {f"view:{kept['id']}"}


@pytest.mark.parametrize(
    "changes",
    [
        {"address": "//evil.test/"},
        {"address": "https://evil.test/"},
        {"address": ""},
        {"name": "   "},
        {"panels": [PANEL]},
        {"kind": "board"},
        {"kind": "board", "address": "", "panels": [PANEL | {"indicator": "../etc"}]},
        {"kind": "board", "address": "", "panels": [PANEL] * 25},
        {"colour": "red"},
    ],
)
async def test_what_is_no_view_is_refused(server: Any, changes: dict[str, Any]) -> None:
    async with server.client("operate") as client:
        assert (await client.post(VIEWS, json=VIEW | changes)).status_code == 422


async def test_who_may_only_read_changes_nothing_and_no_other_site_does(server: Any, log_in: Any) -> None:
    async with server.client("read") as client:
        assert (await client.post(VIEWS, json=VIEW)).status_code == 403
        assert (await client.delete(f"{VIEWS}/1")).status_code == 403
    async with log_in("operate") as client:
        assert (await client.post(VIEWS, json=VIEW, headers={"Origin": "http://evil.test"})).status_code == 403
        ours = {"Origin": "http://observatory.test"}
        assert (await client.post(VIEWS, json=VIEW, headers=ours)).status_code == 201
