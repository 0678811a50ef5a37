"""Redis over a socket."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Final

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from observatory_universe.doors.state import CACHE_BYTES, WAIT_S, CacheStatus, StateError

# The server lets 200 in, and there may be ten processes; who finds none free waits.
_CONNECTIONS: Final = 12
_LEAST_BYTES: Final = 32 * 1024
# A server that hangs still lets people connect: only this machine being busy makes that take long.
_CONNECT_S: Final = 15.0
# One round trip, and no count is left without its end when the caller dies in between.
_COUNT: Final = """
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return count
"""
_KEYS_BYTES: Final = """
local bytes, cursor = 0, '0'
repeat
    local found = redis.call('SCAN', cursor, 'COUNT', 1000)
    cursor = found[1]
    for _, key in ipairs(found[2]) do bytes = bytes + (redis.call('MEMORY', 'USAGE', key) or 0) end
until cursor == '0'
return bytes
"""


class RedisCache:
    """One client of a Redis server, with at most 12 connections.

    Args:
        url: such as `redis://127.0.0.1:6379/0`.
    """

    def __init__(self, url: str) -> None:
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=_CONNECTIONS,
            timeout=WAIT_S,
            decode_responses=True,
            socket_timeout=WAIT_S,
            socket_connect_timeout=_CONNECT_S,
            # A command that may have been done is not done twice.
            retry=Retry(NoBackoff(), 0),
        )
        self._redis: Redis = Redis.from_pool(pool)
        self._places = asyncio.Semaphore(_CONNECTIONS)
        self._count = self._redis.register_script(_COUNT)
        self._squeezed: float | None = None
        self._keys_bytes = 0
        self._fixed_bytes = 0

    async def close(self) -> None:
        """Closes the connections, and lifts what this client has squeezed: nobody else would."""
        with suppress(StateError):
            if self._squeezed is not None:
                await self.squeeze(None)
        await self._redis.aclose()

    async def read(self, key: str) -> str | None:
        async with self._asking(key):
            return _text(await self._redis.get(key))

    async def write(self, key: str, value: str, ttl_s: float | None = None) -> None:
        async with self._asking(key):
            await self._redis.set(key, value, px=None if ttl_s is None else _ms(ttl_s))

    async def claim(self, key: str, ttl_s: float) -> bool:
        async with self._asking(key):
            return await self._redis.set(key, "1", nx=True, px=_ms(ttl_s)) is not None

    async def count(self, key: str, ttl_s: float) -> int:
        async with self._asking(key):
            return int(await self._count(keys=[key], args=[_ms(ttl_s)]))

    async def drop(self, key: str) -> None:
        async with self._asking(key):
            await self._redis.delete(key)

    async def push(self, queue: str, item: str) -> int:
        async with self._asking(queue):
            return int(await self._redis.rpush(queue, item))

    async def pop(self, queue: str) -> str | None:
        async with self._asking(queue):
            return _text(await self._redis.lpop(queue))

    async def status(self) -> CacheStatus:
        async with self._asking("INFO"):
            found = await self._redis.info("memory", "stats")
        return CacheStatus(
            used_memory_bytes=found["used_memory"],
            max_memory_bytes=found["maxmemory"],
            fragmentation_ratio=found["mem_fragmentation_ratio"],
            hits=found["keyspace_hits"],
            misses=found["keyspace_misses"],
            evicted_keys=found["evicted_keys"],
        )

    async def squeeze(self, share_ratio: float | None) -> None:
        """As the door says; which keys go is decided by the server, among those that were not used for longest.

        A server takes half a megabyte before it has a single key, and some more for each client. A share of all that
        would often be less than what no eviction can free: then every key goes, and no more can be written. So the
        share is one of what the keys take, and 32 KiB, which is how much the rest comes and goes, are always left.
        """
        async with self._asking("CONFIG"):
            if share_ratio is None:
                await self._limit(CACHE_BYTES, "noeviction")
            elif share_ratio != self._squeezed:
                if self._squeezed is None:
                    await self._measure()
                keys_bytes = max(_LEAST_BYTES, round(share_ratio * self._keys_bytes))
                await self._limit(self._fixed_bytes + keys_bytes, "allkeys-lru")
        self._squeezed = share_ratio

    async def _measure(self) -> None:
        self._keys_bytes = int(await self._redis.eval(_KEYS_BYTES, 0))
        found = await self._redis.info("memory")
        self._fixed_bytes = found["used_memory"] - self._keys_bytes

    async def _limit(self, most_bytes: int, policy: str) -> None:
        # In one command: in between, the server would refuse to write.
        await self._redis.config_set("maxmemory", most_bytes, "maxmemory-policy", policy)

    @asynccontextmanager
    async def _asking(self, what: str) -> AsyncIterator[None]:
        """One command's time, in the order in which they came."""
        try:
            # The pool lets whoever comes at the right moment go first, and who has waited start again.
            async with asyncio.timeout(WAIT_S if self._places.locked() else None):
                await self._places.acquire()
        except TimeoutError:
            raise StateError(f"Redis, {what}: no connection came free within {WAIT_S:g} s") from None
        try:
            with _told(what):
                yield
        finally:
            self._places.release()


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Says of each error of the client what it was about."""
    try:
        yield
    except (RedisError, OSError) as error:
        raise StateError(f"Redis, {what}: {error or type(error).__name__}") from error


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _ms(seconds: float) -> int:
    return max(1, round(seconds * 1000))
