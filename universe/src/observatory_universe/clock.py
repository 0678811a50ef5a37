"""The universe's time. Everything that waits or asks for the time does it here."""

import asyncio
import time
from collections.abc import Callable


class Clock:
    """Wall time and waiting, on the running event loop.

    After `hurry` nothing waits any more: work that is under way comes to its end at once, so a stop is clean.

    Args:
        now_ns: the wall time in nanoseconds since 1970, UTC.
    """

    def __init__(self, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._now_ns = now_ns
        # In the order in which they came to wait: who is hurried first must not be a matter of chance.
        self._waiting: dict[asyncio.Future[None], None] = {}
        self._hurried = False

    @property
    def is_real(self) -> bool:
        """True for the machine's own time; in any other, real work would take none of it."""
        return self._now_ns is time.time_ns

    def now_ns(self) -> int:
        """Nanoseconds since 1970, UTC."""
        return self._now_ns()

    def now_s(self) -> float:
        """Seconds on the loop's steady clock; its zero means nothing."""
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        """Waits. Returns at once after `hurry`."""
        if self._hurried or seconds <= 0:
            await asyncio.sleep(0)
            return
        loop = asyncio.get_running_loop()
        woken: asyncio.Future[None] = loop.create_future()
        timer = loop.call_later(seconds, _wake, woken)
        self._waiting[woken] = None
        try:
            await woken
        finally:
            timer.cancel()
            self._waiting.pop(woken, None)

    def hurry(self) -> None:
        """Ends every wait now and lets no new one begin."""
        self._hurried = True
        for woken in tuple(self._waiting):
            _wake(woken)


def _wake(woken: asyncio.Future[None]) -> None:
    if not woken.done():
        woken.set_result(None)
