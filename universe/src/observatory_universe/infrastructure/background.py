"""Periodic work: a queue, and workers that take from it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import observatory_sdk as obs
from observatory_universe.queue import Queue
from observatory_universe.service import Service, World
from observatory_universe.stall import stall

_MOST_WAITING: Final = 200
_MIB: Final = 1024 * 1024
_MOST_HOARDED_MIB: Final = 1536


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of periodic work and the business feature that it serves."""

    name: str
    feature: str
    run: Callable[[], Awaitable[object]]


class BackgroundServiceManager(Service):
    """Runs jobs off a queue of at most 200, `workers` at a time. The queue holds their names."""

    id = "background_service_manager"

    def __init__(self, world: World, workers: int) -> None:
        super().__init__(world)
        self._workers = workers
        self._queue = obs.facts.queue("background", service=self.id)
        self._jobs: dict[str, Job] = {}
        self._hoard: list[bytearray] = []
        self.jobs = Queue(world.clock, world.doors.cache, "background", _MOST_WAITING)

    def register(self, job: Job) -> None:
        """From now on the job can be offered by its name."""
        self._jobs[job.name] = job

    async def offer(self, name: str) -> bool:
        """Queues a job. False when too many wait.

        Raises:
            StateError: Redis cannot be reached.
        """
        taken = await self.jobs.offer(name)
        # Told here as well: workers that hang look at nothing.
        self._observe()
        return taken

    async def work_off(self) -> None:
        """Runs queued jobs until it is cancelled."""
        await self.jobs.work_off(self._serve, self._workers)

    @obs.service("background_service_manager", "report")
    async def report(self) -> None:
        """Says how much is waiting, and for how long."""
        await self.work(0.5)
        self._observe()

    @obs.service("background_service_manager", "hoard")
    async def hoard(self, mib: int) -> int:
        """Takes memory and keeps it, 1.5 GiB at most. Returns how many MiB are kept."""
        kept = sum(map(len, self._hoard)) // _MIB
        # Where time is not real, hours pass in a second and nobody reads the process's memory.
        more = min(mib, _MOST_HOARDED_MIB - kept) if self.clock.is_real else 0
        if more > 0:
            self._hoard.append(bytearray(more * _MIB))
        return kept + more

    @obs.service("background_service_manager", "release")
    async def release(self) -> None:
        """Gives the hoarded memory back."""
        self._hoard.clear()

    async def _serve(self, name: str, headers: dict[str, str]) -> None:
        job = self._jobs[name]
        with obs.feature(job.feature):
            await self._run(job)

    @obs.service("background_service_manager", "run")
    async def _run(self, job: Job) -> None:
        self._observe()
        await stall(self, "queue_backlog")
        await job.run()
        self._queue.processed()

    def _observe(self) -> None:
        self._queue.observe(depth=len(self.jobs), oldest_item_age_s=self.jobs.oldest_age_s)
