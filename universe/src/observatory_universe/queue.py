"""A bounded first-in first-out queue in Redis that knows how long its head has been waiting."""

import asyncio
import json
import logging
from collections import deque
from collections.abc import Awaitable, Callable

from observatory_universe.clock import Clock
from observatory_universe.doors import Cache
from observatory_universe.errors import Trouble

Work = Callable[[str, dict[str, str]], Awaitable[None]]

_LOG = logging.getLogger(__name__)


class Queue:
    """Items wait in Redis until the service that owns the queue works them off, in order.

    Args:
        name: the key of the list in Redis.
        most: how many may wait; an offer beyond it is refused.
    """

    def __init__(self, clock: Clock, cache: Cache, name: str, most: int) -> None:
        self._clock = clock
        self._cache = cache
        self._name = name
        self._most = most
        self._waiting_since_s: deque[float] = deque()
        self._on_the_way = 0
        self._in_hand = 0
        self._came = asyncio.Event()

    def __len__(self) -> int:
        return len(self._waiting_since_s)

    @property
    def is_quiet(self) -> bool:
        """Nothing waits and nothing is in hand."""
        return not self._waiting_since_s and not self._in_hand

    @property
    def oldest_age_s(self) -> float:
        """How long the head has been waiting, in seconds; 0 when nothing waits."""
        return self._clock.now_s() - self._waiting_since_s[0] if self._waiting_since_s else 0.0

    async def offer(self, item: str, headers: dict[str, str] | None = None) -> bool:
        """Puts the item at the end, with the sender's trace in its headers. False when the queue is full."""
        if len(self._waiting_since_s) + self._on_the_way >= self._most:
            return False
        since_s = self._clock.now_s()
        self._on_the_way += 1
        try:
            await self._cache.push(self._name, json.dumps([item, headers or {}]))
        finally:
            self._on_the_way -= 1
        self._waiting_since_s.append(since_s)
        self._came.set()
        return True

    async def work_off(self, work: Work, workers: int) -> None:
        """Works on the items, so many at a time, until it is cancelled.

        Work that raises is logged and does not stop the queue: the next item is not to blame.
        """
        await asyncio.gather(*(self._work_off(work) for _ in range(workers)))

    async def _work_off(self, work: Work) -> None:
        while True:
            while not self._waiting_since_s:
                self._came.clear()
                await self._came.wait()
            self._in_hand += 1
            try:
                await self._work_one(work)
            except Trouble as trouble:
                _LOG.info("an item of %s could not be worked off: %s", self._name, trouble)
                await self._clock.sleep(0.05)
            except Exception:
                _LOG.exception("an item of %s could not be worked off", self._name)
            finally:
                self._in_hand -= 1

    async def _work_one(self, work: Work) -> None:
        # Taken off here before Redis is asked, so that no other worker asks for the same one.
        self._waiting_since_s.popleft()
        entry = await self._cache.pop(self._name)
        if entry is None:
            # Redis has thrown the list out.
            return
        item, headers = json.loads(entry)
        await work(item, headers)
