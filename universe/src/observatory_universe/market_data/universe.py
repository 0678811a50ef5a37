"""Which exchanges and symbols there are to trade."""

import observatory_sdk as obs
from observatory_universe.discovery.assets import SimpleAssetDiscovery
from observatory_universe.doors.exchange import ExchangeError
from observatory_universe.market import VENUES
from observatory_universe.market_data.discovery import DynamicExchangeDiscovery
from observatory_universe.service import Service, World


class ExchangeUniverseService(Service):
    """Keeps the set of venues and their symbols."""

    id = "exchange_universe_service"

    def __init__(
        self,
        world: World,
        discovery: DynamicExchangeDiscovery,
        assets: SimpleAssetDiscovery,
    ) -> None:
        super().__init__(world)
        self._discovery = discovery
        self._assets = assets

    @obs.service("exchange_universe_service", "venues")
    async def venues(self) -> list[str]:
        await self.work(1.5)
        return list(VENUES)

    @obs.service("exchange_universe_service", "refresh")
    async def refresh(self) -> dict[str, list[str]]:
        """Asks every venue anew. Returns venue to symbols; a venue that does not answer is left out."""
        markets: dict[str, list[str]] = {}
        for venue in VENUES:
            try:
                await self.doors.exchanges[venue].status()
                listed = await self._discovery.discover(venue)
            except ExchangeError as error:
                obs.outcome("partial", reason=str(error))
                continue
            markets[venue] = await self._assets.discover(listed)
        return markets
