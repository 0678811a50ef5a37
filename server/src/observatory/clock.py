"""The only file that reads time. Everything else is handed a `Clock` or the time itself."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

NS_PER_S = 1_000_000_000


class Clock:
    """Wall time and monotonic time of this machine."""

    def now(self) -> datetime:
        """The wall time, aware, in UTC."""
        return datetime.now(UTC)

    def now_ns(self) -> int:
        """The wall time in nanoseconds since 1970; never passes through a float."""
        return time.time_ns()

    def monotonic(self) -> float:
        """Seconds on a clock that never jumps, for durations."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Let other tasks run for `seconds`."""
        await asyncio.sleep(seconds)

    def pause(self, seconds: float) -> None:
        """Hold this thread for `seconds`; never called on the event loop."""
        time.sleep(seconds)


class HeldClock(Clock):
    """A clock that moves only when it is told to.

    Args:
        at: the wall time it starts at, aware.
    """

    def __init__(self, at: datetime) -> None:
        if at.tzinfo is None:
            raise ValueError("a held clock needs an aware time")
        self._at = at.astimezone(UTC)
        self._monotonic_s = 0.0

    def now(self) -> datetime:
        """The held wall time."""
        return self._at

    def now_ns(self) -> int:
        """The held wall time in nanoseconds, exact to the microsecond."""
        since = self._at - datetime(1970, 1, 1, tzinfo=UTC)
        return (since.days * 86_400 + since.seconds) * NS_PER_S + since.microseconds * 1_000

    def monotonic(self) -> float:
        """Seconds advanced so far."""
        return self._monotonic_s

    async def sleep(self, seconds: float) -> None:
        """Advance by `seconds` and give other tasks a turn."""
        self.advance(seconds)
        await asyncio.sleep(0)

    def pause(self, seconds: float) -> None:
        """Advance by `seconds`."""
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Move both clocks on by `seconds` (not negative)."""
        if seconds < 0:
            raise ValueError(f"a clock does not run backwards: {seconds} s")
        self._at += timedelta(seconds=seconds)
        self._monotonic_s += seconds
