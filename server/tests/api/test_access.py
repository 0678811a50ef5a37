"""No endpoint without a token, except the four kinds that the design names, and the signed links of messages."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI
from fastapi.routing import iter_route_contexts

from observatory import api
from observatory.api.access import require, require_user
from observatory.auth import Principal

LogIn = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]

# What a link of a message opens is decided by its signature: server/tests/oncall/test_links.py.
PUBLIC = {"/livez", "/readyz", "/login", "/login/{code}", "/acknowledge/{token}", "/static", "/assets"}
# Who sends telemetry may ask before it spends.
SENDERS_MAY = {
    "/logout",
    "/api/v1/monitoring/costs/budgets/check",
    "/api/v1/monitoring/alertmanager",
    "/api/v1/monitoring/session",
}


def routes(app: FastAPI) -> list[tuple[str, str]]:
    """Method and path of every route, with its parameters filled in."""
    return [
        (method, context.path.replace("{", "").replace("}", "").replace("token_id", "1"))
        for context in iter_route_contexts(app.routes)
        if context.path is not None and context.path not in PUBLIC
        for method in sorted((context.methods or set()) - {"HEAD"})
    ]


async def test_every_route_but_the_public_ones_answers_401_without_a_token(server: Any) -> None:
    walked = routes(server.app)
    assert {"/", "/ai", "/plain", "/plain/selfwatch", "/docs", "/openapi.json", "/metrics", "/logout"} <= {
        path for _, path in walked
    }
    assert len(walked) >= 11
    async with server.client() as client:
        for method, path in walked:
            answer = await client.request(method, path)
            assert answer.status_code == 401, (method, path)
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["www-authenticate"].startswith("Bearer")
            assert answer.json()["status"] == 401


async def test_every_route_answers_401_to_a_token_that_is_none(server: Any) -> None:
    async with server.client() as client:
        for value in ("Bearer obs_" + "A" * 43, "Bearer ", "Bearer", "Basic dTpw", server.texts["admin"]):
            for method, path in routes(server.app):
                if path == "/logout":
                    continue
                answer = await client.request(method, path, headers={"Authorization": value})
                assert answer.status_code == 401, (value, method, path)


async def test_every_route_answers_403_to_a_token_of_the_wrong_scope(server: Any) -> None:
    async with server.client("ingest") as client:
        for method, path in routes(server.app):
            if path in SENDERS_MAY:
                continue
            answer = await client.request(method, path)
            assert answer.status_code == 403, (method, path)
            assert "scope" in answer.json()["detail"]


async def test_what_is_public_tells_nothing_but_that_it_is_there(server: Any) -> None:
    async with server.client() as client:
        assert (await client.get("/livez")).json() == {"status": "pass"}
        assert (await client.get("/readyz")).json() == {"status": "pass"}
        assert (await client.get("/login")).status_code == 200
        assert (await client.get("/static/observatory.css")).headers["content-type"].startswith("text/css")
        assert (await client.get("/static/observatory.css")).headers["cache-control"] == "no-cache"
        assert (await client.get("/static/../__init__.py")).status_code == 404


async def test_readyz_is_503_until_the_server_can_serve(server: Any) -> None:
    server.ready = False
    async with server.client() as client:
        answer = await client.get("/readyz")
        assert (answer.status_code, answer.json()) == (503, {"status": "fail"})
        assert (await client.get("/livez")).status_code == 200
        del server.app.state.ready
        assert (await client.get("/readyz")).status_code == 503


async def test_a_revoked_token_is_refused_at_once(server: Any) -> None:
    async with server.client("read") as client:
        assert (await client.get("/metrics")).status_code == 200
        record = next(each for each in await server.tokens.page(None, 10) if each.name == "read")
        await server.tokens.revoke(record.id)
        assert (await client.get("/metrics")).status_code == 401


async def test_the_cookie_of_a_session_opens_pages_and_reads(server: Any, log_in: LogIn) -> None:
    async with log_in("read") as client:
        assert (await client.get("/")).status_code == 200
        assert (await client.get("/metrics")).status_code == 200
        assert (await client.get("/api/v1/monitoring/tokens")).status_code == 403


async def test_a_bad_token_is_not_saved_by_a_good_cookie(server: Any, log_in: LogIn) -> None:
    async with log_in("read") as client:
        answer = await client.get("/", headers={"Authorization": "Bearer obs_wrong"})
        assert answer.status_code == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 403),
        ({"Origin": "http://evil.test"}, 403),
        ({"Origin": "http://observatory.test:3000"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "http://observatory.test"}, 201),
        ({"Sec-Fetch-Site": "same-origin"}, 201),
    ],
)
async def test_a_change_with_a_cookie_is_accepted_from_our_own_pages_only(
    server: Any, log_in: LogIn, headers: dict[str, str], status: int
) -> None:
    wanted = {"name": "x", "scopes": ["read"]}
    async with log_in("admin") as client:
        answer = await client.post("/api/v1/monitoring/tokens", json=wanted, headers=headers)
        assert answer.status_code == status


@pytest.mark.parametrize(
    ("scope", "status"), [("user:7", 200), ("read", 200), ("admin", 200), ("ingest", 403), (None, 401)]
)
async def test_a_user_scope_opens_that_user_alone(server: Any, scope: str | None, status: int) -> None:
    async def show(principal: Annotated[Principal, Depends(require_user)]) -> str:
        return principal.name

    server.app.add_api_route("/of/{user_id}", show)

    async with server.client(scope) as client:
        assert (await client.get("/of/7")).status_code == status
        other = await client.get("/of/8")
        assert other.status_code == (403 if scope == "user:7" else status)


async def test_operate_may_read_and_act_but_not_administer(server: Any) -> None:
    async def act(principal: Annotated[Principal, Depends(require("operate"))]) -> str:
        return principal.name

    server.app.add_api_route("/act", act, methods=["POST"])

    for scope, status in (("operate", 200), ("admin", 200), ("read", 403), ("ingest", 403)):
        async with server.client(scope) as client:
            assert (await client.post("/act")).status_code == status
    async with server.client("operate") as client:
        assert (await client.get("/metrics")).status_code == 200
        assert (await client.get("/api/v1/monitoring/audit")).status_code == 403


def test_an_application_with_pages_from_a_cdn_is_refused() -> None:
    with pytest.raises(ValueError, match="make the application with"):
        api.include(FastAPI())
