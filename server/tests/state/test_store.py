"""The control store over real SQLite files."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import sqlite

from observatory.errors import SettingsError, StateError
from observatory.state import Rows, State, TokenRecord, open_store
from observatory.state.schema import UtcTime

NOW = datetime(2026, 3, 4, 5, 6, 7, 891_234, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "made" / "on the way" / "state.db"


def url(path: Path) -> str:
    return f"sqlite+aiosqlite:///{path}"


async def keep_token(rows: Rows, number: int = 1, expires_at: datetime | None = None) -> TokenRecord:
    return await rows.tokens.insert(f"n{number}", bytes([number]) * 32, frozenset({"read"}), "test", NOW, expires_at)


async def test_what_is_written_is_there_after_opening_again(path: Path) -> None:
    state = await open_store(url(path))
    async with state.writing() as rows:
        kept = await keep_token(rows, expires_at=NOW + timedelta(days=1))
        await rows.audit.insert("server", "token.issued", f"token:{kept.id}", "for the test", NOW)
    await state.close()

    state = await open_store(url(path))
    async with state.reading() as rows:
        assert await rows.tokens.in_force(NOW) == [kept]
        (line,) = await rows.audit.page(None, 10)
    await state.close()
    assert kept.created_at == NOW
    assert kept.scopes == frozenset({"read"})
    assert (line.at, line.actor, line.action, line.subject, line.reason) == (
        NOW,
        "server",
        "token.issued",
        "token:1",
        "for the test",
    )


async def test_the_file_can_be_read_by_its_owner_alone(path: Path) -> None:
    state = await open_store(url(path))
    async with state.writing() as rows:
        await keep_token(rows)
    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}
    await state.close()
    assert modes == {"state.db": 0o600, "state.db-wal": 0o600, "state.db-shm": 0o600}


async def test_a_block_that_raises_leaves_nothing(path: Path) -> None:
    state = await open_store(url(path))

    async def write_and_fail() -> None:
        async with state.writing() as rows:
            await keep_token(rows)
            raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        await write_and_fail()
    async with state.reading() as rows:
        assert await rows.tokens.page(None, 10) == []
    await state.close()


async def test_writers_at_once_wait_for_each_other(path: Path) -> None:
    state = await open_store(url(path))

    async def write(number: int) -> None:
        async with state.writing() as rows:
            await rows.tokens.page(None, 10)
            await asyncio.sleep(0.01)
            await keep_token(rows, number)

    await asyncio.gather(*(write(number) for number in range(1, 13)))
    async with state.reading() as rows:
        assert len(await rows.tokens.in_force(NOW)) == 12
    await state.close()


async def test_a_reader_is_not_held_up_by_a_writer(path: Path) -> None:
    state = await open_store(url(path))
    async with state.writing() as writer:
        await keep_token(writer)
        async with asyncio.timeout(60), state.reading() as reader:
            assert await reader.tokens.page(None, 10) == []
    await state.close()


async def test_a_row_that_points_nowhere_is_refused_without_repeating_values(path: Path) -> None:
    state = await open_store(url(path))
    with pytest.raises(StateError, match="FOREIGN KEY") as refusal:
        async with state.writing() as rows:
            await rows.sessions.insert(b"\xab" * 32, frozenset({"read"}), 99, NOW, NOW)
    assert "xab" not in str(refusal.value)
    await state.close()


async def test_an_id_is_never_used_again(path: Path) -> None:
    state = await open_store(url(path))
    async with state.writing() as rows:
        first = await rows.sessions.insert(b"1" * 32, frozenset({"read"}), None, NOW, NOW)
        assert await rows.sessions.delete(first.id)
        assert not await rows.sessions.delete(first.id)
        second = await rows.sessions.insert(b"2" * 32, frozenset({"read"}), None, NOW, NOW)
    await state.close()
    assert second.id > first.id


async def test_a_link_is_claimed_once_and_only_in_time(path: Path) -> None:
    state = await open_store(url(path))
    later = NOW + timedelta(seconds=600)
    async with state.writing() as rows:
        for digest in (b"1" * 32, b"2" * 32):
            await rows.login_links.insert(digest, frozenset({"read"}), NOW, later)
        assert await rows.login_links.claim(b"9" * 32, NOW) is None
        assert await rows.login_links.claim(b"2" * 32, later) is None
        claimed = await rows.login_links.claim(b"1" * 32, NOW)
        assert claimed is not None
        assert claimed.used_at == NOW
        assert await rows.login_links.claim(b"1" * 32, NOW) is None
        await rows.login_links.purge(later + timedelta(seconds=1))
        assert await rows.login_links.find(b"1" * 32) is None
    await state.close()


async def test_a_long_or_odd_reason_is_mended_rather_than_refused(path: Path) -> None:
    state = await open_store(url(path))
    async with state.writing() as rows:
        await rows.audit.insert("server", "token.issued", "token:1", "a\x00b\ud800" + "c" * 600, NOW)
        (line,) = await rows.audit.page(None, 1)
    await state.close()
    assert line.reason == "a b " + "c" * 508


WRITER = """
import asyncio, sys
from datetime import UTC, datetime
from observatory.state import open_store

