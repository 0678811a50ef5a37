"""Watches what the platform keeps its state in. Memory and processor of the process are read by the SDK itself."""

import observatory_sdk as obs
from observatory_universe.service import Service, World


class ResourceMonitor(Service):
    """Reads how much of each resource is in use, and reports it."""

    id = "resource_monitor"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._pool = obs.facts.pool("postgres", service=self.id)
        self._redis = obs.facts.redis(service=self.id)

    @obs.service("resource_monitor", "sample")
    async def sample(self) -> float:
        """Reports everything once. Returns the share of pool connections in use.

        Raises:
            StateError: Redis cannot be reached.
        """
        await self.work(2)
        pool = self.doors.tables.pool()
        self._pool.observe(used=pool.used, idle=pool.idle, pending=pool.waiting, max_connections=pool.most)
        await self._sample_redis()
        return pool.used / pool.most

    async def _sample_redis(self) -> None:
        status = await self.doors.cache.status()
        self._redis.observe(
            used_memory_bytes=status.used_memory_bytes,
            max_memory_bytes=status.max_memory_bytes,
            fragmentation_ratio=status.fragmentation_ratio,
            hits=status.hits,
            misses=status.misses,
            evicted_keys=status.evicted_keys,
        )
