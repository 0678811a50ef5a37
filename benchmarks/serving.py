"""The real server in a process of its own, for a benchmark."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from observatory import state
from observatory.auth import Tokens
from observatory.clock import Clock

_START_S = 120
_STOP_S = 60


@dataclass(frozen=True, slots=True)
class Server:
    """A running server and how to reach it."""

    pid: int
    url: str
    otlp_http: str
    token: str

    @property
    def resident_bytes(self) -> int:
        """Memory it holds now."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) * 1_024


@contextmanager
def running(folder: Path, settings: Mapping[str, Any] | None = None) -> Iterator[Server]:
    """Start `observatory serve` on `folder` and free ports; on leaving, stop it by its process id.

    Whoever ends the benchmark by SIGTERM has it leave as well.
    """
    _leave_on_sigterm()
    token = asyncio.run(_token(folder))
    names = {"DATA_DIR": folder, "PORT": 0, "OTLP_HTTP_PORT": 0, "OTLP_GRPC_PORT": 0} | dict(settings or {})
    environment = os.environ | {f"OBSERVATORY_{name}": str(value) for name, value in names.items()}
    announcement = folder / "serve.json"
    announcement.unlink(missing_ok=True)
    process = subprocess.Popen([sys.executable, "-m", "observatory.cli", "serve"], env=environment)
    try:
        addresses = _announced(process, announcement)
        yield Server(process.pid, addresses["url"], addresses["otlp_http"], token)
    finally:
        _stop(process)


def _leave_on_sigterm() -> None:
    """Without this the signal ends a program at once, and its servers go on."""
    in_main = threading.current_thread() is threading.main_thread()
    if in_main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _announced(process: subprocess.Popen[bytes], path: Path) -> dict[str, str]:
    for _ in range(_START_S * 10):
        if path.exists():
            addresses: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
            return addresses
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with status {process.returncode}")
        time.sleep(0.1)
    raise RuntimeError("the server did not start")


async def _token(folder: Path) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    control = await state.open_store(f"sqlite+aiosqlite:///{folder.absolute() / 'state.db'}")
    try:
        tokens = Tokens(control, Clock())
        await tokens.load()
        text, _ = await tokens.issue("benchmark", ["ingest", "read"], 86_400)
        return text
    finally:
        await control.close()
