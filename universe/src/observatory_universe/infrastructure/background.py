"""Periodic work: a queue, and workers that take from it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import observatory_sdk as obs
from observatory_universe.line import Line
from observatory_universe.service import Service, World

_MOST_WAITING: Final = 200


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of periodic work and the business feature that it serves."""

    name: str
    feature: str
    run: Callable[[], Awaitable[object]]


class BackgroundServiceManager(Service):
    """Runs jobs off a queue of at most 200, `workers` at a time."""

    id = "background_service_manager"

    def __init__(self, world: World, workers: int) -> None:
        super().__init__(world)
        self._workers = workers
        self._queue = obs.facts.queue("background", service=self.id)
        self.jobs: Line[Job] = Line(world.clock, _MOST_WAITING)

    async def work_off(self) -> None:
        """Runs queued jobs until it is cancelled."""
        await self.jobs.work_off(self._serve, self._workers)

    @obs.service("background_service_manager", "report")
    async def report(self) -> None:
        """Says how much is waiting, and for how long."""
        await self.work(0.5)
        self._queue.observe(depth=len(self.jobs), oldest_item_age_s=self.jobs.oldest_age_s)

    async def _serve(self, job: Job) -> None:
        with obs.feature(job.feature):
            await self._run(job)

    @obs.service("background_service_manager", "run")
    async def _run(self, job: Job) -> None:
        await job.run()
        self._queue.processed()
