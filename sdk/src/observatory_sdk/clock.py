"""Which clock telemetry tells the time by: the machine's, or one that the caller of `configure` holds."""

from __future__ import annotations

import time
from collections.abc import Callable

_held: Callable[[], int] | None = None


def hold(now_ns: Callable[[], int] | None) -> None:
    """From now on `now_ns` tells the time, in nanoseconds since 1970 UTC; None goes back to the machine's clock."""
    global _held
    _held = now_ns


def is_held() -> bool:
    """Whether it is not the machine's clock."""
    return _held is not None


def now_ns() -> int:
    """Nanoseconds since 1970, UTC."""
    return time.time_ns() if _held is None else _held()


def held_ns() -> int | None:
    """The held clock's time; None leaves it to OpenTelemetry, which reads the machine's clock by itself."""
    return None if _held is None else _held()


def steady_s() -> float:
    """Seconds, for ages: on the machine's steady clock, whose zero means nothing, or on the held one."""
    return time.monotonic() if _held is None else _held() / 1e9