async def main():
    state = await open_store(sys.argv[1])
    async with state.writing() as rows:
        await rows.tokens.insert("kept", b"1" * 32, frozenset({"read"}), "test", datetime.now(UTC), None)
    async with state.writing() as rows:
        await rows.tokens.insert("lost", b"2" * 32, frozenset({"read"}), "test", datetime.now(UTC), None)
        print("inside", flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


def kill_inside_a_transaction(path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", WRITER, url(path)], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "inside\n"
        os.kill(writer.pid, signal.SIGKILL)


async def test_a_kill_inside_a_transaction_loses_that_transaction_only(path: Path) -> None:
    kill_inside_a_transaction(path)
    state = await open_store(url(path))
    async with state.writing() as rows:
        assert [each.name for each in await rows.tokens.page(None, 10)] == ["kept"]
        await keep_token(rows, 3)
    await state.close()


async def test_two_servers_that_start_at_once_on_a_new_file_both_open_it(path: Path) -> None:
    first, second = await asyncio.gather(open_store(url(path)), open_store(url(path)))
    async with first.writing() as rows:
        await keep_token(rows)
    async with second.reading() as rows:
        assert len(await rows.tokens.page(None, 10)) == 1
    await first.close()
    await second.close()


@pytest.fixture
def rubbish(path: Path) -> Path:
    path.parent.mkdir(parents=True)
    path.write_bytes(b"this is not a database, it only has its name" * 100)
    return path


async def test_a_file_that_is_no_database_is_named_as_such(rubbish: Path) -> None:
    with pytest.raises(StateError, match="file is not a database"):
        await open_store(url(rubbish))


async def test_a_schema_from_a_newer_version_is_refused(path: Path) -> None:
    await (await open_store(url(path))).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(StateError, match="not one this version knows"):
        await open_store(url(path))


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("mysql://user:hunter2@host/db", "no control store on 'mysql'"),
        ("sqlite://", "in memory"),
        ("sqlite+aiosqlite:///:memory:", "in memory"),
        ("sqlite+aiosqlite:///file:x?mode=memory&uri=true", "in memory"),
        ("hunter2", "cannot be read"),
    ],
)
async def test_a_bad_url_stops_the_start_and_its_password_is_not_repeated(bad: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said) as refusal:
        await open_store(bad)
    assert "OBSERVATORY_STATE_URL" in str(refusal.value)
    assert "hunter2" not in str(refusal.value)


async def test_a_folder_that_cannot_be_made_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="cannot be written"):
        await open_store(url(tmp_path / "file" / "state.db"))


async def test_a_time_without_a_zone_is_refused(path: Path) -> None:
    state = await open_store(url(path))
    with pytest.raises(StateError, match="aware times only"):
        async with state.writing() as rows:
            await rows.audit.insert("server", "x", "y", "", NOW.replace(tzinfo=None))
    await state.close()


@given(st.datetimes(min_value=datetime(1900, 1, 2), max_value=datetime(9998, 1, 1)), st.integers(-840, 840))  # noqa: DTZ001
def test_every_instant_comes_back_exact_and_in_utc(naive: datetime, offset_minutes: int) -> None:
    at = naive.replace(tzinfo=timezone(timedelta(minutes=offset_minutes)))
    column = UtcTime()
    dialect = sqlite.dialect()
    stored = column.process_bind_param(at, dialect)
    assert stored is not None
    back = column.process_result_value(stored.replace(tzinfo=None), dialect)
    assert back == at
    assert back is not None
    assert back.utcoffset() == timedelta(0)


async def test_closing_waits_for_what_has_begun_and_refuses_what_has_not(path: Path) -> None:
    state = await open_store(url(path))
    begun = asyncio.Event()

    async def write() -> None:
        async with state.writing() as rows:
            begun.set()
            await asyncio.sleep(0.05)
            await keep_token(rows)

    writing = asyncio.create_task(write())
    await begun.wait()
    await state.close()
    assert writing.done()
    await writing
    with pytest.raises(StateError, match="closed"):
        async with state.reading():
            pass
    state = await open_store(url(path))
    async with state.reading() as rows:
        assert len(await rows.tokens.page(None, 10)) == 1
    await state.close()


async def test_closing_gives_the_files_back(path: Path) -> None:
    state: State = await open_store(url(path))
    await state.close()
    assert [each.name for each in path.parent.iterdir()] == ["state.db"]


async def test_a_writer_that_is_broken_off_at_any_moment_leaves_no_lock(tmp_path: Path) -> None:
    store = await open_store(f"sqlite+aiosqlite:///{tmp_path / 'state.db'}")

    async def write() -> None:
        async with store.writing() as rows:
            await rows.audit.insert("server", "test", "nothing", "", NOW)

    kept = 0
    for turns in range(60):
        broken_off = asyncio.create_task(write())
        for _ in range(turns):
            await asyncio.sleep(0.0002)
        broken_off.cancel()
        kept += await asyncio.gather(broken_off, return_exceptions=True) == [None]
        await write()
        kept += 1
    async with store.reading() as rows:
        assert len(await rows.audit.page(None, 200)) >= kept
    await store.close()
