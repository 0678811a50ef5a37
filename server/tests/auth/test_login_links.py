"""Login links and sessions: once, in time, and out again."""

from __future__ import annotations

import asyncio

import pytest

from observatory.auth import Tokens
from observatory.clock import HeldClock
from observatory.errors import Forbidden, InvalidRequest, Unauthenticated
from observatory.state import State


async def test_a_link_opens_a_session_with_its_scopes(tokens: Tokens) -> None:
    code = await tokens.issue_login_link(["read"])
    cookie = await tokens.sessions.open_with_link(code, "address:a")
    assert tokens.sessions.check(cookie, "read").actor == "session:1"
    with pytest.raises(Forbidden):
        tokens.sessions.check(cookie, "admin")


async def test_a_link_works_once(tokens: Tokens) -> None:
    code = await tokens.issue_login_link(["read"])
    await tokens.sessions.open_with_link(code, "address:a")
    with pytest.raises(Unauthenticated):
        await tokens.sessions.open_with_link(code, "address:a")


async def test_of_many_that_use_a_link_at_once_one_gets_in(tokens: Tokens, state: State, clock: HeldClock) -> None:
    code = await tokens.issue_login_link(["read"])
    # Two servers on one database: no lock in memory can decide between them.
    servers = [tokens, Tokens(state, clock)]
    outcomes = await asyncio.gather(
        *(servers[number % 2].sessions.open_with_link(code, f"address:{number}") for number in range(10)),
        return_exceptions=True,
    )
    assert sum(isinstance(each, str) for each in outcomes) == 1
    assert sum(isinstance(each, Unauthenticated) for each in outcomes) == 9


async def test_a_link_is_good_for_ten_minutes(tokens: Tokens, clock: HeldClock) -> None:
    early, late = await tokens.issue_login_link(["read"]), await tokens.issue_login_link(["read"])
    clock.advance(599.9)
    await tokens.sessions.open_with_link(early, "address:a")
    clock.advance(0.1)
    with pytest.raises(Unauthenticated):
        await tokens.sessions.open_with_link(late, "address:a")


@pytest.mark.parametrize("ttl_s", [0, -1, 86_401])
async def test_a_link_without_a_sensible_life_is_not_issued(tokens: Tokens, ttl_s: int) -> None:
    with pytest.raises(InvalidRequest, match="ttl_s"):
        await tokens.issue_login_link(["read"], ttl_s)


async def test_a_tampered_link_is_refused_and_the_true_one_still_works(tokens: Tokens) -> None:
    code = await tokens.issue_login_link(["read"])
    for wrong in (code[:-1], code + "A", code.swapcase(), "", "\ud800", "x" * 100_000):
        with pytest.raises(Unauthenticated):
            await tokens.sessions.open_with_link(wrong, "address:a")
    assert await tokens.sessions.open_with_link(code, "address:a")


async def test_the_audit_log_tells_why_a_link_was_refused(tokens: Tokens, clock: HeldClock) -> None:
    used, late = await tokens.issue_login_link(["read"]), await tokens.issue_login_link(["read"])
    await tokens.sessions.open_with_link(used, "address:a")
    clock.advance(600)
    for code in (used, late, "unheard of"):
        with pytest.raises(Unauthenticated):
            await tokens.sessions.open_with_link(code, "address:a")
    reasons = [line.reason for line in await tokens.audit(None, 20) if line.action == "login.refused"]
    assert reasons[::-1] == ["the link was used", "the link has expired", "the link is unknown"]


async def test_a_session_expires(tokens: Tokens, clock: HeldClock) -> None:
    cookie = await tokens.sessions.open_with_link(await tokens.issue_login_link(["read"]), "address:a")
    clock.advance(43_199)
    assert tokens.sessions.check(cookie, "read").actor == "session:1"
    clock.advance(1)
    with pytest.raises(Unauthenticated):
        tokens.sessions.check(cookie, "read")


async def test_a_session_ends_no_later_than_its_token(tokens: Tokens, clock: HeldClock) -> None:
    text, _ = await tokens.issue("short", ["read"], 60)
    cookie = await tokens.log_in(text, "address:a")
    clock.advance(60)
    with pytest.raises(Unauthenticated):
        tokens.sessions.check(cookie, "read")


async def test_logging_out_ends_the_session_for_good(tokens: Tokens, state: State, clock: HeldClock) -> None:
    cookie = await tokens.sessions.open_with_link(await tokens.issue_login_link(["read"]), "address:a")
    await tokens.sessions.end(cookie)
    await tokens.sessions.end(cookie)
    await tokens.load()
    with pytest.raises(Unauthenticated):
        tokens.sessions.check(cookie, "read")


async def test_a_cookie_is_no_token_and_a_token_is_no_cookie(tokens: Tokens) -> None:
    text, _ = await tokens.issue("t", ["admin"])
    cookie = await tokens.log_in(text, "address:a")
    with pytest.raises(Unauthenticated):
        tokens.check(cookie, "read")
    with pytest.raises(Unauthenticated):
        tokens.sessions.check(text, "read")


async def test_old_links_and_sessions_are_cleared_away(tokens: Tokens, state: State, clock: HeldClock) -> None:
    code = await tokens.issue_login_link(["read"])
    await tokens.sessions.open_with_link(code, "address:a")
    clock.advance(3 * 86_400)
    await tokens.load()
    with pytest.raises(Unauthenticated):
        await tokens.sessions.open_with_link(code, "address:a")
    (line, *_) = await tokens.audit(None, 1)
    assert line.reason == "the link is unknown"
