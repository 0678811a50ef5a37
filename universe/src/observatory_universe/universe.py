"""The universe: the platform, set going and stopped."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Iterator, Sequence
from decimal import Decimal
from typing import Final

from observatory_universe.chance import Chance
from observatory_universe.clock import Clock
from observatory_universe.ids import Ids
from observatory_universe.infrastructure.background import Job
from observatory_universe.market import Market
from observatory_universe.pace import Pace
from observatory_universe.platform import Platform
from observatory_universe.rounds import Chores, Crowd, Round, on_behalf_of, streams
from observatory_universe.service import World
from observatory_universe.users import Users

_OPENING_CREDITS: Final = Decimal(60)
_STAGGER_S: Final = 0.12
_DRAIN_S: Final = 5.0
_LOG = logging.getLogger(__name__)


class Universe:
    """All 65 services with their users and their market.

    Args:
        seed: the same seed gives the same happenings, up to timing.
        pace: how big and how fast.
        clock: the time it lives in; the machine's by default.
    """

    def __init__(self, seed: int, pace: Pace, clock: Clock | None = None) -> None:
        chance = Chance(seed)
        self.clock = clock or Clock()
        self.world = World(
            clock=self.clock,
            chance=chance,
            ids=Ids(self.clock),
            market=Market(self.clock, chance, pace.impulse_gap_s),
            users=Users(chance, pace.users, pace.most_users),
        )
        self.platform = Platform(self.world, pace)
        self._pace = pace
        self._chance = chance.of("universe")
        self._under_way: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()

    @property
    def service_ids(self) -> list[str]:
        """The ids of all services that are built."""
        return [service.id for service in self.platform.services()]

    def stop(self) -> None:
        """Lets nothing new begin and brings what is under way to its end at once."""
        self._stopping.set()
        self.clock.hurry()

    async def run(self, seconds: float | None = None) -> None:
        """Lives until `stop`, or for so many seconds. What is under way at the end comes to its end first."""
        workers = [asyncio.create_task(work()) for work in self._workers()]
        loops = [asyncio.create_task(loop) for loop in self._loops()]
        try:
            await self._open_accounts()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), seconds)
        finally:
            self.stop()
            await _cancel(loops)
            await self._drain()
            await _cancel(workers)

    def _workers(self) -> list[Callable[[], Coroutine[None, None, None]]]:
        platform = self.platform
        return [
            platform.background_service_manager.work_off,
            platform.event_driven_services_manager.work_off,
            platform.strategy_submission_service.work_off,
        ]

    def _loops(self) -> Iterator[Coroutine[None, None, None]]:
        for number, round_ in enumerate(streams(self.platform)):
            yield self._repeat(round_, 1.0, number * 0.1, most=1)
        for number, round_ in enumerate(Crowd(self.platform).rounds()):
            yield self._repeat(round_, self._pace.user_factor, number * _STAGGER_S, self._pace.most_in_flight)
        for number, (job, every_s) in enumerate(Chores(self.platform).jobs()):
            yield self._repeat(self._chore(job, every_s), self._pace.chore_factor, number * _STAGGER_S, most=1)

    def _chore(self, job: Job, every_s: float) -> Round:
        async def offer() -> None:
            self.platform.background_service_manager.jobs.offer(job)

        return Round(job.name, every_s, offer)

    async def _repeat(self, round_: Round, factor: float, first_s: float, most: int) -> None:
        """Lets the round happen `factor` times as often as it says, with at most `most` turns under way."""
        chance = self.world.chance.of(f"round:{round_.name}")
        turns: set[asyncio.Task[None]] = set()
        await self.clock.sleep(first_s)
        while not self._stopping.is_set():
            if len(turns) < most:
                turn = asyncio.create_task(self._turn(round_))
                for tasks in (turns, self._under_way):
                    tasks.add(turn)
                    turn.add_done_callback(tasks.discard)
            await self.clock.sleep(round_.every_s / factor * chance.between(0.8, 1.2))

    async def _turn(self, round_: Round) -> None:
        try:
            await round_.run()
        except Exception:
            # One turn that fails is one user's trouble; the universe goes on.
            _LOG.exception("%s failed", round_.name)

    async def _open_accounts(self) -> None:
        """Gives the users of the start their credits and first strategies."""
        strategies = self.platform.library.published()
        for user in self.world.users.everybody():
            user.strategies = {strategy.id for strategy in self._chance.some(strategies, self._chance.whole(0, 2))}
            with on_behalf_of(user, "onboarding"):
                await self.platform.credit_ledger.book(
                    user.id, "welcome", _OPENING_CREDITS, self.world.ids.next("opening")
                )

    async def _drain(self) -> None:
        """Waits until nothing is under way. What takes longer than 5 s is cancelled."""
        lines = (
            self.platform.background_service_manager.jobs,
            self.platform.event_driven_services_manager.events,
            self.platform.strategy_submission_service.submissions,
        )
        until_s = self.clock.now_s() + _DRAIN_S
        while self._under_way or not all(line.is_quiet for line in lines):
            if self.clock.now_s() > until_s:
                await _cancel(list(self._under_way))
                return
            await asyncio.sleep(0.01)


async def _cancel(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
