"""The engine behind ClickHouse's HTTP interface, as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_START_S = 60
_PROGRAM = Path(__file__).with_name("program.py")


@contextmanager
def clickhouse(folder: Path) -> Iterator[str]:
    """A running engine on a folder; gives the address that `OBSERVATORY_STORE_DSN` takes."""
    folder.mkdir(parents=True, exist_ok=True)
    announced = folder / "port"
    announced.unlink(missing_ok=True)
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, str(_PROGRAM), str(folder / "store"), str(announced)],
            stdout=log,
            stderr=log,
            env={**os.environ, "TZ": "UTC"},
        )
    try:
        until = time.monotonic() + _START_S
        while not announced.exists():
            assert process.poll() is None, (folder / "log").read_text()[-4_000:]
            assert time.monotonic() < until, "the engine did not start"
            time.sleep(0.02)
        yield f"clickhouse://default:@127.0.0.1:{announced.read_text(encoding='utf-8')}"
    finally:
        process.kill()
        process.wait()
