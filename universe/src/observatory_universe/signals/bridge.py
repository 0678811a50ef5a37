"""Signals into orders of those who follow a strategy."""

from typing import Final

import observatory_sdk as obs
from observatory_universe.errors import Trouble
from observatory_universe.health.monitoring import SystemMonitoringService
from observatory_universe.service import Service, World
from observatory_universe.trade import Order, Signal, Verdict
from observatory_universe.trading.marketplace import StrategyMarketplaceService
from observatory_universe.trading.strategies import UnifiedStrategyService
from observatory_universe.turnstile import Turnstile
from observatory_universe.users import User

# For how many followers at once, those of all signals together: below the pools, which others need as well.
_AT_ONCE: Final = 8


class SignalExecutionBridge(Service):
    """Lets the signal's strategy trade for each of its followers."""

    id = "signal_execution_bridge"

    def __init__(
        self,
        world: World,
        strategies: UnifiedStrategyService,
        marketplace: StrategyMarketplaceService,
        monitoring: SystemMonitoringService,
    ) -> None:
        super().__init__(world)
        self._strategies = strategies
        self._marketplace = marketplace
        self._monitoring = monitoring
        self._turnstile = Turnstile(_AT_ONCE)

    @obs.service("signal_execution_bridge", "bridge")
    async def bridge(self, signal: Signal, verdict: Verdict | None) -> int:
        """Returns how many orders were filled."""
        await self.work(4)
        followers = self.world.users.known(await self._marketplace.followers(signal.strategy_id))
        placed = await self._turnstile.admit(followers, lambda user: self._bridge_for(user, signal, verdict))
        await self._monitoring.count("signals_bridged")
        return sum(placed)

    async def _bridge_for(self, user: User, signal: Signal, verdict: Verdict | None) -> bool:
        with (
            obs.feature("autotrade", user_id=user.id, user_cohort=user.cohort, user_plan=user.plan),
            obs.facts.signal_bridge(
                type=signal.kind,
                symbol=signal.symbol,
                side=signal.side,
                strategy_id=signal.strategy_id,
                signal_id=signal.id,
            ) as bridge,
        ):
            order = await self._open(user, signal, verdict)
            bridge.accepted = order is not None
            bridge.reason = "order_filled" if order is not None else "no_order"
            bridge.order_id = order.id if order is not None else None
        return order is not None

    async def _open(self, user: User, signal: Signal, verdict: Verdict | None) -> Order | None:
        try:
            return await self._strategies.open(user, signal, verdict)
        except Trouble:
            # One follower's trouble must not take the signal from the others.
            obs.outcome("partial", reason="order_failed")
            return None
