"""A browser logs in and out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx
import pytest

LogIn = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
OURS = {"Origin": "http://observatory.test"}


async def test_a_login_link_sets_a_cookie_that_scripts_and_other_sites_cannot_use(server: Any) -> None:
    code = await server.tokens.issue_login_link(["read"])
    async with server.client() as client:
        answer = await client.get(f"/login/{code}")
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        name, *attributes = answer.headers["set-cookie"].split("; ")
        assert name.startswith("observatory_session=")
        assert {"HttpOnly", "SameSite=strict", "Path=/", "Max-Age=43200"} == set(attributes)
        assert answer.headers["cache-control"] == "no-store"
        assert (await client.get("/", headers=HTML)).status_code == 200


async def test_over_https_the_cookie_is_secure(server: Any) -> None:
    code = await server.tokens.issue_login_link(["read"])
    async with server.client(address="https://observatory.test") as client:
        assert "Secure" in (await client.get(f"/login/{code}")).headers["set-cookie"]


async def test_a_login_link_works_once_also_when_used_twice_at_the_same_time(server: Any) -> None:
    code = await server.tokens.issue_login_link(["read"])
    async with server.client() as client:
        answers = await asyncio.gather(*(client.get(f"/login/{code}") for _ in range(2)))
        assert sorted(answer.status_code for answer in answers) == [303, 401]
        again = await client.get(f"/login/{code}")
        assert again.status_code == 401
        assert "set-cookie" not in again.headers


async def test_a_login_link_is_good_for_ten_minutes(server: Any) -> None:
    code = await server.tokens.issue_login_link(["read"])
    server.clock.advance(600)
    async with server.client() as client:
        assert (await client.get(f"/login/{code}")).status_code == 401


async def test_no_answer_and_no_log_line_repeats_a_code_or_a_token(
    server: Any, caplog: pytest.LogCaptureFixture
) -> None:
    code = await server.tokens.issue_login_link(["read"])
    server.clock.advance(601)
    with caplog.at_level(logging.DEBUG):
        async with server.client() as client:
            for headers in ({}, HTML):
                answer = await client.get(f"/login/{code}", headers=headers)
                assert answer.status_code == 401
                assert code not in answer.text
            sent = {"credential": "obs_wrong-secret", "next": "/"}
            assert "wrong-secret" not in (await client.post("/login", data=sent, headers=HTML)).text
    assert "wrong-secret" not in caplog.text
    # The client's own log names the address it asks; ours must not.
    ours = [each.getMessage() for each in caplog.records if not each.name.startswith("http")]
    assert code not in " ".join(ours)


async def test_a_token_pasted_into_the_form_opens_a_session(server: Any) -> None:
    async with server.client() as client:
        form = {"credential": f"  {server.texts['read']}\n", "next": "/selfwatch"}
        answer = await client.post("/login", data=form, headers=OURS)
        assert (answer.status_code, answer.headers["location"]) == (303, "/selfwatch")
        assert (await client.get("/selfwatch")).status_code == 200


async def test_a_login_link_pasted_into_the_form_opens_a_session(server: Any) -> None:
    code = await server.tokens.issue_login_link(["read"])
    async with server.client() as client:
        answer = await client.post("/login", data={"credential": f"http://somewhere.test/login/{code}"})
        assert answer.status_code == 303
        assert (await client.get("/")).status_code == 200


@pytest.mark.parametrize("target", ["//evil.test/", "/\\evil.test", "https://evil.test", "/a\nb", ""])
async def test_logging_in_never_leads_to_another_host(server: Any, target: str) -> None:
    async with server.client() as client:
        answer = await client.post("/login", data={"credential": server.texts["read"], "next": target})
        assert answer.headers["location"] == "/"
        assert "evil" not in (await client.get("/login", params={"next": target})).text


async def test_another_sites_form_cannot_log_a_browser_in(server: Any) -> None:
    async with server.client() as client:
        form = {"credential": server.texts["read"]}
        answer = await client.post("/login", data=form, headers={"Origin": "http://evil.test"})
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers


async def test_a_wrong_token_shows_the_form_again_with_the_reason(server: Any) -> None:
    async with server.client() as client:
        answer = await client.post("/login", data={"credential": "obs_wrong"}, headers=HTML)
        assert answer.status_code == 401
        assert "unknown, revoked or expired" in answer.text
        assert 'name="credential"' in answer.text


async def test_too_many_attempts_are_told_when_to_try_again(server: Any) -> None:
    async with server.client() as client:
        for _ in range(10):
            assert (await client.get("/login/wrong")).status_code == 401
        answer = await client.get("/login/wrong")
        assert answer.status_code == 429
        assert answer.json()["retry_after_s"] == int(answer.headers["retry-after"])
        server.clock.advance(answer.json()["retry_after_s"])
        assert (await client.get("/login/wrong")).status_code == 401


async def test_people_who_share_an_address_may_all_log_in(server: Any) -> None:
    async with server.client() as client:
        for _ in range(15):
            code = await server.tokens.issue_login_link(["read"])
            assert (await client.get(f"/login/{code}")).status_code == 303


async def test_logging_out_ends_the_session_and_takes_the_cookie(server: Any, log_in: LogIn) -> None:
    async with log_in() as client:
        cookie = client.cookies["observatory_session"]
        answer = await client.post("/logout", headers=OURS)
        assert (answer.status_code, answer.headers["location"]) == (303, "/login")
        assert "observatory_session" not in client.cookies
        assert (await client.get("/", headers={"Cookie": f"observatory_session={cookie}"})).status_code == 401


@pytest.mark.parametrize("headers", [{}, {"Origin": "http://evil.test"}])
async def test_another_site_cannot_log_a_browser_out(server: Any, log_in: LogIn, headers: dict[str, str]) -> None:
    async with log_in() as client:
        assert (await client.post("/logout", headers=headers)).status_code == 403
        assert (await client.get("/")).status_code == 200


async def test_logging_in_anew_ends_the_session_before(server: Any, log_in: LogIn) -> None:
    async with log_in() as client:
        before = client.cookies["observatory_session"]
        code = await server.tokens.issue_login_link(["read"])
        await client.get(f"/login/{code}")
        assert client.cookies["observatory_session"] != before
        assert (await client.get("/", headers={"Cookie": f"observatory_session={before}"})).status_code == 401


async def test_a_browser_that_is_not_logged_in_is_shown_the_form_and_led_on_to_where_it_wanted(server: Any) -> None:
    async with server.client() as client:
        answer = await client.get("/selfwatch?a=1&b=2", headers=HTML)
        assert answer.status_code == 401
        assert answer.headers["content-type"].startswith("text/html")
        assert 'name="next" value="/selfwatch?a=1&amp;b=2"' in answer.text
        assert "http-equiv" not in answer.text


async def test_a_link_from_another_site_is_asked_for_again_from_our_own_page(server: Any, log_in: LogIn) -> None:
    elsewhere = HTML | {"Sec-Fetch-Site": "cross-site"}
    async with server.client() as client:
        answer = await client.get("/selfwatch", headers=elsewhere)
        assert '<meta http-equiv="refresh" content="0;url=/selfwatch">' in answer.text
        code = await server.tokens.issue_login_link(["read"])
        entered = await client.get(f"/login/{code}", headers=elsewhere)
        assert entered.status_code == 200
        assert "observatory_session" in client.cookies
        assert 'content="0;url=/"' in entered.text


async def test_a_form_too_large_is_refused(server: Any) -> None:
    async with server.client() as client:
        answer = await client.post("/login", data={"credential": "x" * (1 << 20)})
        assert answer.status_code == 413
        assert answer.headers["content-type"] == "application/problem+json"
