"""Programs that the demo starts: each in a session of its own, with a log, ended by its process id."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from observatory.errors import ObservatoryError

_STOP_S = 30
_PR_SET_PDEATHSIG = 1
_TAIL_LINES = 15


@dataclass(frozen=True, slots=True)
class Child:
    """A running program of ours."""

    name: str
    process: asyncio.subprocess.Process
    log: Path

    def still_runs(self) -> None:
        """Do nothing, or say why it ended.

        Raises:
            ObservatoryError: with the end of its log.
        """
        status = self.process.returncode
        if status is not None:
            tail = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-_TAIL_LINES:]
            raise ObservatoryError("\n".join([f"{self.name} ended {_words(status)}; its log is {self.log}:", *tail]))


@asynccontextmanager
async def started(
    name: str, module: Sequence[str], environment: Mapping[str, str], log: Path, hurry: asyncio.Event
) -> AsyncIterator[Child]:
    """Start `python -m <module> <arguments>`; on leaving, ask it to stop, and end it if it does not or once `hurry`."""
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            *module,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=os.environ | environment,
            # Ctrl-C reaches the demo alone, which stops its children in order.
            start_new_session=True,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,
        )
    try:
        yield Child(name, process, log)
    finally:
        await _end(process, hurry)


async def _end(process: asyncio.subprocess.Process, hurry: asyncio.Event) -> None:
    if process.returncode is not None:
        return
    process.send_signal(signal.SIGTERM)
    waits = [asyncio.create_task(process.wait()), asyncio.create_task(hurry.wait())]
    await asyncio.wait(waits, timeout=_STOP_S, return_when=asyncio.FIRST_COMPLETED)
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    for wait in waits:
        wait.cancel()


def _words(status: int) -> str:
    return f"by {signal.Signals(-status).name}" if status < 0 else f"with status {status}"


def _die_with_parent() -> None:
    # If the demo itself is killed, nobody else would end its children.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
