"""The arithmetic of risk, each figure by the service that owns it."""

from itertools import combinations
from typing import Final

import observatory_sdk as obs
from observatory_universe.discovery.assets import DynamicAssetFilter
from observatory_universe.market import SYMBOLS
from observatory_universe.market_data.rest import RealMarketDataService
from observatory_universe.service import Service, World
from observatory_universe.users import User

SCENARIOS: Final = {"btc_minus_20": 0.20, "stablecoin_depeg": 0.08, "exchange_halt": 0.12, "flash_crash": 0.28}


class RiskCalculationEngine(Service):
    """Value at risk of one portfolio."""

    id = "risk_calculation_engine"

    def __init__(self, world: World, prices: RealMarketDataService) -> None:
        super().__init__(world)
        self._prices = prices

    @obs.service("risk_calculation_engine", "calculate")
    async def calculate(self, user: User, kind: str = "var") -> float:
        """The value at risk over one day, as a share of the portfolio.

        Raises:
            PricesUnavailableError: there are no prices for what the user holds.
        """
        with obs.facts.risk_calculation(kind=kind, portfolio_id=user.portfolio_id) as calculation:
            portfolio = await self.world.portfolios.read(user)
            for symbol in tuple(portfolio.positions)[:1]:
                await self._prices.candles(symbol)
            await self.work(14)
            held = portfolio.exposure_ratio
            var_ratio = 0.004 + 0.05 * held
            calculation.var_ratio = var_ratio
            calculation.score = min(100.0, 12 + 160 * held + self.chance.between(0, 6))
        return var_ratio


class PortfolioOptimizationEngine(Service):
    """Searches better weights for one portfolio."""

    id = "portfolio_optimization_engine"

    def __init__(self, world: World, prices: RealMarketDataService, assets: DynamicAssetFilter) -> None:
        super().__init__(world)
        self._prices = prices
        self._assets = assets

    @obs.service("portfolio_optimization_engine", "optimise")
    async def optimise(self, user: User) -> float:
        """The share of the portfolio that should be traded."""
        with obs.facts.optimisation(portfolio_id=user.portfolio_id) as optimisation:
            for symbol in (await self._assets.filter(list(SYMBOLS), min_venues=1))[:3]:
                await self._prices.candles(symbol)
            await self.work(180)
            before = self.chance.between(0.4, 1.2)
            optimisation.objective_before = before
            optimisation.objective_after = before + self.chance.between(0.0, 0.3)
            optimisation.turnover_ratio = self.chance.between(0.0, 0.25)
            return float(optimisation.turnover_ratio)


class CorrelationAnalysisEngine(Service):
    """How the symbols move together."""

    id = "correlation_analysis_engine"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._newest: dict[tuple[str, str], float] = {}

    @obs.service("correlation_analysis_engine", "compute")
    async def compute(self) -> dict[tuple[str, str], float]:
        """Correlation of each pair of symbols over one hour; the newest ones there are while nothing is computed."""
        if self.faults.grade("risk_correlation_stale") is not None:
            return self._newest
        with obs.facts.correlation(window_s=3600) as correlation:
            await self.work(120)
            self._newest = {pair: self.chance.between(0.35, 0.9) for pair in combinations(SYMBOLS, 2)}
            correlation.pairs = len(self._newest)
        return self._newest


class StressTestingEngine(Service):
    """Plays bad scenarios through."""

    id = "stress_testing_engine"

    @obs.service("stress_testing_engine", "run")
    async def run(self, user: User, scenario: str) -> float:
        """The loss in the scenario, as a share of the portfolio."""
        with obs.facts.stress_test(scenario=scenario, portfolio_id=user.portfolio_id) as test:
            portfolio = await self.world.portfolios.read(user)
            await self.work(140 * (self.faults.grade("risk_stress_slow") or 1))
            loss_ratio = SCENARIOS[scenario] * portfolio.exposure_ratio
            test.loss_ratio = loss_ratio
        return loss_ratio
