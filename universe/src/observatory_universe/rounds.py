"""What happens again and again: users who do something, and the platform's periodic work."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final

import observatory_sdk as obs
from observatory_universe.infrastructure.background import Job
from observatory_universe.market import VENUES
from observatory_universe.platform import Platform
from observatory_universe.strategies import KINDS
from observatory_universe.trade import Position
from observatory_universe.users import User

_STREAM_EVERY_S: Final = 0.4
_COHORT: Final = "2025-11"
_COMMANDS: Final = ("chat", "signals", "risk")


@dataclass(frozen=True, slots=True)
class Round:
    """One kind of happening: what runs, and how often at the calm pace."""

    name: str
    every_s: float
    run: Callable[[], Awaitable[object]]


def on_behalf_of(user: User, feature: str) -> AbstractContextManager[None]:
    """Everything inside is done for this user and counted for this feature."""
    return obs.feature(feature, user_id=user.id, user_cohort=user.cohort, user_plan=user.plan)


def streams(platform: Platform) -> Iterator[Round]:
    """The venues' streams. They keep their pace: a market does not tick faster because more people look."""
    for venue in VENUES:
        yield Round(f"stream {venue}", _STREAM_EVERY_S, Stream(platform, venue).read)


class Stream:
    """One venue's stream."""

    def __init__(self, platform: Platform, venue: str) -> None:
        self._platform = platform
        self._venue = venue

    async def read(self) -> None:
        with obs.feature("market_data"):
            await self._platform.websocket_market_data.receive(self._venue)


class Crowd:
    """What users do."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._users = platform.world.users
        self._chance = platform.world.chance.of("crowd")

    def rounds(self) -> list[Round]:
        """Every kind of thing that users do, and how often all of them together do it at the calm pace."""
        return [
            Round("sign in", 4, self._sign_in),
            Round("pay", 8, self._pay),
            Round("onboard", 20, self._onboard),
            Round("chat", 5, self._chat),
            Round("telegram", 7, self._telegram),
            Round("activate", 6, self._activate),
            Round("deactivate", 14, self._deactivate),
            Round("subscribe", 9, self._subscribe),
            Round("cancel", 15, self._cancel),
            Round("submit", 18, self._submit),
            Round("scan", 8, self._scan),
            Round("close positions", 1, self._close_positions),
        ]

    async def _sign_in(self) -> None:
        user = self._users.anybody()
        with on_behalf_of(user, "account"):
            await self._platform.oauth_service.sign_in(user)

    async def _pay(self) -> None:
        """The one with the fewest credits buys some."""
        ledger = self._platform.credit_ledger
        user = min(self._users.everybody(), key=lambda candidate: ledger.balance(candidate.id))
        with on_behalf_of(user, "payments"):
            await self._platform.crypto_payment_service.pay(user)

    async def _onboard(self) -> None:
        user = self._users.welcome(_COHORT)
        with on_behalf_of(user, "onboarding"):
            await self._platform.user_onboarding_service.onboard(user)
        self._users.leave()

    async def _chat(self) -> None:
        user = self._users.anybody()
        with on_behalf_of(user, "chat"):
            await self._platform.chat_integration_service.receive(user, "web")

    async def _telegram(self) -> None:
        user = self._users.anybody()
        with on_behalf_of(user, "chat"):
            await self._platform.telegram_core.receive(user, self._chance.pick(_COMMANDS))

    async def _activate(self) -> None:
        user, marketplace = self._users.anybody(), self._platform.strategy_marketplace_service
        with on_behalf_of(user, "marketplace"):
            strategy = self._chance.pick(await marketplace.browse(user))
            await marketplace.download(user, strategy)
            await marketplace.activate(user, strategy)

    async def _deactivate(self) -> None:
        candidates = [user for user in self._users.everybody() if len(user.strategies) > 1]
        if not candidates:
            return
        user = self._chance.pick(candidates)
        with on_behalf_of(user, "marketplace"):
            await self._platform.strategy_marketplace_service.deactivate(user, min(user.strategies))

    async def _subscribe(self) -> None:
        user = self._users.anybody()
        with on_behalf_of(user, "signals"):
            await self._platform.signal_channel_service.subscribe(user, self._chance.pick(KINDS))

    async def _cancel(self) -> None:
        channels = self._platform.signal_channel_service
        found = channels.anybody_subscribed()
        if found is None:
            return
        user, kind = found
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

    async def _close_positions(self) -> None:
        with obs.feature("autotrade"):
            due = await self._platform.strategy_monitoring_service.watch()
        await asyncio.gather(*(self._close(user, position) for user, position in due))

    async def _close(self, user: User, position: Position) -> None:
        with on_behalf_of(user, "autotrade"):
            await self._platform.strategy_monitoring_service.close(user, position)


class Chores:
    """The platform's periodic work, run by the background service manager."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._users = platform.world.users

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
            (Job("judge signals", "signals", p.signal_performance_service.judge), 2),
            (Job("count subscriptions", "signals", p.signal_channel_service.count), 10),
            (Job("propose strategy", "marketplace", p.dynamic_strategy_generator.propose), 20),
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
            (Job("assess emergency", "operations", p.emergency_manager.assess), 5),
            (Job("check strategies", "operations", p.strategy_system_monitor.check), 8),
            (Job("tune", "operations", p.enterprise_system_optimization.tune), 20),
            (Job("count sessions", "operations", p.websocket_service.count), 5),
            (Job("report events", "operations", p.event_driven_services_manager.report), 2),
            (Job("report jobs", "operations", p.background_service_manager.report), 2),
            (Job("report submissions", "operations", p.strategy_submission_service.report), 2),
        ]

    async def _send_digest(self) -> None:
        user = self._users.anybody()
        with on_behalf_of(user, "signals"):
            await self._platform.email_service.send(user, "digest")
