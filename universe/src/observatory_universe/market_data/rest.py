"""Prices and candles over the exchanges' REST interfaces."""

from typing import Final

import observatory_sdk as obs
from observatory_universe.costs.tracker import ApiCostTracker
from observatory_universe.doors.exchange import ExchangeError, Quote
from observatory_universe.errors import Trouble
from observatory_universe.market import VENUES
from observatory_universe.service import Service, World
from observatory_universe.trade import usd

_FRESH_S: Final = 20.0
_CANDLES: Final = 60
_USD_PER_CALL: Final = 0.0002


class PricesUnavailableError(Trouble):
    """No venue gave prices."""


class RealMarketDataService(Service):
    """Fetches from the exchanges; candles are kept for 20 s."""

    id = "real_market_data_service"

    def __init__(self, world: World, costs: ApiCostTracker) -> None:
        super().__init__(world)
        self._costs = costs
        self._candles: dict[str, tuple[float, list[float]]] = {}

    @obs.service("real_market_data_service", "candles")
    async def candles(self, symbol: str) -> list[float]:
        """The last 60 closes of the symbol, in USD, oldest first.

        Raises:
            PricesUnavailableError: no venue answered, or the service fails.
        """
        await self.work(0.3)
        # While a storm of retries runs two of three calls fail, and what is kept is of no help.
        if self.faults.grade("retry_storm") is not None and self.mischance.happens(2 / 3):
            await self.work(5)
            raise PricesUnavailableError("candles_failed")
        kept = self._candles.get(symbol)
        if kept is not None and self.clock.now_s() - kept[0] < _FRESH_S:
            return kept[1]
        closes = await self._fetch(symbol)
        self._candles[symbol] = (self.clock.now_s(), closes)
        return closes

    @obs.service("real_market_data_service", "ticker")
    async def ticker(self, symbol: str, venue: str) -> Quote:
        """The venue's best prices now.

        Raises:
            ExchangeError: the venue does not answer.
        """
        return await self.doors.exchanges[venue].ticker(symbol)

    async def _fetch(self, symbol: str) -> list[float]:
        # Candles are the same everywhere, nearly: one venue is asked, and the next one where it does not answer.
        for venue in self.chance.some(VENUES, len(VENUES)):
            try:
                candles = await self.doors.exchanges[venue].candles(symbol, _CANDLES)
            except ExchangeError:
                continue
            await self._costs.charge(venue, "exchange", usd(_USD_PER_CALL), 1, "request")
            if candles:
                return [candle.close for candle in candles]
        raise PricesUnavailableError("no_venue_answered")
