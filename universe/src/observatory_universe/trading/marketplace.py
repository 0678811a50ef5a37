"""Strategies from their submission to the users who switch them on."""

from decimal import Decimal
from typing import Final

from pydantic import TypeAdapter

import observatory_sdk as obs
from observatory_universe.credits.ledger import CreditLedger
from observatory_universe.infrastructure.gates import RateLimitService
from observatory_universe.infrastructure.mocks import MockDataService
from observatory_universe.market_data.history import RealBacktestingEngine, RealPerformanceTracker
from observatory_universe.queue import Queue
from observatory_universe.service import Service, World
from observatory_universe.signals.backtesting import SignalBacktestingService
from observatory_universe.stall import stall
from observatory_universe.strategies import Library, Strategy
from observatory_universe.users import User

_MOST_WAITING: Final = 100
_ACTIVATION_CREDITS: Final = Decimal("0.5")
_MOST_ACTIVE: Final = 2
_JSON: Final = TypeAdapter(Strategy)


class StrategyTestingService(Service):
    """Validates a strategy: a sandbox run on made-up data, then a backtest on stored candles."""

    id = "strategy_testing_service"

    def __init__(
        self,
        world: World,
        mocks: MockDataService,
        backtests: RealBacktestingEngine,
        signals: SignalBacktestingService,
    ) -> None:
        super().__init__(world)
        self._mocks = mocks
        self._backtests = backtests
        self._signals = signals

    @obs.service("strategy_testing_service", "test")
    async def test(self, strategy: Strategy) -> bool:
        """True when the strategy may be published."""
        with obs.facts.strategy_test(strategy_id=strategy.id, publisher=strategy.publisher) as test:
            await stall(self, "strategy_test_stall")
            await self._mocks.serve("candles", strategy.id)
            return_ratio = await self._backtests.run(strategy)
            await self._signals.replay(strategy)
            await self.work(400)
            passed = return_ratio > -0.05
            # A strategy that does not pass is a finding, not a failure of the test.
            test.status = "passed" if passed else "failed"
        return passed


class StrategySubmissionService(Service):
    """Takes strategies in, queues them, and reviews them after their test."""

    id = "strategy_submission_service"

    def __init__(self, world: World, testing: StrategyTestingService, limits: RateLimitService, testers: int) -> None:
        super().__init__(world)
        self._testers = testers
        self._testing = testing
        self._limits = limits
        self._queue = obs.facts.queue("strategy_submissions", service=self.id)
        self.submissions = Queue(world.clock, world.doors.cache, "strategy_submissions", _MOST_WAITING)

    @obs.service("strategy_submission_service", "submit")
    async def submit(self, strategy: Strategy) -> bool:
        """Queues the strategy for its test. False when the publisher or the queue must wait."""
        if not await self._limits.decide("submission", strategy.publisher):
            obs.outcome("failure", reason="rate_limited")
            return False
        await self.work(20)
        await self._keep(strategy)
        headers: dict[str, str] = {}
        obs.inject(headers)
        obs.facts.strategy_submitted(strategy_id=strategy.id, publisher=strategy.publisher, status="submitted")
        if not await self.submissions.offer(_JSON.dump_json(strategy).decode(), headers):
            obs.outcome("failure", reason="queue_full")
            return False
        return True

    async def work_off(self) -> None:
        """Tests and reviews submissions until it is cancelled."""
        await self.submissions.work_off(self._serve, self._testers)

    @obs.service("strategy_submission_service", "report")
    async def report(self) -> None:
        """Says how much is waiting, and for how long."""
        await self.work(0.5)
        self._queue.observe(depth=len(self.submissions), oldest_item_age_s=self.submissions.oldest_age_s)

    async def _serve(self, item: str, headers: dict[str, str]) -> None:
        with obs.extract(headers), obs.feature("marketplace"):
            await self._review(_JSON.validate_json(item))

    @obs.service("strategy_submission_service", "review")
    async def _review(self, strategy: Strategy) -> None:
        strategy.status = "testing"
        passed = await self._testing.test(strategy)
        await self.work(30)
        strategy.status = "approved" if passed else "rejected"
        await self._keep(strategy)
        obs.facts.strategy_reviewed(
            strategy_id=strategy.id,
            status=strategy.status,
            reason="test_passed" if passed else "test_failed",
            publisher=strategy.publisher,
        )
        self._queue.processed()

    async def _keep(self, strategy: Strategy) -> None:
        await self.doors.tables.write_record("strategies", strategy.id, _JSON.dump_json(strategy).decode())


class StrategyMarketplaceService(Service):
    """Lists strategies and switches them on and off for users."""

    id = "strategy_marketplace_service"

    def __init__(
        self, world: World, library: Library, ledger: CreditLedger, performance: RealPerformanceTracker
    ) -> None:
        super().__init__(world)
        self._library = library
        self._ledger = ledger
        self._performance = performance

    @obs.service("strategy_marketplace_service", "browse")
    async def browse(self, user: User) -> list[Strategy]:
        """What can be switched on, the best earner first."""
        await self.work(12)
        earned = {s.id: (await self._performance.earned(s.id))[0] for s in self._library.published()}
        return sorted(self._library.published(), key=lambda strategy: earned[strategy.id], reverse=True)

    @obs.service("strategy_marketplace_service", "download")
    async def download(self, user: User, strategy: Strategy) -> None:
        await self.work(15)
        obs.facts.strategy_downloaded(strategy_id=strategy.id, publisher=strategy.publisher, status="approved")

    @obs.service("strategy_marketplace_service", "activate")
    async def activate(self, user: User, strategy: Strategy) -> bool:
        """Switches the strategy on for its price in credits. False when they do not suffice."""
        await self.work(10)
        key = self.world.ids.next("activation")
        if not await self._ledger.book(user.id, "activation", -_ACTIVATION_CREDITS, key):
            obs.outcome("partial", reason="insufficient_credits")
            return False
        await self.doors.tables.activate(user.id, strategy.id)
        obs.facts.strategy_activated(strategy_id=strategy.id, publisher=strategy.publisher, status="active")
        active = await self.doors.tables.active(user.id)
        if len(active) > _MOST_ACTIVE:
            await self.deactivate(user, min(active))
        return True

    @obs.service("strategy_marketplace_service", "deactivate")
    async def deactivate(self, user: User, strategy_id: str) -> None:
        await self.work(6)
        await self.doors.tables.deactivate(user.id, strategy_id)
        obs.facts.strategy_deactivated(strategy_id=strategy_id, status="inactive")

    @obs.service("strategy_marketplace_service", "active")
    async def active(self, user: User) -> list[str]:
        """The ids of the strategies that the user has switched on."""
        await self.work(1.5)
        return sorted(await self.doors.tables.active(user.id))

    @obs.service("strategy_marketplace_service", "followers")
    async def followers(self, strategy_id: str) -> list[str]:
        """The ids of the users who have switched the strategy on."""
        await self.work(1.5)
        return await self.doors.tables.followers(strategy_id)
