"""Servers that other people wrote, run as children of this process. They end with it, even when it is killed."""

import asyncio
import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from observatory_universe.errors import Trouble

_LAUNCH: Final = Path(__file__).with_name("launch.py")
# Of the environment; the rest would set these servers up in ways of its own, and holds what is none of their business.
_KEPT: Final = ("PATH", "LD_LIBRARY_PATH")
_LOOK_EVERY_S: Final = 0.01
_STOP_S: Final = 5.0
_TAIL_LINES: Final = 15


class ServerError(Trouble):
    """A server of the outside world did not start or broke; the message has the end of its log."""


@dataclass(frozen=True, slots=True)
class Account:
    """The user and group, by id, that a program runs as."""

    user: int
    group: int


@dataclass(frozen=True, slots=True)
class Program:
    """A running program and the file that it writes its log to."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    def still_runs(self) -> None:
        """Does nothing, or says why it ended.

        Raises:
            ServerError: it ended.
        """
        if self.process.poll() is not None:
            raise self.error(f"ended with {self.process.returncode}")

    async def until(self, is_ready: Callable[[], bool], within_s: float) -> None:
        """Waits until it is ready.

        Raises:
            ServerError: it ended, or was not ready in time.
        """
        for _ in range(round(within_s / _LOOK_EVERY_S)):
            self.still_runs()
            if is_ready():
                return
            await asyncio.sleep(_LOOK_EVERY_S)
        raise self.error(f"was not ready within {within_s:g} s")

    async def end(self, farewell: signal.Signals) -> None:
        """Sends it the signal, and kills it if it does not end by that within 5 s."""
        self.process.send_signal(farewell)
        if not await self.ended(_STOP_S):
            self.process.kill()
            await self.ended(_STOP_S)

    async def ended(self, within_s: float) -> bool:
        """Waits for its end. False when it did not come in time."""
        for _ in range(round(within_s / _LOOK_EVERY_S)):
            if self.process.poll() is not None:
                return True
            await asyncio.sleep(_LOOK_EVERY_S)
        return False

    def error(self, what: str) -> ServerError:
        """An error that says `what` and has the end of the log."""
        tail = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-_TAIL_LINES:]
        return ServerError("\n".join([f"{self.name} {what}; its log is {self.log}:", *tail]))


def file_of(package: str, pattern: str) -> Path:
    """A file that an installed package brings along; the last one by name where several match.

    The package is not imported: what its modules do when they are is for those who use them.

    Raises:
        ServerError: the package is not installed, or brings no such file for this machine.
    """
    spec = importlib.util.find_spec(package)
    places = spec.submodule_search_locations if spec else None
    found = sorted(file for place in places or () for file in Path(place).glob(pattern))
    if not found:
        raise ServerError(f"the package {package} has no {pattern} on this machine")
    return found[-1]


@asynccontextmanager
async def running(
    command: Sequence[object], folder: Path, log: Path, farewell: signal.Signals, account: Account | None = None
) -> AsyncIterator[Program]:
    """Starts a program in `folder`, and ends it on leaving with the signal `farewell`; so does the end of this process.

    To be called from a thread that lives as long as the process. Where the system cannot tell a child of its parent's
    end (that is: not on Linux), a kill leaves it running.
    """
    user, group = (account.user, account.group) if account else (-1, -1)
    terms = [str(number) for number in (os.getpid(), int(farewell), user, group)]
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: ASYNC220  # takes a millisecond, and a thread's end would end the child
            [sys.executable, "-I", "-S", str(_LAUNCH), *terms, *map(str, command)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=folder,
            env={name: os.environ[name] for name in _KEPT if name in os.environ} | {"LC_ALL": "C", "TZ": "UTC"},
            # Ctrl-C reaches this process alone, which ends its children in order.
            start_new_session=True,
        )
    program = Program(Path(str(command[0])).name, process, log)
    try:
        yield program
    finally:
        try:
            await program.end(farewell)
        finally:
            # Whoever waits for its end may be cancelled meanwhile.
            if process.poll() is None:
                process.kill()
                process.wait()
