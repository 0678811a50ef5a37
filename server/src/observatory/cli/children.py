"""Programs that the demo starts: each in a session of its own, with a log, ended by its process id."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from observatory.errors import ObservatoryError

_STOP_S = 20
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
        if self.process.returncode is not None:
            tail = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-_TAIL_LINES:]
            raise ObservatoryError("\n".join([f"{self.name} ended with status {self.process.returncode}:", *tail]))


@asynccontextmanager
async def started(name: str, module: Sequence[str], environment: Mapping[str, str], log: Path) -> AsyncIterator[Child]:
    """Start `python -m <module> <arguments>`; on leaving, ask it to stop, and end it if it does not."""
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
            preexec_fn=_die_with_parent,
        )
    try:
        yield Child(name, process, log)
    finally:
        await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        await asyncio.wait_for(process.wait(), _STOP_S)
    except TimeoutError:
        process.kill()
        await process.wait()


def _die_with_parent() -> None:
    # If the demo itself is killed, nobody else would end its children.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
