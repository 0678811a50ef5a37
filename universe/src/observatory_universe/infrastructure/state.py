"""Shared state in Redis, and the claims that keep two services from the same thing."""

from typing import Final

import observatory_sdk as obs
from observatory_universe.service import Service

_KEPT_S: Final = 3_600.0


class StateCoordinator(Service):
    """Keeps shared state consistent.

    Raises:
        StateError: Redis cannot be reached; from every method.
    """

    id = "state_coordinator"

    @obs.service("state_coordinator", "read")
    async def read(self, key: str) -> str | None:
        await self.work(0.8)
        return await self.doors.cache.read(f"state:{key}")

    @obs.service("state_coordinator", "write")
    async def write(self, key: str, value: str) -> None:
        """Kept for an hour."""
        await self.work(0.8)
        await self.doors.cache.write(f"state:{key}", value, _KEPT_S)

    @obs.service("state_coordinator", "claim")
    async def claim(self, key: str) -> bool:
        """True for the first who asks for this key within an hour, False for everybody after."""
        await self.work(1.0)
        return await self.doors.cache.claim(f"claim:{key}", _KEPT_S)

    @obs.service("state_coordinator", "fail_over")
    async def fail_over(self, reason: str) -> bool:
        """Moves the state to the stand-in. True when the stand-in took it."""
        begun_s = self.clock.now_s()
        took = self.faults.grade("failover_fails") is None
        await self.work(250)
        obs.facts.failover(
            name="state",
            from_="primary",
            to="stand_in",
            succeeded=took,
            reason=reason if took else "stand_in_not_ready",
            duration_s=self.clock.now_s() - begun_s,
        )
        if not took:
            obs.outcome("failure", reason="stand_in_not_ready")
        return took
