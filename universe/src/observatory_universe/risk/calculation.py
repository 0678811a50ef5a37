"""The arithmetic of risk, each figure by the service that owns it."""

import contextlib
import math
import statistics
from collections.abc import Sequence
from itertools import combinations, pairwise
from typing import Final

import observatory_sdk as obs
from observatory_universe.discovery.assets import DynamicAssetFilter
from observatory_universe.doors.exchange import Candle
from observatory_universe.market import SYMBOLS
from observatory_universe.market_data.analysis import volatility_ratio
from observatory_universe.market_data.rest import PricesUnavailableError, RealMarketDataService
from observatory_universe.service import Service, World
from observatory_universe.users import User

# One day in twenty loses more than this many deviations, if returns are distributed normally.
_VAR_DEVIATIONS: Final = 1.645
_MINUTES_A_DAY: Final = 1_440
# The value at risk at which the score is as bad as it can be.
_WORST_VAR_RATIO: Final = 0.05
# How much less a symbol weighs by how much it moves: not at all, by its deviation, by its variance.
_POWERS: Final = (0, 1, 2)

SCENARIOS: Final = {"btc_minus_20": 0.20, "stablecoin_depeg": 0.08, "exchange_halt": 0.12, "flash_crash": 0.28}


class RiskCalculationEngine(Service):
    """Value at risk of one portfolio."""

    id = "risk_calculation_engine"

    def __init__(self, world: World, prices: RealMarketDataService) -> None:
        super().__init__(world)
        self._prices = prices

    @obs.service("risk_calculation_engine", "calculate")
    async def calculate(self, user: User, kind: str = "var") -> float:
        """The value at risk over one day, as a share of the portfolio, by the last hour and as if all moved together.

        Raises:
            PricesUnavailableError: there are no prices for what the user holds.
        """
        with obs.facts.risk_calculation(kind=kind, portfolio_id=user.portfolio_id) as calculation:
            portfolio = await self.world.portfolios.read(user)
            moves_usd = held_usd = 0.0
            for symbol, position in portfolio.positions.items():
                value_usd = position.quantity * position.entry_price
                held_usd += value_usd
                moves_usd += value_usd * volatility_ratio(await self._prices.candles(symbol))
            await self.work(14)
            deviation_ratio = moves_usd / held_usd * portfolio.exposure_ratio if held_usd else 0.0
            var_ratio = _VAR_DEVIATIONS * deviation_ratio * math.sqrt(_MINUTES_A_DAY)
            calculation.var_ratio = var_ratio
            calculation.score = min(100.0, 100 * var_ratio / _WORST_VAR_RATIO)
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
        """The share of the portfolio that should be traded so that equal parts of some symbols move less."""
        with obs.facts.optimisation(portfolio_id=user.portfolio_id) as optimisation:
            symbols = (await self._assets.filter(list(SYMBOLS), min_venues=1))[:3]
            moves = _moves([await self._prices.bars(symbol) for symbol in symbols])
            await self.work(180)
            equal, *others = [_weights(moves, power) for power in _POWERS]
            best = max((equal, *others), key=lambda weights: _steadiness(moves, weights))
            turnover_ratio = sum(abs(after - before) for before, after in zip(equal, best, strict=True)) / 2
            optimisation.objective_before = _steadiness(moves, equal)
            optimisation.objective_after = _steadiness(moves, best)
            optimisation.turnover_ratio = turnover_ratio
        return turnover_ratio


def _moves(hours: Sequence[Sequence[Candle]]) -> list[list[float]]:
    """What each symbol's close did in each minute, as ratios; minutes that not all of them have are left out."""
    found = [{after.start_ns: after.close / before.close - 1 for before, after in pairwise(hour)} for hour in hours]
    minutes = sorted(set.intersection(*map(set, found))) if found else []
    return [[moves[minute] for minute in minutes] for moves in found]


def _weights(moves: Sequence[Sequence[float]], power: int) -> list[float]:
    """A weight for each symbol, all together 1: the less, the more it moves."""
    shares = [1 / max(statistics.pstdev(each or [0.0]), 1e-9) ** power for each in moves]
    return [share / sum(shares) for share in shares]


def _steadiness(moves: Sequence[Sequence[float]], weights: Sequence[float]) -> float:
    """What is made the most of: one over the deviation, in percent a day, of a portfolio with these weights."""
    together = [sum(w * move for w, move in zip(weights, minute, strict=True)) for minute in zip(*moves, strict=True)]
    deviation: float = statistics.pstdev(together or [0.0])
    return 1 / max(100 * deviation * math.sqrt(_MINUTES_A_DAY), 1e-9)


class CorrelationAnalysisEngine(Service):
    """How the symbols move together."""

    id = "correlation_analysis_engine"

    def __init__(self, world: World, prices: RealMarketDataService) -> None:
        super().__init__(world)
        self._prices = prices
        self._newest: dict[tuple[str, str], float] = {}

    @obs.service("correlation_analysis_engine", "compute")
    async def compute(self) -> dict[tuple[str, str], float]:
        """Correlation of each pair of symbols over one hour; the newest ones there are while nothing is computed.

        A symbol without prices is left out.
        """
        if self.faults.grade("risk_correlation_stale") is not None:
            return self._newest
        with obs.facts.correlation(window_s=3600) as correlation:
            hours: dict[str, list[Candle]] = {}
            for symbol in SYMBOLS:
                with contextlib.suppress(PricesUnavailableError):
                    hours[symbol] = await self._prices.bars(symbol)
            await self.work(120)
            self._newest = {}
            for one, other in combinations(hours, 2):
                # Prices that stand still go with nothing.
                with contextlib.suppress(statistics.StatisticsError):
                    self._newest[one, other] = statistics.correlation(*_moves([hours[one], hours[other]]))
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
