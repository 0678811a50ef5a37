"""A universe as a process of its own, with its outside world, and the way to what goes wrong in it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
from running import gone, until

from .door import Open

SEED = 11
_READY_S = 240
_STOP_S = 60
_MOST_S = 5_400


class Living:
    """One running universe.

    Args:
        folder: where it writes its ground truth and what it says.
        door: where it sends its telemetry.
        environment: the name that its telemetry has.
    """

    def __init__(self, folder: Path, door: Open, environment: str, processes: int = 1) -> None:
        self._announced = folder / "universe.json"
        self._output = folder / "universe.out"
        token = folder / "token"
        token.write_text(door.token, encoding="utf-8")
        command = [sys.executable, "-m", "observatory_universe", "run", "--endpoint", door.url]
        command += ["--token-file", str(token), "--environment", environment, "--seed", str(SEED)]
        command += ["--truth", str(folder / "truth.jsonl"), "--announce", str(self._announced)]
        # Should the tests be killed, it ends by itself all the same.
        command += ["--processes", str(processes), "--seconds", str(_MOST_S)]
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )

    @property
    def said(self) -> str:
        """All that it printed."""
        return self._output.read_text(encoding="utf-8")

    @property
    def is_running(self) -> bool:
        """Whether it has not ended by itself."""
        return self._process.poll() is None

    def wait_until_ready(self) -> None:
        """Until all services are at work."""
        until(lambda: not self.is_running or "services report to" in self.said, "the universe's services", _READY_S)
        assert self.is_running, self.said

    def begin(self, kind: str) -> tuple[str, str | None]:
        """Starts a fault. Returns its id and what it is aimed at."""
        answer = httpx.post(f"{self._control}/faults", json={"kind": kind}, timeout=120)
        assert answer.status_code == 201, answer.text
        begun = answer.json()
        return begun["id"], begun["target"]

    def end(self, fault: str) -> None:
        """Ends a fault."""
        answer = httpx.delete(f"{self._control}/faults/{fault}", timeout=120)
        assert answer.status_code == 200, answer.text

    def stop(self) -> None:
        """Makes sure that it is gone, and all that it started."""
        pids = [self._process.pid, *_descendants(self._process.pid)]
        self._process.terminate()
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        try:
            until(lambda: gone(pids), "what the universe started to end", _STOP_S)
        finally:
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    @property
    def _control(self) -> str:
        return str(json.loads(self._announced.read_text(encoding="utf-8"))["universe_url"])


@contextmanager
def living(folder: Path, door: Open, environment: str, processes: int = 1) -> Iterator[Living]:
    """A universe at work, gone at the end whatever happens."""
    universe = Living(folder, door, environment, processes)
    try:
        universe.wait_until_ready()
        yield universe
    finally:
        universe.stop()


def _descendants(pid: int) -> list[int]:
    """The process's children, their children, and so on."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        return []
    return children + [each for child in children for each in _descendants(child)]
