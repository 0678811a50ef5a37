"""The universe: the platform, or one process of it, set going and stopped."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from math import inf
from typing import Final

from observatory_universe.chance import Chance
from observatory_universe.clock import Clock
from observatory_universe.doors import Doors, Feed
from observatory_universe.errors import Trouble
from observatory_universe.faults import Faults
from observatory_universe.ids import Ids
from observatory_universe.infrastructure.background import Job
from observatory_universe.mishaps import Mishaps
from observatory_universe.pace import Pace
from observatory_universe.platform import Platform
from observatory_universe.portfolio import Portfolios
from observatory_universe.rounds import Chores, Crowd, Inbox, Round, on_behalf_of, stream
from observatory_universe.season import Season
from observatory_universe.service import World
from observatory_universe.split import Hosts
from observatory_universe.users import Users

_OPENING_CREDITS: Final = Decimal(60)
_STAGGER_S: Final = 0.12
_DRAIN_S: Final = 5.0
_LEARN_S: Final = 3.0
# At night some are awake all the same: every fact is told now and then.
_LEAST_LIVELY: Final = 0.25
_LOG = logging.getLogger(__name__)


class Universe:
    """All 65 services with their users, or the part of them that lives in this process.

    Args:
        seed: the same seed gives the same happenings, up to timing.
        pace: how big and how fast.
        doors: the ways out.
        faults: what is wrong now.
        clock: the time it lives in.
        hosts: which groups of services live here; all of them by default.
        process: a letter that keeps the ids of several processes apart.
    """

    def __init__(
        self,
        seed: int,
        pace: Pace,
        doors: Doors,
        faults: Faults,
        clock: Clock,
        hosts: Hosts | None = None,
        process: str = "",
    ) -> None:
        chance = Chance(seed)
        self.clock = clock
        self.faults = faults
        self.world = World(
            clock=clock,
            chance=chance,
            ids=Ids(clock, process),
            users=Users(chance, pace.users, pace.most_users),
            portfolios=Portfolios(doors.cache, doors.tables),
            doors=doors,
            faults=faults,
        )
        self.platform = Platform(self.world, pace, hosts)
        self._pace = pace
        self._season = Season(chance, enabled=pace.has_seasons)
        self._chance = chance.of("universe")
        self._under_way: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self._opened = asyncio.Event()

    @property
    def service_ids(self) -> list[str]:
        """The ids of the services that live here."""
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
            self._opened.set()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), seconds)
        finally:
            self.stop()
            await _cancel(loops)
            await self._drain()
            await _cancel(workers)

    def _workers(self) -> Iterator[Callable[[], Coroutine[None, None, None]]]:
        platform, doors = self.platform, self.world.doors
        if platform.has("background_service_manager"):
            yield platform.background_service_manager.work_off
        if platform.has("event_driven_services_manager"):
            yield platform.event_driven_services_manager.work_off
        if platform.has("strategy_submission_service"):
            yield platform.strategy_submission_service.work_off
        if platform.has("websocket_service"):
            yield doors.sessions.serve
        if platform.has("websocket_market_data"):
            for feed in doors.feeds.values():
                yield feed.stream

    def _loops(self) -> Iterator[Coroutine[None, None, None]]:
        pace = self._pace
        if self.platform.has("websocket_market_data"):
            for number, feed in enumerate(self.world.doors.feeds.values()):
                yield self._read(feed, number * 0.1)
        for number, round_ in enumerate(self._crowd()):
            yield self._repeat(round_, self._liveliness, number * _STAGGER_S, pace.most_in_flight, pace.most_late_s)
        for number, round_ in enumerate(self._local(Inbox(self.platform).rounds())):
            yield self._repeat(round_, lambda: pace.inbox_factor, number * _STAGGER_S, most=2)
        for number, round_ in enumerate(self._local(Mishaps(self.platform, pace.mishap_factor).rounds())):
            yield self._repeat(round_, lambda: pace.mishap_factor, number * _STAGGER_S, most=1)
        if self.platform.has("background_service_manager"):
            for number, (job, every_s) in enumerate(Chores(self.platform).jobs()):
                chore = self._chore(job, every_s)
                yield self._repeat(chore, lambda: pace.chore_factor, number * _STAGGER_S, most=1)
        yield self._learn_of_users()

    def _crowd(self) -> list[Round]:
        rounds = self._local(Crowd(self.platform, self._pace.has_viewers).rounds())
        # Many who come at once would keep the opening of accounts waiting: nobody would follow or subscribe for long.
        return [replace(each, needed=self._opened.is_set) for each in rounds] if self._pace.opens_first else rounds

    def _chore(self, job: Job, every_s: float) -> Round:
        """Periodic work waits in a queue: a round only puts its name there."""
        manager = self.platform.background_service_manager
        manager.register(job)

        async def offer() -> None:
            await manager.offer(job.name)

        return Round(job.name, every_s, offer, manager.id)

    def _local(self, rounds: Sequence[Round] | Iterator[Round]) -> list[Round]:
        return [round_ for round_ in rounds if self.platform.has(round_.service)]

    def _liveliness(self) -> float:
        """How much users do now, as a multiple of the calm pace."""
        growth = self.faults.grade("traffic_growth") or 1.0
        season = max(_LEAST_LIVELY, self._season.people(self.clock.now_ns()))
        return self._pace.user_factor * growth * season

    async def _repeat(
        self, round_: Round, factor: Callable[[], float], first_s: float, most: int, most_late_s: float = inf
    ) -> None:
        """Lets the round happen `factor()` times as often as it says, with at most `most` turns under way.

        A turn that is later than `most_late_s` is left out.
        """
        chance = self.world.chance.of(f"round:{round_.name}")
        turns: set[asyncio.Task[None]] = set()
        pause_s = first_s
        while True:
            due_s = self.clock.now_s() + pause_s
            await self.clock.sleep(pause_s)
            if self._stopping.is_set():
                return
            is_late = self.clock.now_s() - due_s > most_late_s
            if len(turns) < most and not is_late and round_.needed():
                turn = asyncio.create_task(self._turn(round_))
                for tasks in (turns, self._under_way):
                    tasks.add(turn)
                    turn.add_done_callback(tasks.discard)
            pause_s = round_.every_s / factor() * chance.between(0.8, 1.2)

    async def _read(self, feed: Feed, first_s: float) -> None:
        """Reads one venue's stream, as often as it is worth it."""
        round_ = stream(self.platform, feed.venue)
        await self.clock.sleep(first_s)
        while not self._stopping.is_set():
            await self._turn(round_)
            await self.clock.sleep(feed.next_look_s())

    async def _turn(self, round_: Round) -> None:
        try:
            await round_.run()
        except Trouble as trouble:
            # Its spans tell of it. One turn that fails is one user's trouble; the universe goes on.
            _LOG.info("%s failed: %s", round_.name, trouble)
        except Exception:
            _LOG.exception("%s failed", round_.name)

    async def _open_accounts(self) -> None:
        """Gives the users of the start their accounts, credits, first strategies and channels."""
        platform, tables = self.platform, self.world.doors.tables
        if platform.has("signal_channel_service"):
            await platform.signal_channel_service.open()
        if not platform.has("user_onboarding_service"):
            return
        strategies = platform.library.published()
        for user in self.world.users.everybody():
            await tables.add_user(user)
            for strategy in self._chance.some(strategies, self._chance.whole(0, 2)):
                await tables.activate(user.id, strategy.id)
            with on_behalf_of(user, "onboarding"):
                await platform.credit_ledger.book(user.id, "welcome", _OPENING_CREDITS, self.world.ids.next("opening"))

    async def _learn_of_users(self) -> None:
        """Takes in who came and lets go who went in another process of the platform."""
        if self.platform.has("user_onboarding_service"):
            return
        # Those who are not written down yet are not gone: only who was seen there can be.
        known: set[str] = set()
        while not self._stopping.is_set():
            await self.clock.sleep(_LEARN_S)
            with contextlib.suppress(Trouble):
                now = {user.id: user for user in await self.world.doors.tables.users()}
                for user_id in now.keys() - known:
                    self.world.users.add(now[user_id])
                for user in self.world.users.everybody():
                    if user.id in known and user.id not in now:
                        self.world.users.remove(user)
                known = set(now)

    async def _drain(self) -> None:
        """Waits until nothing is under way. What takes longer than 5 s is cancelled."""
        until_s = self.clock.now_s() + _DRAIN_S
        while self._under_way or not all(queue.is_quiet for queue in self.platform.queues()):
            if self.clock.now_s() > until_s:
                await _cancel(list(self._under_way))
                return
            await asyncio.sleep(0.01)


async def _cancel(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
