"""Shared state: a bounded key-value store and the locks that keep two services from the same thing."""

from collections import OrderedDict
from typing import Final

import observatory_sdk as obs
from observatory_universe.service import Service, World

_MOST_KEYS: Final = 20_000


class StateCoordinator(Service):
    """Keeps shared state consistent. Holds the newest 20,000 keys."""

    id = "state_coordinator"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._values: OrderedDict[str, object] = OrderedDict()

    @obs.service("state_coordinator", "read")
    async def read(self, key: str) -> object | None:
        await self.work(0.8)
        return self._values.get(key)

    @obs.service("state_coordinator", "write")
    async def write(self, key: str, value: object) -> None:
        await self.work(1.0)
        self._values[key] = value
        self._values.move_to_end(key)
        if len(self._values) > _MOST_KEYS:
            self._values.popitem(last=False)

    @obs.service("state_coordinator", "claim")
    async def claim(self, key: str) -> bool:
        """True for the first who asks for this key, False for everybody after."""
        await self.work(1.0)
        if key in self._values:
            return False
        self._values[key] = True
        if len(self._values) > _MOST_KEYS:
            self._values.popitem(last=False)
        return True
