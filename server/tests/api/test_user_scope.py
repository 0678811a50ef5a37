"""Users who ask see only themselves, whatever they ask."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from observatory import api
from observatory.api import shell
from observatory.auth import Principal, user_scope

IDS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)
# What anybody may ask for who has any token, or none: whether the server lives, how to log in and out, and what a
# signed link opens, which says by itself who may.
OPEN = {"/livez", "/readyz", "/login", "/login/{code}", "/logout", "/acknowledge/{token}"}
USER = "/api/v1/monitoring/user/{user_id}"
# Who is asking may be asked by anybody; the pages lead a user to his own: test_shell.py.
THEIRS = {USER, "/api/v1/monitoring/session", *shell.PATHS}


def _routes() -> list[tuple[str, str]]:
    found = []
    for router in api.ROUTERS:
        for route in router.routes:
            if isinstance(route, APIRoute) and route.path not in OPEN:
                found += [(method, route.path) for method in sorted(route.methods)]
    return found


@pytest.mark.parametrize(("method", "path"), [each for each in _routes() if each[1] not in THEIRS])
async def test_every_other_route_is_closed_to_a_user(server: Any, method: str, path: str) -> None:
    async with server.client("user:7") as client:
        filled = path.replace("{", "").replace("}", "").replace("token_id", "1").replace("link_id", "1")
        answer = await client.request(method, filled, json={})
    assert answer.status_code in (401, 403), f"{method} {path}: {answer.status_code}"


@given(other=IDS)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
async def test_no_other_id_is_opened_by_a_users_token(server: Any, other: str) -> None:
    async with server.client("user:7") as client:
        answer = await client.get(f"/api/v1/monitoring/user/{quote(other, safe='')}")
    if other != "7":
        # An id with a slash is no path of ours: it leads nowhere.
        assert answer.status_code in (307, 403, 404), other
        assert "active_services" not in answer.text


@given(held=IDS, asked=IDS)
@settings(max_examples=200, deadline=None)
def test_a_scope_opens_one_user_only(held: str, asked: str) -> None:
    principal = Principal("token:1", "", frozenset({user_scope(held)}))
    assert principal.allows(user_scope(asked)) is (held == asked)
    assert not any(principal.allows(scope) for scope in ("read", "operate", "ingest", "admin"))
