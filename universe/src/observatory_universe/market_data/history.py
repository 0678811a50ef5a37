"""Strategies over candles, and what strategies earned in truth."""

import itertools
import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import observatory_sdk as obs
from observatory_universe.doors.exchange import Candle
from observatory_universe.market import SYMBOLS
from observatory_universe.market_data.rest import CANDLES, RealMarketDataService
from observatory_universe.service import Service, World
from observatory_universe.strategies import Strategy

RANGE_NS: Final = CANDLES * 60_000_000_000
# What to go in or out costs in fees and slippage, as a ratio.
_COST_RATIO: Final = 0.0005
# How many minutes a rule looks back.
_BACK: Final = 10
_SURGE: Final = 1.5


@dataclass(frozen=True, slots=True)
class Replay:
    """What a rule would have done. `missing_ratio`: the share of the range for which there are no candles."""

    return_ratio: float
    trades: int
    missing_ratio: float


def replay(kind: str, candles: Sequence[Candle], cost_ratio: float) -> Replay:
    """Plays the rule of a strategy's kind through these minutes: it stands long, short or out of the market."""
    value, trades, stand = 1.0, 0, 0
    for position, (before, after) in enumerate(itertools.pairwise(candles)):
        wanted = _stand(kind, candles[max(0, position - _BACK) : position + 1])
        trades += wanted not in (0, stand)
        value *= 1 - cost_ratio * abs(wanted - stand)
        value *= 1 + wanted * (after.close / before.close - 1)
        stand = wanted
    value *= 1 - cost_ratio * abs(stand)
    return Replay(value - 1, trades, max(0.0, 1 - len(candles) / CANDLES))


def _stand(kind: str, past: Sequence[Candle]) -> int:
    """1 for long, -1 for short, 0 for out of the market, by the last minute and those before it."""
    *earlier, last = past
    if not earlier:
        return 0
    went = _sign(last.close - earlier[0].close)
    if kind == "momentum":
        return went
    if kind == "breakout":
        closes = [candle.close for candle in earlier]
        return 1 if last.close > max(closes) else -1 if last.close < min(closes) else 0
    if kind == "volume_surge":
        surges = last.volume > _SURGE * statistics.fmean(candle.volume for candle in earlier)
        return _sign(last.close - last.open) if surges else 0
    # Candles know of no mood; it is taken to swing back.
    return -went


def _sign(number: float) -> int:
    return (number > 0) - (number < 0)


class RealBacktestingEngine(Service):
    """Runs a strategy over the last hour, minute by minute, fees and slippage included."""

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
            range_start_unix_nano=end_ns - RANGE_NS,
            range_end_unix_nano=end_ns,
        ) as backtest:
            candles = await self._prices.bars(self.chance.pick(tuple(SYMBOLS)))
            await self.work(650)
            found = replay(strategy.kind, candles, _COST_RATIO)
            backtest.missing_ratio, backtest.trades = found.missing_ratio, found.trades
            backtest.return_ratio = found.return_ratio
        return found.return_ratio


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
