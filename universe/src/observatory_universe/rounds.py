"""What happens again and again: users who do something, and the platform's periodic work."""

import contextlib
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final

import observatory_sdk as obs
from observatory_universe.doors.feed import LOOK_EVERY_S
from observatory_universe.errors import Trouble
from observatory_universe.infrastructure.background import Job
from observatory_universe.market import SYMBOLS
from observatory_universe.platform import Platform
from observatory_universe.strategies import KINDS
from observatory_universe.turnstile import Turnstile
from observatory_universe.users import User

_COHORT: Final = "2025-11"
# How many users are looked at to find the right one.
_ASKED: Final = 20
_READING_S: Final = 2.5
# How many that came at once are served at once: below the pools, which others need as well.
_AT_ONCE: Final = 12


@dataclass(frozen=True, slots=True)
class Round:
    """One kind of happening: what runs, how often at the calm pace, and the id of the service that it enters by.

    A turn that is not `needed` is left out.
    """

    name: str
    every_s: float
    run: Callable[[], Awaitable[object]]
    service: str
    needed: Callable[[], bool] = lambda: True


def on_behalf_of(user: User, feature: str) -> AbstractContextManager[None]:
    """Everything inside is done for this user and counted for this feature."""
    return obs.feature(feature, user_id=user.id, user_cohort=user.cohort, user_plan=user.plan)


def stream(platform: Platform, venue: str) -> Round:
    """One reading of a venue's stream."""

    async def read() -> None:
        with obs.feature("market_data"):
            await platform.websocket_market_data.receive(venue)

    return Round(f"stream {venue}", LOOK_EVERY_S, read, "websocket_market_data")


