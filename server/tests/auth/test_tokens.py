"""Tokens: issued, checked from memory, revoked, expired, and there again after a restart."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path

import pytest

from observatory.auth import Principal, Tokens
from observatory.clock import Clock, HeldClock
from observatory.errors import Forbidden, InvalidRequest, NotFound, StateError, Unauthenticated
from observatory.state import State, open_store


async def test_a_token_says_what_it_is_and_carries_256_random_bits(tokens: Tokens) -> None:
    texts = [(await tokens.issue("t", ["read"]))[0] for _ in range(20)]
    assert len(set(texts)) == 20
    assert all(re.fullmatch(r"obs_[A-Za-z0-9_-]{43}", text) for text in texts)


async def test_a_token_works_at_once_and_for_its_scopes_alone(tokens: Tokens) -> None:
    text, record = await tokens.issue("collector", ["ingest"])
    principal = tokens.check(text, "ingest")
    assert principal == Principal(f"token:{record.id}", "collector", frozenset({"ingest"}))
    for scope in ("read", "operate", "admin", "user:7"):
        with pytest.raises(Forbidden, match=scope):
            tokens.check(text, scope)


@pytest.mark.parametrize("presented", [None, "", "obs_", "obs_" + "A" * 43, "x" * 1_000_000, "\ud800", "ü\x00"])
async def test_what_is_no_token_is_refused(tokens: Tokens, presented: str | None) -> None:
    await tokens.issue("t", ["admin"])
    with pytest.raises(Unauthenticated):
        tokens.check(presented, "read")


async def test_a_token_with_one_character_changed_is_refused(tokens: Tokens) -> None:
    text, _ = await tokens.issue("t", ["read"])
    for place in range(len(text)):
        changed = text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]
        with pytest.raises(Unauthenticated):
            tokens.check(changed, "read")
    for other in (text[:-1], text + "A", " " + text, text.lower()):
        with pytest.raises(Unauthenticated):
            tokens.check(other, "read")


async def test_a_token_expires_to_the_second(tokens: Tokens, clock: HeldClock) -> None:
    text, _ = await tokens.issue("t", ["read"], 60)
    clock.advance(59.999)
    assert tokens.check(text, "read").name == "t"
    clock.advance(0.001)
    with pytest.raises(Unauthenticated):
        tokens.check(text, "read")


async def test_a_revoked_token_is_out_at_once_and_cannot_be_revoked_again(tokens: Tokens) -> None:
    text, record = await tokens.issue("t", ["read"])
    kept, _ = await tokens.issue("other", ["read"])
    revoked = await tokens.revoke(record.id, "token:9", "left the team")
    assert revoked.revoked_at is not None
    with pytest.raises(Unauthenticated):
        tokens.check(text, "read")
    assert tokens.check(kept, "read").name == "other"
    with pytest.raises(NotFound):
        await tokens.revoke(record.id)


async def test_a_revoked_token_takes_the_sessions_opened_with_it_along(tokens: Tokens, state: State) -> None:
    text, record = await tokens.issue("t", ["read"])
    other, _ = await tokens.issue("other", ["read"])
    cookie, kept = await tokens.log_in(text, "address:a"), await tokens.log_in(other, "address:a")
    await tokens.revoke(record.id)
    for each in (tokens, await loaded(state, HeldClock(record.created_at))):
        with pytest.raises(Unauthenticated):
            each.sessions.check(cookie, "read")
        assert each.sessions.check(kept, "read").scopes == {"read"}


async def loaded(state: State, clock: HeldClock) -> Tokens:
    tokens = Tokens(state, clock)
    await tokens.load()
    return tokens


def content(folder: Path) -> bytes:
    return b"".join(each.read_bytes() for each in folder.iterdir())


def destroy(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "state.db")) as connection:
        connection.execute("DROP TABLE sessions")


async def stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def until(condition: Callable[[], object]) -> None:
    for _ in range(4_000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not happen within 40 s")


async def test_the_file_holds_no_token_no_code_and_no_cookie(tokens: Tokens, state: State, tmp_path: Path) -> None:
    text, _ = await tokens.issue("t", ["read"])
    code = await tokens.issue_login_link(["read"])
    unused = await tokens.issue_login_link(["read"])
    cookies = [await tokens.sessions.open_with_link(code, "address:a"), await tokens.log_in(text, "address:a")]
    await state.close()
    stored = content(tmp_path)
    for secret in (text, code, unused, *cookies):
        assert secret.encode() not in stored
        # The secret itself may hold the character that parts it from what is in front of it.
        assert secret[-32:].encode() not in stored


@pytest.mark.parametrize(
    ("name", "scopes", "expires_in_s"),
    [
        ("", ["read"], None),
        (" \n", ["read"], None),
        ("x" * 129, ["read"], None),
        ("a\x00b", ["read"], None),
        ("\ud800", ["read"], None),
        ("t", [], None),
        ("t", ["everything"], None),
        ("t", ["read"], 0),
        ("t", ["read"], -5),
        ("t", ["read"], 10**15),
    ],
)
async def test_a_token_that_makes_no_sense_is_not_issued(
    tokens: Tokens, name: str, scopes: list[str], expires_in_s: int | None
) -> None:
    with pytest.raises(InvalidRequest):
        await tokens.issue(name, scopes, expires_in_s)
    assert await tokens.page(None, 10) == []


async def test_each_event_leaves_its_audit_line(tokens: Tokens) -> None:
    text, record = await tokens.issue("t", ["read"], None, "token:9", "for the collector")
    cookie = await tokens.log_in(text, "address:10.0.0.1")
    await tokens.sessions.end(cookie)
    await tokens.issue_login_link(["read"])
    with pytest.raises(Unauthenticated):
        await tokens.log_in("obs_wrong", "address:10.0.0.2")
    await tokens.revoke(record.id, "token:9", "rotated")
    lines = [(line.actor, line.action, line.subject, line.reason) for line in await tokens.audit(None, 20)]
    assert lines[::-1] == [
        ("token:9", "token.issued", "token:1", "for the collector"),
        ("address:10.0.0.1", "session.opened", "session:1", "with token:1"),
        ("session:1", "session.ended", "session:1", "logged out"),
        ("server", "login_link.issued", "login_link:1", ""),
        ("address:10.0.0.2", "login.refused", "", "the token is unknown, revoked or expired"),
        ("token:9", "token.revoked", "token:1", "rotated"),
    ]


async def test_strangers_cannot_fill_the_audit_log(tokens: Tokens, clock: HeldClock) -> None:
    for _ in range(200):
        with pytest.raises(Unauthenticated):
            await tokens.log_in("obs_wrong", "address:a")
    assert len(await tokens.audit(None, 200)) == 60


async def test_a_token_tells_when_it_was_last_used(tokens: Tokens, clock: HeldClock) -> None:
    text, _ = await tokens.issue("t", ["read"])
    await tokens.issue("idle", ["read"])
    clock.advance(100)
    tokens.check(text, "read")
    used_at = clock.now()
    clock.advance(5)
    await tokens.load()
    assert [record.last_used_at for record in await tokens.page(None, 10)] == [None, used_at]


async def test_what_another_server_changed_counts_after_the_next_refresh(
    tokens: Tokens, state: State, clock: HeldClock
) -> None:
    text, record = await tokens.issue("t", ["read"])
    other = await loaded(state, clock)
    await other.revoke(record.id)
    added, _ = await other.issue("added", ["read"])
    assert tokens.check(text, "read").name == "t"
    refreshing = asyncio.create_task(tokens.refresh(every_s=0.01))
    await until(lambda: works(tokens, added))
    await stop(refreshing)
    with pytest.raises(Unauthenticated):
        tokens.check(text, "read")


async def test_a_refresh_cut_short_at_any_moment_does_not_hold_up_the_end(tokens: Tokens, state: State) -> None:
    for turns in range(40):
        refreshing = asyncio.create_task(tokens.refresh(every_s=0.0))
        for _ in range(turns):
            await asyncio.sleep(0)
        await stop(refreshing)
        assert refreshing.done()
    async with asyncio.timeout(60):
        await state.close()


def works(tokens: Tokens, text: str) -> bool:
    try:
        return bool(tokens.check(text, "read"))
    except Unauthenticated:
        return False


async def test_tokens_stay_in_force_while_the_control_store_fails(
    tokens: Tokens, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    text, _ = await tokens.issue("t", ["read"])
    destroy(tmp_path)
    with pytest.raises(StateError):
        await tokens.load()
    with caplog.at_level(logging.WARNING):
        refreshing = asyncio.create_task(tokens.refresh())
        await until(lambda: caplog.records)
        await stop(refreshing)
    assert "could not be refreshed" in caplog.text
    assert text not in caplog.text
    assert tokens.check(text, "read").name == "t"


async def test_threads_may_check_while_tokens_come_and_go(tokens: Tokens) -> None:
    text, _ = await tokens.issue("steady", ["ingest"])
    failures: list[BaseException] = []
    stop = threading.Event()

    def check() -> None:
        while not stop.is_set():
            try:
                tokens.check(text, "ingest")
                time.sleep(0.0005)
            except BaseException as error:
                failures.append(error)
                return

    threads = [threading.Thread(target=check) for _ in range(2)]
    for thread in threads:
        thread.start()
    for number in range(15):
        _, record = await tokens.issue(str(number), ["read"])
        await tokens.load()
        await tokens.revoke(record.id)
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []


ISSUER = """
import asyncio, sys
from observatory.auth import Principal, Tokens
from observatory.clock import Clock
from observatory.state import open_store

