"""What the store's tests share."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable

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