class Crowd:
    """What users do."""

    def __init__(self, platform: Platform, has_viewers: bool) -> None:
        self._platform = platform
        self._users = platform.world.users
        self._chance = platform.world.chance.of("crowd")
        self._has_viewers = has_viewers
        self._views = platform.world.chance.of("views")
        self._readers = Turnstile(_AT_ONCE)

    def rounds(self) -> list[Round]:
        """Every kind of thing that users do, and how often all of them together do it at the calm pace."""
        views = self._view_rounds() if self._has_viewers else []
        return [
            *views,
            Round("sign in", 4, self._sign_in, "oauth_service"),
            Round("pay", 8, self._pay, "crypto_payment_service"),
            Round("onboard", 20, self._onboard, "user_onboarding_service"),
            Round("chat", 12, self._chat, "chat_integration_service"),
            Round("activate", 6, self._activate, "strategy_marketplace_service"),
            Round("deactivate", 6, self._deactivate, "strategy_marketplace_service"),
            Round("subscribe", 9, self._subscribe, "signal_channel_service"),
            Round("cancel", 15, self._cancel, "signal_channel_service"),
            Round("submit", 9, self._submit, "strategy_submission_service"),
            Round("scan", 8, self._scan, "user_opportunity_discovery"),
            Round("read bot", 2, self._read_bot, "telegram_core"),
        ]

    def _view_rounds(self) -> list[Round]:
        """The requests of one page, each of which enters by the service that answers it."""
        return [
            Round("look at prices", 1, self._look_at_prices, "market_data_coordinator"),
            Round("look at portfolio", 1, self._look_at_portfolio, "portfolio_risk_service"),
            Round("look at earnings", 1, self._look_at_earnings, "real_performance_tracker"),
        ]

    async def _look_at_prices(self) -> None:
        with on_behalf_of(self._viewer(), "dashboard"):
            for symbol in SYMBOLS:
                await self._platform.market_data_coordinator.quotes(symbol)

    async def _look_at_portfolio(self) -> None:
        user = self._viewer()
        with on_behalf_of(user, "dashboard"):
            await self._platform.portfolio_risk_service.assess(user)

    async def _look_at_earnings(self) -> None:
        with on_behalf_of(self._viewer(), "dashboard"):
            for strategy in self._platform.library.published():
                await self._platform.real_performance_tracker.earned(strategy.id)

    def _viewer(self) -> User:
        return self._views.pick(self._users.everybody())

    async def _sign_in(self) -> None:
        user = self._users.anybody()
        with on_behalf_of(user, "account"):
            await self._platform.oauth_service.sign_in(user)

    async def _pay(self) -> None:
        """The one of some who has the fewest credits buys more."""
        some = self._chance.some(self._users.everybody(), _ASKED)
        balances = await self._platform.credit_ledger.balances([user.id for user in some])
        user = min(some, key=lambda candidate: balances.get(candidate.id, 0))
        with on_behalf_of(user, "payments"):
            await self._platform.crypto_payment_service.pay(user)

    async def _onboard(self) -> None:
        user = self._users.welcome(_COHORT)
        with on_behalf_of(user, "onboarding"):
            await self._platform.user_onboarding_service.onboard(user)
        for candidate in self._users.too_many()[:_ASKED]:
            # Whoever still holds something, or may hold it any moment, stays until it is sold.
            if await self._platform.unified_strategy_service.trades_for(candidate):
                continue
            if not (await self._platform.world.portfolios.read(candidate)).positions:
                await self._leave(candidate)
                return

    async def _leave(self, user: User) -> None:
        self._users.remove(user)
        self._platform.world.portfolios.forget(user)
        await self._platform.world.doors.tables.remove_user(user.id)

    async def _chat(self) -> None:
        """A user asks, reads the answer, and mostly asks on."""
        user, clock = self._users.anybody(), self._platform.world.clock
        for turn in range(self._chance.whole(1, 4)):
            if turn:
                await clock.sleep(self._chance.duration_s(_READING_S))
            with on_behalf_of(user, "chat"):
                await self._platform.chat_integration_service.receive(user, "web")

    async def _activate(self) -> None:
        user, marketplace = self._users.anybody(), self._platform.strategy_marketplace_service
        with on_behalf_of(user, "marketplace"):
            strategy = self._chance.pick(await marketplace.browse(user))
            await marketplace.download(user, strategy)
            await marketplace.activate(user, strategy)

    async def _deactivate(self) -> None:
        user, marketplace = self._users.anybody(), self._platform.strategy_marketplace_service
        with on_behalf_of(user, "marketplace"):
            active = await marketplace.active(user)
            if len(active) > 1:
                await marketplace.deactivate(user, min(active))

    async def _subscribe(self) -> None:
        user = self._users.anybody()
        with on_behalf_of(user, "signals"):
            await self._platform.signal_channel_service.subscribe(user, self._chance.pick(KINDS))

    async def _cancel(self) -> None:
        channels, kind = self._platform.signal_channel_service, self._chance.pick(KINDS)
        user = await channels.anybody_subscribed(kind)
        if user is not None:
            with on_behalf_of(user, "signals"):
                await channels.cancel(user, kind)

    async def _submit(self) -> None:
        user = self._users.anybody()
        strategy = self._platform.library.draft(self._chance.pick(KINDS), user.id)
        with on_behalf_of(user, "marketplace"):
            await self._platform.strategy_submission_service.submit(strategy)

    async def _scan(self) -> None:
        user = self._users.anybody()
        with on_behalf_of(user, "discovery"):
            await self._platform.user_opportunity_discovery.scan(user)

    async def _read_bot(self) -> None:
        with obs.feature("chat"):
            asked = await self._platform.telegram_core.poll()
        await self._readers.admit(asked, self._answer)

    async def _answer(self, command: tuple[User, str]) -> None:
        user, name = command
        with on_behalf_of(user, "chat"), contextlib.suppress(Trouble):
            await self._platform.telegram_core.receive(user, name)


