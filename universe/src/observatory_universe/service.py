"""What every service of the universe has: an id, the world it lives in, and work that takes time."""

from dataclasses import dataclass
from typing import ClassVar

from observatory_universe.chance import Chance
from observatory_universe.clock import Clock
from observatory_universe.ids import Ids
from observatory_universe.market import Market
from observatory_universe.users import Users


@dataclass(frozen=True, slots=True)
class World:
    """What all services share: time, chance, ids, the market and the people."""

    clock: Clock
    chance: Chance
    ids: Ids
    market: Market
    users: Users


class Service:
    """One of the 65. A subclass names its `id` and takes in its constructor the services that it calls."""

    id: ClassVar[str]

    def __init__(self, world: World) -> None:
        self.world = world
        self.clock = world.clock
        self.chance = world.chance.of(self.id)

    async def work(self, typical_ms: float, spread: float = 0.3) -> None:
        """Takes the time that the work would take: a median in milliseconds and a long right tail."""
        await self.clock.sleep(self.chance.duration_s(typical_ms / 1000, spread))