async def main():
    tokens = Tokens(await open_store(sys.argv[1]), Clock())
    await tokens.load()
    text, _ = await tokens.issue("survivor", ["read"])
    gone, record = await tokens.issue("gone", ["read"])
    cookie = await tokens.sessions.open_with_link(await tokens.issue_login_link(["read"]), "address:a")
    used = await tokens.issue_login_link(["read"])
    await tokens.sessions.open_with_link(used, "address:a")
    fresh = await tokens.issue_login_link(["operate"])
    await tokens.revoke(record.id)
    print(text, gone, cookie, used, fresh, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


def issue_and_die(url: str) -> list[str]:
    with subprocess.Popen([sys.executable, "-c", ISSUER, url], stdout=subprocess.PIPE, text=True) as issuer:
        assert issuer.stdout is not None
        line = issuer.stdout.readline()
        os.kill(issuer.pid, signal.SIGKILL)
    return line.split()


@asynccontextmanager
async def restarted(url: str) -> AsyncIterator[Tokens]:
    state = await open_store(url)
    tokens = Tokens(state, Clock())
    await tokens.load()
    yield tokens
    await state.close()


async def test_after_a_kill_everything_acknowledged_still_holds(url: str) -> None:
    text, gone, cookie, used, fresh = issue_and_die(url)
    async with restarted(url) as tokens:
        assert tokens.check(text, "read").name == "survivor"
        assert tokens.sessions.check(cookie, "read").scopes == {"read"}
        with pytest.raises(Unauthenticated):
            tokens.check(gone, "read")
        with pytest.raises(Unauthenticated):
            await tokens.sessions.open_with_link(used, "address:a")
        again = await tokens.sessions.open_with_link(fresh, "address:a")
        assert tokens.sessions.check(again, "operate").scopes == {"operate"}
