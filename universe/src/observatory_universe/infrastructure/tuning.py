"""Tunes the platform from its load."""

import math
from typing import Final

import observatory_sdk as obs
from observatory_universe.health.journal import SystemJournal
from observatory_universe.health.resources import ResourceMonitor
from observatory_universe.service import Service, World

_KNOBS: Final = ("cache.ttl_s", "delivery.batch_size", "stream.buffer_bytes")
# Long enough to be seen by whoever looks which service runs, short enough for the others to get their turn.
_SLICE_S: Final = 0.05
_SLICES: Final = 20


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

    @obs.service("enterprise_system_optimization", "search")
    async def search(self, share_ratio: float) -> int:
        """Searches for better knobs for about a second, with that share of a core. Returns how many it looked at.

        It searches only in the machine's time; in any other it would hold the universe up for nothing.
        """
        looked_at = 0
        for _ in range(_SLICES if self.clock.is_real else 0):
            # Never twice the same: whoever looks at regular times would see only work, or only rest.
            slice_s = _SLICE_S * self.mischance.between(0.5, 1.5)
            looked_at += self._compute(share_ratio * slice_s)
            await self.clock.sleep((1 - share_ratio) * slice_s)
        return looked_at

    def _compute(self, seconds: float) -> int:
        until_s = self.clock.now_s() + seconds
        looked_at = 0
        while self.clock.now_s() < until_s:
            looked_at += len([math.sqrt(number) for number in range(500)])
        return looked_at
