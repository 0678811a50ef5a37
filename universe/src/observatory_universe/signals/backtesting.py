"""A kind of signal over past candles."""

from typing import Final

import observatory_sdk as obs
from observatory_universe.market import SYMBOLS
from observatory_universe.market_data.rest import RealMarketDataService
from observatory_universe.service import Service, World
from observatory_universe.strategies import Strategy

_RANGE_NS: Final = 30 * 86_400_000_000_000


class SignalBacktestingService(Service):
    """Replays the signals that a strategy trades on over the last 30 days."""

    id = "signal_backtesting_service"

    def __init__(self, world: World, prices: RealMarketDataService) -> None:
        super().__init__(world)
        self._prices = prices

    @obs.service("signal_backtesting_service", "replay")
    async def replay(self, strategy: Strategy) -> float:
        """The return over the range, as a ratio."""
        end_ns = self.clock.now_ns()
        with obs.facts.backtest(
            strategy_id=strategy.id, range_start_unix_nano=end_ns - _RANGE_NS, range_end_unix_nano=end_ns
        ) as backtest:
            closes = await self._prices.candles(self.chance.pick(tuple(SYMBOLS)))
            await self.work(350)
            return_ratio = closes[-1] / closes[0] - 1 + self.chance.normal(0.03, 0.02)
            backtest.missing_ratio = 0.0
            backtest.trades = self.chance.whole(20, 90)
            backtest.return_ratio = return_ratio
        return return_ratio
