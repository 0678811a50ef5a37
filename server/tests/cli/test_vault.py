"""Backup of a server that runs, and restore into one that has nothing yet, through the command line."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import bodies
import pytest
from serving import Serving, serving

_COUNTS = ("SELECT count() FROM otel_traces", "SELECT count() FROM fact_calls", "SELECT sum(Calls) FROM rollup_calls")


def observatory(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the product on a data folder."""
    return subprocess.run(
        [sys.executable, "-m", "observatory.cli", *arguments],
        env=os.environ | {"OBSERVATORY_DATA_DIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Serving]:
    """A running server that holds 50 spans."""
    with serving(tmp_path / "first") as server:
        assert server.post(bodies.traces("production", 50).data).status_code == 200
        yield server


def test_a_backup_of_a_running_server_is_restored_into_an_empty_one(served: Serving, tmp_path: Path) -> None:
    made = observatory(served.folder, "backup", "monday")
    assert made.returncode == 0, made.stderr
    assert served.post(bodies.traces("production", 7).data).status_code == 200, "the server goes on"

    restored = observatory(tmp_path / "second", "restore", str(served.folder / "backups" / "monday"))

    assert restored.returncode == 0, restored.stderr
    assert "restored" in restored.stdout
    with serving(tmp_path / "second") as second:
        assert second.stop() == 0
        assert second.rows(*_COUNTS) == [[[50]], [[50]], [[200]]], "the rollup holds two resolutions and two scopes"


def test_what_cannot_be_done_is_said_in_one_line(served: Serving, tmp_path: Path) -> None:
    assert observatory(served.folder, "backup", "monday").returncode == 0
    attempts = {
        "twice": observatory(served.folder, "backup", "monday"),
        "outside": observatory(served.folder, "backup", "../etc"),
        "while it runs": observatory(served.folder, "restore", str(served.folder / "backups" / "monday")),
        "no backup": observatory(tmp_path / "third", "restore", str(tmp_path / "nothing")),
        "no server": observatory(tmp_path / "fourth", "backup", "monday"),
    }
    for name, attempt in attempts.items():
        assert attempt.returncode == 1, name
        assert attempt.stderr.startswith("observatory: "), f"{name}: {attempt.stderr}"
        assert len(attempt.stderr.strip().splitlines()) == 1, f"{name}: {attempt.stderr}"
