"""What the store's tests share."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from observatory.store import Limits

from .reference import Bounds

HOUR_NS = 3_600 * 10**9
_HOURS = itertools.count()


@pytest.fixture
def window() -> Callable[[], Bounds]:
    """Hand out hours of their own, so that rows without any mark can be told apart by their time."""
    first = time.time_ns() // HOUR_NS * HOUR_NS - 12 * 24 * HOUR_NS

    def draw() -> Bounds:
        arrival = first + next(_HOURS) * HOUR_NS
        return Bounds(arrival - Limits().oldest_s * 10**9, arrival + Limits().ahead_s * 10**9, arrival)

    return draw


@pytest.fixture(scope="session")
def elsewhere() -> Callable[..., dict[str, Any]]:
    """Run a program of `programs.py` in a process of its own and return its answer."""

    def run(name: str, **arguments: object) -> dict[str, Any]:
        done = subprocess.run(
            [sys.executable, "-m", "store.programs", name],
            input=json.dumps(arguments, default=str),
            cwd=Path(__file__).parents[1],
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    return run
