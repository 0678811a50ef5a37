"""Collects the platform's own metrics and checks its services."""

from collections.abc import Awaitable, Callable
from typing import Literal

import observatory_sdk as obs
from observatory_universe.health.resources import ResourceMonitor
from observatory_universe.service import Service, World

Status = Literal["healthy", "degraded", "critical", "unknown"]
Check = Callable[[], Awaitable[object]]


class SystemMonitoringService(Service):
    """Collects the metrics of the platform."""

    id = "system_monitoring_service"

    def __init__(self, world: World, resources: ResourceMonitor) -> None:
        super().__init__(world)
        self._resources = resources
        self.counted: dict[str, int] = {}

    @obs.service("system_monitoring_service", "collect")
    async def collect(self) -> None:
        """One round over all sources."""
        await self._resources.sample()
        await self.work(6)

    @obs.service("system_monitoring_service", "count")
    async def count(self, name: str) -> None:
        """One more of something that a service wants counted."""
        await self.work(0.3)
        self.counted[name] = self.counted.get(name, 0) + 1


class HealthMonitor(Service):
    """Calls each service that offers a check and says what came of it."""

    id = "health_monitor"

    def __init__(self, world: World, checks: dict[str, Check]) -> None:
        super().__init__(world)
        self._checks = checks

    @obs.service("health_monitor", "check")
    async def check(self) -> bool:
        """True when every check passed."""
        return all([await self._check(target, check) for target, check in self._checks.items()])

    async def _check(self, target: str, check: Check) -> bool:
        begun_s = self.clock.now_s()
        try:
            await check()
        except Exception as error:
            # A check that raises is the finding, not a fault of the monitor.
            self._say(target, "critical", begun_s, type(error).__name__)
            return False
        self._say(target, "healthy", begun_s, None)
        return True

    def _say(self, target: str, status: Status, begun_s: float, reason: str | None) -> None:
        if reason is not None:
            obs.outcome("failure", reason=reason)
        obs.facts.health_check(target=target, status=status, duration_s=self.clock.now_s() - begun_s)
