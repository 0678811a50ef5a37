"""Tunes the platform from its load."""

from typing import Final

import observatory_sdk as obs
from observatory_universe.health.journal import SystemJournal
from observatory_universe.health.resources import ResourceMonitor
from observatory_universe.service import Service, World

_KNOBS: Final = ("cache.ttl_s", "delivery.batch_size", "stream.buffer_bytes")


class EnterpriseSystemOptimization(Service):
    """Looks at the load and sets one knob at a time."""

    id = "enterprise_system_optimization"

    def __init__(self, world: World, resources: ResourceMonitor, journal: SystemJournal) -> None:
        super().__init__(world)
        self._resources = resources
        self._journal = journal

    @obs.service("enterprise_system_optimization", "tune")
    async def tune(self) -> None:
        await self._resources.sample()
        await self.work(12)
        knob = self.chance.pick(_KNOBS)
        obs.facts.config_changed(key=knob, actor=self.id)
        await self._journal.write("tuned", knob)
