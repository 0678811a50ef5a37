"""Strategies over stored candles, and what strategies earned in truth."""

from collections import defaultdict
from decimal import Decimal
from typing import Final

import observatory_sdk as obs
from observatory_universe.market import SYMBOLS
from observatory_universe.market_data.rest import RealMarketDataService
from observatory_universe.service import Service, World
from observatory_universe.strategies import Strategy

_DAY_NS: Final = 86_400_000_000_000
_RANGE_DAYS: Final = 90


class RealBacktestingEngine(Service):
    """Runs a strategy over the last 90 days, fees and slippage included."""

    id = "real_backtesting_engine"

    def __init__(self, world: World, prices: RealMarketDataService) -> None:
        super().__init__(world)
        self._prices = prices

    @obs.service("real_backtesting_engine", "run")
    async def run(self, strategy: Strategy) -> float:
        """The return over the range, as a ratio."""
        end_ns = self.clock.now_ns()
        with obs.facts.backtest(
            strategy_id=strategy.id,
            range_start_unix_nano=end_ns - _RANGE_DAYS * _DAY_NS,
            range_end_unix_nano=end_ns,
        ) as backtest:
            closes = await self._prices.candles(self.chance.pick(tuple(SYMBOLS)))
            await self.work(650)
            backtest.missing_ratio = 0.0
            backtest.trades = self.chance.whole(40, 220)
            backtest.return_ratio = closes[-1] / closes[0] - 1 + self.chance.normal(0.06, 0.05)
            return float(backtest.return_ratio)


class RealPerformanceTracker(Service):
    """Adds up what each strategy's closed positions earned."""

    id = "real_performance_tracker"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._earned_usd: defaultdict[str, Decimal] = defaultdict(Decimal)
        self._closed: defaultdict[str, int] = defaultdict(int)

    @obs.service("real_performance_tracker", "record")
    async def record(self, strategy_id: str, profit_usd: Decimal) -> None:
        await self.work(1.5)
        self._earned_usd[strategy_id] += profit_usd
        self._closed[strategy_id] += 1

    @obs.service("real_performance_tracker", "earned")
    async def earned(self, strategy_id: str) -> tuple[Decimal, int]:
        """What the strategy earned in USD, and in how many closed positions."""
        await self.work(2)
        return self._earned_usd[strategy_id], self._closed[strategy_id]
