"""What each exchange offers now."""

from collections.abc import Mapping
from typing import Final

import observatory_sdk as obs
from observatory_universe.market import SYMBOLS
from observatory_universe.outside.exchanges import Exchange
from observatory_universe.service import Service, World

_OTHER_MARKETS: Final = {"binance": 1420, "kraken": 610, "kucoin": 1180, "coinbase": 540}


class DynamicExchangeDiscovery(Service):
    """Loads the markets of a venue."""

    id = "dynamic_exchange_discovery"

    def __init__(self, world: World, exchanges: Mapping[str, Exchange]) -> None:
        super().__init__(world)
        self._exchanges = exchanges

    @obs.service("dynamic_exchange_discovery", "discover")
    async def discover(self, venue: str) -> list[str]:
        """The symbols of the venue that are quoted in USDT and trade now."""
        with obs.facts.asset_discovery(scanned=_OTHER_MARKETS[venue] + len(SYMBOLS)) as discovery:
            await self._exchanges[venue].call("load_markets", weight=10)
            await self.work(15)
            discovery.found = len(SYMBOLS)
            discovery.drop(reason="other_quote", count=_OTHER_MARKETS[venue])
        return list(SYMBOLS)
