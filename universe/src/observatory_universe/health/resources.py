"""Watches the pools of connections. Memory and processor of the process are read by the SDK itself."""

from typing import Final

import observatory_sdk as obs
from observatory_universe.service import Service, World

_POOL_SIZE: Final = 20


class ResourceMonitor(Service):
    """Reads how much of each resource is in use, and reports it."""

    id = "resource_monitor"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._pool = obs.facts.pool("postgres", service=self.id)

    @obs.service("resource_monitor", "sample")
    async def sample(self) -> float:
        """Reports everything once. Returns the share of pool connections in use."""
        await self.work(2)
        used = min(_POOL_SIZE, 2 + self.chance.whole(0, 5))
        self._pool.observe(used=used, idle=_POOL_SIZE - used, pending=0, max_connections=_POOL_SIZE)
        return used / _POOL_SIZE
