"""The risk of a user's whole portfolio, and the limits that stand in front of every order."""

import zlib
from collections.abc import Iterator
from typing import Final

import observatory_sdk as obs
from observatory_universe.portfolio import Portfolio
from observatory_universe.risk.calculation import (
    SCENARIOS,
    CorrelationAnalysisEngine,
    PortfolioOptimizationEngine,
    RiskCalculationEngine,
    StressTestingEngine,
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
        self._above: set[str] = set()

    @obs.service("portfolio_risk_service", "approve")
    async def approve(self, user: User, order: Order) -> str | None:
        """None when the order may go out, else the name of the limit that it would break."""
        await self._calculation.calculate(user)
        return await self._check_limits(user, order)

    @obs.service("portfolio_risk_service", "assess")
    async def assess(self, user: User) -> float:
        """The user's value at risk, as a share of the portfolio. Who stands above a limit is checked again."""
        await self.work(4)
        if user.id in self._above or self._excess(user):
            await self._check_limits(user)
        return await self._calculation.calculate(user, "drawdown")

    @obs.service("portfolio_risk_service", "recheck")
    async def recheck(self) -> int:
        """Checks everybody again who stood above a limit. Returns how many still do."""
        await self.work(2)
        for user in self.world.users.known(sorted(self._above)):
            await self._check_limits(user)
        self._above = {user.id for user in self.world.users.known(sorted(self._above))}
        return len(self._above)

    @obs.service("portfolio_risk_service", "rebalance")
    async def rebalance(self, user: User) -> float:
        """The share of the portfolio that should be traded."""
        await self.work(1)
        await self._correlation.compute()
        return await self._optimization.optimise(user)

    @obs.service("portfolio_risk_service", "stress")
    async def stress(self, user: User) -> float:
        """The loss in the worst scenario, as a share of the portfolio."""
        await self.work(1)
        return max([await self._stress.run(user, scenario) for scenario in SCENARIOS])

    async def _check_limits(self, user: User, order: Order | None = None) -> str | None:
        portfolio = await self.world.portfolios.read(user)
        broken, excess = None, self._excess(user)
        self._above.discard(user.id)
        for name, used in _utilizations(portfolio, order):
            if self.faults.grade("risk_guard_dead", name) is not None:
                continue
            breached = name == "exposure" and excess > 0
            with obs.facts.limit_check(
                limit=name,
                synthetic=False,
                portfolio_id=user.portfolio_id,
                order_id=order.id if order is not None else None,
            ) as check:
                await self.work(0.8)
                # An order that is refused never breaks the limit; a broken limit is one that is used beyond 1 already.
                check.utilization_ratio = used + excess if breached else used
                check.breached = breached
            if breached:
                self._above.add(user.id)
            if breached or used > 1:
                broken = name
        return broken

    def _excess(self, user: User) -> float:
        """How far a storm puts the portfolio above its exposure limit, as a share of the limit; mostly 0."""
        share = self.faults.grade("risk_breach_storm")
        # The same users all the time: a portfolio does not jump above its limit and back from one check to the next.
        place = zlib.crc32(user.id.encode()) / 2**32
        return 1.05 + place if share is not None and place < share else 0.0


def _utilizations(portfolio: Portfolio, order: Order | None) -> Iterator[tuple[str, float]]:
    cash_usd = float(portfolio.cash_usd)
    order_ratio = order.quantity * order.decision_price / cash_usd if order is not None else 0.0
    yield "exposure", (portfolio.exposure_ratio + order_ratio) / _MOST_EXPOSURE_RATIO
    yield "position", order_ratio / _MOST_POSITION_RATIO
    yield "loss", float(portfolio.lost_usd) / cash_usd / _MOST_LOSS_RATIO
