"""Which exchanges and symbols there are to trade."""

from collections.abc import Mapping

import observatory_sdk as obs
from observatory_universe.discovery.assets import SimpleAssetDiscovery
from observatory_universe.market import VENUES
from observatory_universe.market_data.discovery import DynamicExchangeDiscovery
from observatory_universe.outside.exchanges import Exchange
from observatory_universe.service import Service, World


class ExchangeUniverseService(Service):
    """Keeps the set of venues and their symbols."""

    id = "exchange_universe_service"

    def __init__(
        self,
        world: World,
        exchanges: Mapping[str, Exchange],
        discovery: DynamicExchangeDiscovery,
        assets: SimpleAssetDiscovery,
    ) -> None:
        super().__init__(world)
        self._exchanges = exchanges
        self._discovery = discovery
        self._assets = assets

    @obs.service("exchange_universe_service", "venues")
    async def venues(self) -> list[str]:
        await self.work(1.5)
        return list(VENUES)

    @obs.service("exchange_universe_service", "refresh")
    async def refresh(self) -> dict[str, list[str]]:
        """Asks every venue anew. Returns venue to symbols."""
        markets: dict[str, list[str]] = {}
        for venue in VENUES:
            await self._exchanges[venue].call("fetch_status")
            listed = await self._discovery.discover(venue)
            markets[venue] = await self._assets.discover(listed)
        return markets