class Inbox:
    """What the platform does of itself as soon as there is something to do, at the same pace whatever the load."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._sellers = Turnstile(_AT_ONCE)

    def rounds(self) -> list[Round]:
        """All of them."""
        return [
            Round("close positions", 1, self._close_positions, "strategy_monitoring_service", self._holds),
            Round("judge signals", 2, self._judge, "signal_performance_service", self._waits),
            Round("reconcile orders", 12, self._reconcile, "unified_strategy_service", self._doubts),
        ]

    def _holds(self) -> bool:
        return self._platform.unified_strategy_service.holds()

    def _doubts(self) -> bool:
        return self._platform.unified_strategy_service.doubts()

    def _waits(self) -> bool:
        return self._platform.signal_performance_service.waits()

    async def _judge(self) -> None:
        with obs.feature("signals"):
            await self._platform.signal_performance_service.judge()

    async def _close_positions(self) -> None:
        with obs.feature("autotrade"):
            due = await self._platform.strategy_monitoring_service.watch()
        await self._sellers.admit(due, self._close)

    async def _close(self, due: tuple[User, str]) -> None:
        user, symbol = due
        with on_behalf_of(user, "autotrade"), contextlib.suppress(Trouble):
            await self._platform.strategy_monitoring_service.close(user, symbol)

    async def _reconcile(self) -> None:
        with obs.feature("autotrade"):
            await self._platform.unified_strategy_service.reconcile()


class Chores:
    """The platform's periodic work, run by the background service manager."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._users = platform.world.users
        self._backtested = 0

    def jobs(self) -> list[tuple[Job, float]]:
        """Every job with its interval in seconds at the calm pace."""
        return [*self._money_jobs(), *self._market_jobs(), *self._risk_jobs(), *self._watch_jobs()]

    def _money_jobs(self) -> list[tuple[Job, float]]:
        p = self._platform
        return [
            (Job("accrue costs", "operations", p.api_cost_tracker.accrue), 5),
            (Job("settle profit shares", "payments", p.profit_sharing_service.settle), 10),
            (Job("send digest", "signals", self._send_digest), 12),
        ]

    def _market_jobs(self) -> list[tuple[Job, float]]:
        p = self._platform
        return [
            (Job("refresh exchanges", "market_data", p.exchange_universe_service.refresh), 15),
            (Job("read sentiment", "signals", p.sentiment_analysis_engine.read_next), 6),
            (Job("count subscriptions", "signals", p.signal_channel_service.count), 10),
            (Job("propose strategy", "marketplace", p.dynamic_strategy_generator.propose), 15),
            (Job("backtest strategies", "backtest", self._backtest), 20),
            (Job("explain errors", "operations", p.debug_insight_generator.explain), 25),
        ]

    def _risk_jobs(self) -> list[tuple[Job, float]]:
        p = self._platform
        return [
            (Job("assess portfolio", "risk", lambda: p.portfolio_risk_service.assess(self._users.anybody())), 2),
            (Job("review strategies", "risk", lambda: p.cross_strategy_coordinator.review(self._users.anybody())), 5),
            (Job("rebalance", "risk", lambda: p.portfolio_risk_service.rebalance(self._users.anybody())), 12),
            (Job("stress", "risk", lambda: p.portfolio_risk_service.stress(self._users.anybody())), 12),
        ]

    def _watch_jobs(self) -> list[tuple[Job, float]]:
        p = self._platform
        return [
            (Job("check health", "operations", p.health_monitor.check), 5),
            (Job("collect metrics", "operations", p.system_monitoring_service.collect), 5),
            (Job("report ledger", "operations", p.credit_ledger.report), 5),
            (Job("assess emergency", "operations", p.emergency_manager.assess), 5),
            (Job("check strategies", "operations", p.strategy_system_monitor.check), 8),
            (Job("tune", "operations", p.enterprise_system_optimization.tune), 20),
            (Job("count sessions", "operations", p.websocket_service.count), 5),
            (Job("report events", "operations", p.event_driven_services_manager.report), 2),
            (Job("report jobs", "operations", p.background_service_manager.report), 2),
            (Job("report submissions", "operations", p.strategy_submission_service.report), 2),
        ]

    async def _backtest(self) -> None:
        """The next of the published strategies over the last hour, so that its live trades can be held against that."""
        strategies = self._platform.library.published()
        strategy = strategies[self._backtested % len(strategies)]
        self._backtested += 1
        await self._platform.real_backtesting_engine.run(strategy)
        await self._platform.signal_backtesting_service.replay(strategy)

    async def _send_digest(self) -> None:
        user = self._users.anybody()
        with on_behalf_of(user, "signals"):
            await self._platform.email_service.send(user, "digest")
