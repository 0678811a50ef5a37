"""Collects the platform's own metrics and checks its services."""

import contextlib
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Final, Literal

import observatory_sdk as obs
from observatory_universe.errors import Trouble
from observatory_universe.health.resources import ResourceMonitor
from observatory_universe.infrastructure.state import StateCoordinator
from observatory_universe.service import Service, World

Status = Literal["healthy", "degraded", "critical", "unknown"]
Check = Callable[[], Awaitable[object]]

_FIRST_VERSION: Final = "1.0.0"
_SLOW_S: Final = 5.0


class SystemMonitoringService(Service):
    """Collects the metrics of the platform, and says what changes about its services."""

    id = "system_monitoring_service"

    def __init__(self, world: World, resources: ResourceMonitor) -> None:
        super().__init__(world)
        self._resources = resources
        self._versions: dict[str, str] = {}
        self._counted: Counter[str] = Counter()

    @obs.service("system_monitoring_service", "collect")
    async def collect(self) -> None:
        """One round over all sources."""
        await self._resources.sample()
        await self.work(6)

    @obs.service("system_monitoring_service", "count")
    async def count(self, name: str) -> None:
        """One more of something that a service wants counted."""
        await self.work(0.3)
        self._counted[name] += 1

    @obs.service("system_monitoring_service", "counts")
    async def counts(self) -> dict[str, int]:
        """How often each thing was counted so far."""
        await self.work(0.3)
        return dict(self._counted)

    @obs.service("system_monitoring_service", "deployed")
    async def deployed(self, service: str, version: str, actor: str) -> None:
        """Notes that a version of a service has gone live."""
        await self.work(1)
        before = self._versions.get(service, _FIRST_VERSION)
        self._versions[service] = version
        obs.facts.deployment(name=service, version=version, from_=before, actor=actor)

    @obs.service("system_monitoring_service", "degraded")
    async def degraded(self, service: str, before: str, after: str, reason: str) -> None:
        """Notes that a service works with less than it should, or is well again."""
        await self.work(1)
        obs.facts.service_degraded(name=service, from_=before, to=after, reason=reason)


class HealthMonitor(Service):
    """Calls each service that offers a check and says what came of it."""

    id = "health_monitor"

    def __init__(
        self, world: World, monitoring: SystemMonitoringService, state: StateCoordinator, checks: dict[str, Check]
    ) -> None:
        super().__init__(world)
        self._monitoring = monitoring
        self._state = state
        self._checks = checks
        self._statuses: dict[str, Status] = {}

    @obs.service("health_monitor", "check")
    async def check(self) -> bool:
        """True when every check passed. What was found stands in the shared state as `health`."""
        well = all([await self._check(target, check) for target, check in self._checks.items()])
        with contextlib.suppress(Trouble):
            found = {"statuses": self._statuses, "counts": await self._monitoring.counts()}
            await self._state.write("health", json.dumps(found))
        return well

    async def _check(self, target: str, check: Check) -> bool:
        begun_s = self.clock.now_s()
        reason = None
        try:
            await check()
        except Exception as error:
            # A check that raises is the finding, not a fault of the monitor.
            reason = type(error).__name__
        lasted_s = self.clock.now_s() - begun_s
        status: Status = "critical" if reason else "degraded" if lasted_s > _SLOW_S else "healthy"
        await self._say(target, status, lasted_s, reason or "slow")
        return status == "healthy"

    async def _say(self, target: str, status: Status, lasted_s: float, reason: str) -> None:
        obs.facts.health_check(target=target, status=status, duration_s=lasted_s)
        before = self._statuses.get(target, "healthy")
        self._statuses[target] = status
        if status == "critical":
            obs.outcome("failure", reason=reason)
        if status != before:
            await self._monitoring.degraded(target, before, status, "well_again" if status == "healthy" else reason)
