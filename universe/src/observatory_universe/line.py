"""A bounded first-in first-out line that knows how long its head has been waiting."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from observatory_universe.clock import Clock

T = TypeVar("T")

_LOG = logging.getLogger(__name__)


class Line(Generic[T]):
    """Items wait here until they are worked off, in order.

    Args:
        most: how many may wait; an offer beyond it is refused.
    """

    def __init__(self, clock: Clock, most: int) -> None:
        self._clock = clock
        self._most = most
        self._waiting: deque[tuple[T, float]] = deque()
        self._in_hand = 0
        self._came = asyncio.Event()

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def is_quiet(self) -> bool:
        """Nothing waits and nothing is in hand."""
        return not self._waiting and not self._in_hand

    @property
    def oldest_age_s(self) -> float:
        """How long the head has been waiting, in seconds; 0 when nothing waits."""
        return self._clock.now_s() - self._waiting[0][1] if self._waiting else 0.0

    def offer(self, item: T) -> bool:
        """Puts the item at the end. False when the line is full."""
        if len(self._waiting) >= self._most:
            return False
        self._waiting.append((item, self._clock.now_s()))
        self._came.set()
        return True

    async def work_off(self, work: Callable[[T], Awaitable[None]], workers: int) -> None:
        """Works on the items, so many at a time, until it is cancelled.

        Work that raises is logged and does not stop the line: the next item is not to blame.
        """
        await asyncio.gather(*(self._work_off(work) for _ in range(workers)))

    async def _work_off(self, work: Callable[[T], Awaitable[None]]) -> None:
        while True:
            while not self._waiting:
                self._came.clear()
                await self._came.wait()
            item, _ = self._waiting.popleft()
            self._in_hand += 1
            try:
                await work(item)
            except Exception:
                _LOG.exception("an item of a line could not be worked off")
            finally:
                self._in_hand -= 1
