"""Prices and candles over the exchanges' REST interfaces."""

import asyncio
from typing import Final

import observatory_sdk as obs
from observatory_universe.costs.tracker import ApiCostTracker
from observatory_universe.doors.exchange import Candle, ExchangeError, Quote
from observatory_universe.errors import Trouble
from observatory_universe.market import VENUES
from observatory_universe.service import Service, World
from observatory_universe.trade import usd

# How many one-minute candles are fetched at once: those of an hour.
CANDLES: Final = 60
_FRESH_S: Final = 20.0
_VOLUMES_FRESH_S: Final = 3_600.0
_HOURS_A_DAY: Final = 24
_USD_PER_CALL: Final = 0.0002


class PricesUnavailableError(Trouble):
    """No venue gave prices."""


class RealMarketDataService(Service):
    """Fetches from the exchanges; candles are kept for 20 s, volumes for an hour."""

    id = "real_market_data_service"

    def __init__(self, world: World, costs: ApiCostTracker) -> None:
        super().__init__(world)
        self._costs = costs
        self._candles: dict[str, tuple[float, list[Candle]]] = {}
        self._volumes: dict[str, tuple[float, dict[str, float]]] = {}

    @obs.service("real_market_data_service", "candles")
    async def candles(self, symbol: str) -> list[float]:
        """The last 60 closes of the symbol, in USD, oldest first.

        Raises:
            PricesUnavailableError: no venue answered, or the service fails.
        """
        return [candle.close for candle in await self._last_hour(symbol)]

    @obs.service("real_market_data_service", "bars")
    async def bars(self, symbol: str) -> list[Candle]:
        """The last 60 candles of the symbol as a whole, oldest first; fewer where the venue has gaps.

        Raises:
            PricesUnavailableError: no venue answered, or the service fails.
        """
        return await self._last_hour(symbol)

    @obs.service("real_market_data_service", "volumes")
    async def volumes(self, symbol: str) -> dict[str, float]:
        """What each venue trades of the symbol in a day, in USD, by its last hour. One that is silent is left out."""
        await self.work(0.3)
        kept = self._volumes.get(symbol)
        if kept is not None and self.clock.now_s() - kept[0] < _VOLUMES_FRESH_S:
            return kept[1]
        asked = await asyncio.gather(*(self._ask(venue, symbol) for venue in VENUES))
        found = {
            venue: _HOURS_A_DAY * sum(candle.close * candle.volume for candle in candles)
            for venue, candles in zip(VENUES, asked, strict=True)
            if candles
        }
        if len(found) == len(VENUES):
            self._volumes[symbol] = (self.clock.now_s(), found)
        return found

    @obs.service("real_market_data_service", "ticker")
    async def ticker(self, symbol: str, venue: str) -> Quote:
        """The venue's best prices now.

        Raises:
            ExchangeError: the venue does not answer.
        """
        return await self.doors.exchanges[venue].ticker(symbol)

    async def _last_hour(self, symbol: str) -> list[Candle]:
        await self.work(0.3)
        # While a storm of retries runs two of three calls fail, and what is kept is of no help.
        if self.faults.grade("retry_storm") is not None and self.mischance.happens(2 / 3):
            await self.work(5)
            raise PricesUnavailableError("candles_failed")
        kept = self._candles.get(symbol)
        if kept is not None and self.clock.now_s() - kept[0] < _FRESH_S:
            return kept[1]
        candles = await self._fetch(symbol)
        self._candles[symbol] = (self.clock.now_s(), candles)
        return candles

    async def _fetch(self, symbol: str) -> list[Candle]:
        # Candles are the same everywhere, nearly: one venue is asked, and the next one where it does not answer.
        for venue in self.chance.some(VENUES, len(VENUES)):
            candles = await self._ask(venue, symbol)
            if candles:
                return candles
        raise PricesUnavailableError("no_venue_answered")

    async def _ask(self, venue: str, symbol: str) -> list[Candle]:
        """Nothing when the venue does not answer."""
        try:
            candles = await self.doors.exchanges[venue].candles(symbol, CANDLES)
        except ExchangeError:
            return []
        await self._costs.charge(venue, "exchange", usd(_USD_PER_CALL), 1, "request")
        return candles
