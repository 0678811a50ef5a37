"""Watches the strategy services as one system."""

import observatory_sdk as obs
from observatory_universe.errors import Trouble
from observatory_universe.health.monitoring import Status
from observatory_universe.service import Service, World
from observatory_universe.trading.strategies import UnifiedStrategyService


class StrategySystemMonitor(Service):
    """Checks that strategies run and end as they should."""

    id = "strategy_system_monitor"

    def __init__(self, world: World, strategies: UnifiedStrategyService) -> None:
        super().__init__(world)
        self._strategies = strategies

    @obs.service("strategy_system_monitor", "check")
    async def check(self) -> bool:
        """True when the strategy services answer."""
        begun_s = self.clock.now_s()
        status: Status = "unknown"
        try:
            if await self._strategies.running():
                status = "healthy"
        except Trouble as trouble:
            status = "critical"
            obs.outcome("failure", reason=type(trouble).__name__)
        await self.work(5)
        obs.facts.health_check(
            target="unified_strategy_service", status=status, duration_s=self.clock.now_s() - begun_s
        )
        return status == "healthy"
