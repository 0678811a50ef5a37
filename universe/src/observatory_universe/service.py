"""What every service of the universe has: an id, the world it lives in, and work that takes time."""

from dataclasses import dataclass
from typing import ClassVar, Final

from observatory_universe.chance import Chance
from observatory_universe.clock import Clock
from observatory_universe.doors import Doors
from observatory_universe.errors import RegressionError
from observatory_universe.faults import Faults
from observatory_universe.ids import Ids
from observatory_universe.portfolio import Portfolios
from observatory_universe.users import Users

# A new version that fails is slower, too.
_REGRESSION_MS: Final = 120.0


@dataclass(frozen=True, slots=True)
class World:
    """What all services share: time, chance, ids, people and what they own, the doors out, and what is wrong now."""

    clock: Clock
    chance: Chance
    ids: Ids
    users: Users
    portfolios: Portfolios
    doors: Doors
    faults: Faults


class Service:
    """One of the 65. A subclass names its `id` and takes in its constructor the services that it calls.

    What other services call is asynchronous and marked with `@obs.service`, and takes and returns plain values: the
    other service may live in another process.
    """

    id: ClassVar[str]

    def __init__(self, world: World) -> None:
        self.world = world
        self.clock = world.clock
        self.doors = world.doors
        self.faults = world.faults
        self.chance = world.chance.of(self.id)
        # Faults draw from a stream of their own: one that comes and goes shifts nothing else.
        self.mischance = world.chance.of(f"fault:{self.id}")

    async def work(self, typical_ms: float, spread: float = 0.3) -> None:
        """Takes the time that the work would take: a median in milliseconds and a long right tail.

        Raises:
            RegressionError: a faulty version of the service is live.
        """
        await self.clock.sleep(self.chance.duration_s(typical_ms / 1000, spread))
        slower_ms = self.faults.grade("dependency_slow", self.id)
        if slower_ms is not None:
            await self.clock.sleep(self.mischance.duration_s(slower_ms / 1000))
        failing_ratio = self.faults.grade("deployment_regression", self.id)
        if failing_ratio is not None:
            await self.clock.sleep(self.mischance.duration_s(_REGRESSION_MS / 1000))
            if self.mischance.happens(failing_ratio):
                raise RegressionError(f"{self.id} fails since its last deployment")

    def struck(self, kind: str, target: str | None = None) -> bool:
        """True when the fault is on and, by its grade as a share, strikes this time."""
        ratio = self.faults.grade(kind, target)
        return ratio is not None and self.mischance.happens(ratio)
