"""The event bus: what one service publishes, the services that wait for it receive."""

from collections.abc import Awaitable, Callable
from typing import Final

from pydantic import TypeAdapter

import observatory_sdk as obs
from observatory_universe.market import MarketEvent
from observatory_universe.queue import Queue
from observatory_universe.service import Service, World

Receiver = Callable[[MarketEvent], Awaitable[None]]

_MOST_WAITING: Final = 500
_WORKERS: Final = 8
_JSON: Final = TypeAdapter(MarketEvent)


class EventDrivenServicesManager(Service):
    """Passes market events on. The publisher's trace goes on in the receiver, by headers beside the event."""

    id = "event_driven_services_manager"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._queue = obs.facts.queue("events", service=self.id)
        self.events = Queue(world.clock, world.doors.cache, "events", _MOST_WAITING)
        self._receivers: list[Receiver] = []

    def subscribe(self, receiver: Receiver) -> None:
        """From now on `receiver` gets every event."""
        self._receivers.append(receiver)

    @obs.service("event_driven_services_manager", "publish")
    async def publish(self, event: MarketEvent) -> None:
        """Hands the event to the bus. An event that finds the bus full is dropped, and the call says so.

        Raises:
            StateError: Redis cannot be reached.
        """
        await self.work(0.3)
        headers: dict[str, str] = {}
        obs.inject(headers)
        if not await self.events.offer(_JSON.dump_json(event).decode(), headers):
            obs.outcome("failure", reason="bus_full")

    async def work_off(self) -> None:
        """Dispatches events until it is cancelled."""
        await self.events.work_off(self._serve, _WORKERS)

    @obs.service("event_driven_services_manager", "report")
    async def report(self) -> None:
        """Says how much is waiting, and for how long."""
        await self.work(0.5)
        self._queue.observe(depth=len(self.events), oldest_item_age_s=self.events.oldest_age_s)

    async def _serve(self, item: str, headers: dict[str, str]) -> None:
        with obs.extract(headers), obs.feature("signals"):
            await self._dispatch(_JSON.validate_json(item))

    @obs.service("event_driven_services_manager", "dispatch")
    async def _dispatch(self, event: MarketEvent) -> None:
        for receiver in self._receivers:
            await receiver(event)
        self._queue.processed()
