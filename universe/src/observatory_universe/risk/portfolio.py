"""The risk of a user's whole portfolio, and the limits that stand in front of every order."""

from collections.abc import Iterator
from typing import Final

import observatory_sdk as obs
from observatory_universe.risk.calculation import (
    SCENARIOS,
    CorrelationAnalysisEngine,
    PortfolioOptimizationEngine,
    RiskCalculationEngine,
    StressTestingEngine,
    exposure_ratio,
)
from observatory_universe.service import Service, World
from observatory_universe.trade import Order
from observatory_universe.users import User

_MOST_EXPOSURE_RATIO: Final = 0.40
_MOST_POSITION_RATIO: Final = 0.10
_MOST_LOSS_RATIO: Final = 0.10


class PortfolioRiskService(Service):
    """Assesses portfolios and says no to orders that would break a limit."""

    id = "portfolio_risk_service"

    def __init__(
        self,
        world: World,
        calculation: RiskCalculationEngine,
        optimization: PortfolioOptimizationEngine,
        correlation: CorrelationAnalysisEngine,
        stress: StressTestingEngine,
    ) -> None:
        super().__init__(world)
        self._calculation = calculation
        self._optimization = optimization
        self._correlation = correlation
        self._stress = stress

    @obs.service("portfolio_risk_service", "approve")
    async def approve(self, user: User, order: Order) -> str | None:
        """None when the order may go out, else the name of the limit that it would break."""
        await self._calculation.calculate(user)
        broken = None
        for name, used in self._utilizations(user, order):
            with obs.facts.limit_check(
                limit=name, synthetic=False, portfolio_id=user.portfolio_id, order_id=order.id
            ) as check:
                await self.work(0.8)
                # An order that is refused never breaks the limit; a broken limit is one that is used beyond 1 already.
                check.utilization_ratio = used
                check.breached = False
            if used > 1:
                broken = name
        return broken

    @obs.service("portfolio_risk_service", "assess")
    async def assess(self, user: User) -> float:
        """The user's value at risk, as a share of the portfolio."""
        await self.work(4)
        return await self._calculation.calculate(user, "drawdown")

    @obs.service("portfolio_risk_service", "rebalance")
    async def rebalance(self, user: User) -> float:
        """The share of the portfolio that should be traded."""
        await self._correlation.compute()
        return await self._optimization.optimise(user)

    @obs.service("portfolio_risk_service", "stress")
    async def stress(self, user: User) -> float:
        """The loss in the worst scenario, as a share of the portfolio."""
        return max([await self._stress.run(user, scenario) for scenario in SCENARIOS])

    def _utilizations(self, user: User, order: Order) -> Iterator[tuple[str, float]]:
        order_ratio = order.quantity * order.decision_price / float(user.cash_usd)
        yield "exposure", (exposure_ratio(user) + order_ratio) / _MOST_EXPOSURE_RATIO
        yield "position", order_ratio / _MOST_POSITION_RATIO
        yield "loss", float(user.lost_usd / user.cash_usd) / _MOST_LOSS_RATIO
