"""Prices and candles over the exchanges' REST interfaces."""

from collections.abc import Mapping
from typing import Final

import observatory_sdk as obs
from observatory_universe.costs.tracker import ApiCostTracker
from observatory_universe.market import VENUES, Quote
from observatory_universe.outside.exchanges import Exchange
from observatory_universe.service import Service, World
from observatory_universe.trade import usd

_FRESH_S: Final = 20.0
_CANDLES: Final = 60
_USD_PER_CALL: Final = 0.0002


class RealMarketDataService(Service):
    """Fetches from the exchanges; candles are kept for 20 s."""

    id = "real_market_data_service"

    def __init__(self, world: World, exchanges: Mapping[str, Exchange], costs: ApiCostTracker) -> None:
        super().__init__(world)
        self._exchanges = exchanges
        self._costs = costs
        self._candles: dict[str, tuple[float, list[float]]] = {}

    @obs.service("real_market_data_service", "candles")
    async def candles(self, symbol: str) -> list[float]:
        """The last 60 closes of the symbol, in USD, oldest first."""
        kept = self._candles.get(symbol)
        if kept is not None and self.clock.now_s() - kept[0] < _FRESH_S:
            return kept[1]
        venue = self.chance.pick(VENUES)
        await self._exchanges[venue].call("fetch_ohlcv", weight=2)
        await self._costs.charge(venue, "exchange", usd(_USD_PER_CALL), 1, "request")
        closes = self._closes(self.world.market.quote(venue, symbol).mid)
        self._candles[symbol] = (self.clock.now_s(), closes)
        return closes

    @obs.service("real_market_data_service", "ticker")
    async def ticker(self, symbol: str, venue: str) -> Quote:
        """The venue's best prices now."""
        await self._exchanges[venue].call("fetch_ticker")
        return self.world.market.quote(venue, symbol)

    def _closes(self, last: float) -> list[float]:
        # The past is drawn backwards from the present price, so that it ends where the market is.
        closes = [last]
        for _ in range(_CANDLES - 1):
            closes.append(closes[-1] * (1 + self.chance.normal(0, 0.0004)))
        return closes[::-1]
