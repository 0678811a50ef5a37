"""Trend and volatility from prices."""

import contextlib
import itertools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import observatory_sdk as obs
from observatory_universe.discovery.assets import DynamicAssetFilter
from observatory_universe.market import SYMBOLS
from observatory_universe.market_data.rest import PricesUnavailableError, RealMarketDataService
from observatory_universe.market_data.universe import ExchangeUniverseService
from observatory_universe.service import Service, World

_TRIES: Final = 2


@dataclass(frozen=True, slots=True)
class Analysis:
    """One symbol's recent past: return over the window, and the deviation of one minute's return, as ratios."""

    symbol: str
    trend_ratio: float
    volatility_ratio: float
    last: float


def volatility_ratio(closes: Sequence[float]) -> float:
    """The deviation of one minute's return; 0 where there is no return."""
    returns = [after / before - 1 for before, after in itertools.pairwise(closes)]
    return statistics.pstdev(returns or [0.0])


class MarketAnalysisService(Service):
    """Derives figures from the candles of the symbols that pass the filter."""

    id = "market_analysis_service"

    def __init__(
        self,
        world: World,
        prices: RealMarketDataService,
        assets: DynamicAssetFilter,
        universe: ExchangeUniverseService,
    ) -> None:
        super().__init__(world)
        self._prices = prices
        self._assets = assets
        self._universe = universe

    @obs.service("market_analysis_service", "analyse")
    async def analyse(self, symbol: str) -> Analysis:
        """The symbol's last hour.

        Raises:
            PricesUnavailableError: there are no prices.
        """
        closes = await self._candles(symbol)
        await self.work(8)
        return Analysis(symbol, closes[-1] / closes[0] - 1, volatility_ratio(closes), closes[-1])

    async def _candles(self, symbol: str) -> list[float]:
        # Once more at once is well meant; many times more is what makes a storm.
        tries = round(self.faults.grade("retry_storm") or _TRIES)
        for _ in range(tries - 1):
            with contextlib.suppress(PricesUnavailableError):
                return await self._prices.candles(symbol)
        return await self._prices.candles(symbol)

    @obs.service("market_analysis_service", "overview")
    async def overview(self) -> list[Analysis]:
        """The analyses of all symbols that can be traded and have enough volume."""
        venues = await self._universe.venues()
        kept = await self._assets.filter(list(SYMBOLS), min_venues=min(2, len(venues)))
        return [await self.analyse(symbol) for symbol in kept]
