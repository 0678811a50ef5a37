"""A kind of signal over past candles."""

import observatory_sdk as obs
from observatory_universe.market import SYMBOLS
from observatory_universe.market_data.history import RANGE_NS, replay
from observatory_universe.market_data.rest import RealMarketDataService
from observatory_universe.service import Service, World
from observatory_universe.strategies import Strategy


class SignalBacktestingService(Service):
    """Replays the signals that a strategy trades on over the last hour, as they come and without costs."""

    id = "signal_backtesting_service"

    def __init__(self, world: World, prices: RealMarketDataService) -> None:
        super().__init__(world)
        self._prices = prices

    @obs.service("signal_backtesting_service", "replay")
    async def replay(self, strategy: Strategy) -> float:
        """The return over the range, as a ratio."""
        end_ns = self.clock.now_ns()
        with obs.facts.backtest(
            strategy_id=strategy.id, range_start_unix_nano=end_ns - RANGE_NS, range_end_unix_nano=end_ns
        ) as backtest:
            candles = await self._prices.bars(self.chance.pick(tuple(SYMBOLS)))
            await self.work(350)
            found = replay(strategy.kind, candles, cost_ratio=0.0)
            backtest.missing_ratio, backtest.trades = found.missing_ratio, found.trades
            backtest.return_ratio = found.return_ratio
        return found.return_ratio
