"""A benchmark that is told to end leaves no server behind."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from running import gone, until

_BENCHMARKS = Path(__file__).resolve().parents[3] / "benchmarks"
_PROGRAM = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import serving
with serving.running(Path(sys.argv[2])) as server:
    print(server.pid, flush=True)
    time.sleep(600)
"""


@pytest.mark.long
@pytest.mark.timeout(300)
def test_sigterm_to_a_benchmark_ends_its_servers(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, str(_BENCHMARKS), str(tmp_path / "data")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        server = int(process.stdout.readline())
        assert not gone([server])
        process.send_signal(signal.SIGTERM)
        assert process.wait(90) == 128 + signal.SIGTERM
        until(lambda: gone([server]), "the server to end")
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
