"""Redis without a socket: the same commands on a dictionary, on any clock."""

import heapq
import math
from collections import OrderedDict, deque
from typing import Final

from observatory_universe.clock import Clock
from observatory_universe.doors.state import CACHE_BYTES, CacheStatus, StateError

# What a server takes before it has a key, what a key takes beside its own text, and what its program takes.
_EMPTY_BYTES: Final = 1_000_000
_KEY_BYTES: Final = 80
_ITEM_BYTES: Final = 12
_PROGRAM_BYTES: Final = 5_400_000
_MOST_STALE_ENDS: Final = 1_000


class _Entry:
    """What stands under a key: a text, or a list of them. `ends_s` is on the clock."""

    __slots__ = ("ends_s", "size", "value")

    def __init__(self, key: str, value: "str | deque[str]", ends_s: float) -> None:
        self.value = value
        self.ends_s = ends_s
        self.size = len(key) + _KEY_BYTES + (len(value) if isinstance(value, str) else 0)


class MemoryCache:
    """What the platform keeps in Redis, in the process. Counts as Redis does: a look-up is a read, no write."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: OrderedDict[str, _Entry] = OrderedDict()  # the one that was not used for longest first
        self._ends: list[tuple[float, str]] = []
        self._size = 0
        self._most_bytes = CACHE_BYTES
        self._squeezed: float | None = None
        self._measured = 0
        self._hits = self._misses = self._evicted = 0

    async def read(self, key: str) -> str | None:
        entry = self._used(key)
        if entry is None:
            self._misses += 1
            return None
        self._hits += 1
        return self._text(key, entry)

    async def write(self, key: str, value: str, ttl_s: float | None = None) -> None:
        self._make_room()
        self._put(key, value, ttl_s)

    async def claim(self, key: str, ttl_s: float) -> bool:
        self._make_room()
        if self._used(key) is not None:
            return False
        self._put(key, "1", ttl_s)
        return True

    async def count(self, key: str, ttl_s: float) -> int:
        self._make_room()
        entry = self._used(key)
        if entry is None:
            self._put(key, "1", ttl_s)
            return 1
        try:
            number = int(self._text(key, entry)) + 1
        except ValueError:
            raise StateError(f"{key} holds no number") from None
        self._grow(entry, len(str(number)) - len(entry.value))
        entry.value = str(number)
        return number

    async def drop(self, key: str) -> None:
        self._remove(key)

    async def push(self, queue: str, item: str) -> int:
        self._make_room()
        entry = self._used(queue) or self._put(queue, deque(), None)
        items = self._list(queue, entry)
        items.append(item)
        self._grow(entry, len(item) + _ITEM_BYTES)
        return len(items)

    async def pop(self, queue: str) -> str | None:
        entry = self._used(queue)
        if entry is None:
            return None
        items = self._list(queue, entry)
        item = items.popleft()
        self._grow(entry, -len(item) - _ITEM_BYTES)
        if not items:
            self._remove(queue)
        return item

    async def status(self) -> CacheStatus:
        self._expire()
        used = _EMPTY_BYTES + self._size
        return CacheStatus(
            used_memory_bytes=used,
            max_memory_bytes=self._most_bytes,
            fragmentation_ratio=round((used + _PROGRAM_BYTES) / used, 2),
            hits=self._hits,
            misses=self._misses,
            evicted_keys=self._evicted,
        )

    async def squeeze(self, share_ratio: float | None) -> None:
        if share_ratio is None:
            self._most_bytes = CACHE_BYTES
        elif share_ratio != self._squeezed:
            if self._squeezed is None:
                self._measured = self._size
            self._most_bytes = _EMPTY_BYTES + round(share_ratio * self._measured)
        self._squeezed = share_ratio
        self._make_room()

    def _used(self, key: str) -> _Entry | None:
        """The entry, used just now; None when there is none, or its time is over."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry.ends_s <= self._clock.now_s():
            self._remove(key)
            return None
        self._entries.move_to_end(key)
        return entry

    def _put(self, key: str, value: str | deque[str], ttl_s: float | None) -> _Entry:
        self._remove(key)
        entry = _Entry(key, value, math.inf if ttl_s is None else self._clock.now_s() + ttl_s)
        self._entries[key] = entry
        self._size += entry.size
        if ttl_s is not None:
            heapq.heappush(self._ends, (entry.ends_s, key))
        return entry

    def _remove(self, key: str) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._size -= entry.size

    def _grow(self, entry: _Entry, by: int) -> None:
        entry.size += by
        self._size += by

    def _make_room(self) -> None:
        """Before each write, as Redis does it.

        Raises:
            StateError: it is full, and nobody squeezes it: then nothing may be thrown out.
        """
        self._expire()
        while _EMPTY_BYTES + self._size > self._most_bytes:
            if self._squeezed is None:
                raise StateError(f"more than {self._most_bytes} bytes of memory are in use")
            _, entry = self._entries.popitem(last=False)
            self._size -= entry.size
            self._evicted += 1

    def _expire(self) -> None:
        now_s = self._clock.now_s()
        while self._ends and self._ends[0][0] <= now_s:
            ends_s, key = heapq.heappop(self._ends)
            entry = self._entries.get(key)
            if entry is not None and entry.ends_s <= ends_s:
                self._remove(key)
        if len(self._ends) > 2 * len(self._entries) + _MOST_STALE_ENDS:
            # Each write of a key leaves the end of the one before.
            self._ends = [(entry.ends_s, key) for key, entry in self._entries.items() if entry.ends_s < math.inf]
            heapq.heapify(self._ends)

    def _text(self, key: str, entry: _Entry) -> str:
        if not isinstance(entry.value, str):
            raise StateError(f"{key} holds a list, no text")
        return entry.value

    def _list(self, key: str, entry: _Entry) -> deque[str]:
        if isinstance(entry.value, str):
            raise StateError(f"{key} holds a text, no list")
        return entry.value
