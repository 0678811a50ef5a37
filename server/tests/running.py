"""The demo, and the universe alone, as processes of their own, for tests that look at what people see of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from serving import Serving

WAIT_S = 120
_FREE_PORTS = {"OBSERVATORY_PORT": "0", "OBSERVATORY_OTLP_HTTP_PORT": "0", "OBSERVATORY_OTLP_GRPC_PORT": "0"}


def until(found: Callable[[], Any], what: str, wait_s: float = WAIT_S) -> Any:
    """The first true answer; an assertion that names what was waited for when there is none in time."""
    deadline = time.monotonic() + wait_s
    while not (answer := found()):
        assert time.monotonic() < deadline, f"waited {wait_s:.0f} s in vain for {what}"
        time.sleep(0.2)
    return answer


def reporting(url: str, token: str) -> dict[str, Any] | None:
    """The answer of system-health once all services report and something is measured in each area; None before."""
    health = system_health(url, token)
    if not health or health["services_reporting"] < health["services_total"]:
        return None
    return health if all(map(_measured, health["services"].values())) else None


def _measured(area: dict[str, Any]) -> bool:
    return any(told["samples"] for told in area["provenance"].values()) or area["status"] != "unknown"


def system_health(url: str, token: str) -> dict[str, Any] | None:
    """The answer of system-health; None while there is none."""
    try:
        answer = httpx.get(f"{url}/api/v1/monitoring/system-health", headers={"Authorization": f"Bearer {token}"})
    except httpx.TransportError:
        return None
    found: dict[str, Any] = answer.json()
    return found if answer.is_success else None


class Demo:
    """`observatory demo` on a folder, in a process group of its own as a terminal's job is."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.output = folder.with_name(f"{folder.name}.{time.monotonic_ns()}.out")
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "observatory.cli", "demo", "--folder", str(folder)],
                env=os.environ | _FREE_PORTS,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        """All that it printed."""
        return self.output.read_text(encoding="utf-8")

    def facts(self) -> dict[str, Any]:
        """Its demo.json, once it is there."""
        path = self.folder / "demo.json"
        until(lambda: self.process.poll() is not None or path.exists(), "demo.json")
        assert self.process.poll() is None, self.said
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found

    def children(self) -> list[int]:
        """Ids of the processes that it started."""
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(child) for child in path.read_text().split()]

    def interrupt(self) -> int:
        """Ctrl-C, as a terminal sends it; returns the exit status."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(WAIT_S)

    def end(self) -> None:
        """Make sure that it is gone. What it started goes with it."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@contextmanager
def demo(folder: Path) -> Iterator[Demo]:
    """A demo, gone at the end whatever happens."""
    started = Demo(folder)
    try:
        yield started
    finally:
        started.end()


@contextmanager
def universe(server: Serving, log: Path, *options: str) -> Iterator[None]:
    """The universe sending to the server, until the end."""
    command = [sys.executable, "-m", "observatory_universe", "run", "--endpoint", server.otlp_http, *options]
    environment = os.environ | {"OBSERVATORY_TOKEN": server.token("ingest")}
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
    try:
        yield
    finally:
        process.terminate()
        process.wait(WAIT_S)


def gone(pids: list[int]) -> bool:
    """True when none of the processes runs any more."""
    return not any(_runs(pid) for pid in pids)


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"
