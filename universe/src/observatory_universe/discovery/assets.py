"""Which assets can be traded at all, and which have enough volume."""

import contextlib
from collections.abc import Sequence
from typing import Final

import observatory_sdk as obs
from observatory_universe.errors import Trouble
from observatory_universe.market import VENUES
from observatory_universe.market_data.discovery import DynamicExchangeDiscovery
from observatory_universe.market_data.rest import RealMarketDataService
from observatory_universe.service import Service, World

_LEAST_VOLUME_USD: Final = 1_000_000.0


class SimpleAssetDiscovery(Service):
    """Turns a venue's listed symbols into the assets behind them."""

    id = "simple_asset_discovery"

    @obs.service("simple_asset_discovery", "discover")
    async def discover(self, listed: Sequence[str]) -> list[str]:
        """The symbols whose asset has a price."""
        with obs.facts.asset_discovery(scanned=len(listed)) as discovery:
            await self.work(10)
            discovery.found, discovery.dropped = len(listed), 0
        return list(listed)


class DynamicAssetFilter(Service):
    """Drops symbols with too little volume."""

    id = "dynamic_asset_filter"

    def __init__(self, world: World, discovery: DynamicExchangeDiscovery, prices: RealMarketDataService) -> None:
        super().__init__(world)
        self._discovery = discovery
        self._prices = prices
        self._listed: set[str] = set()

    @obs.service("dynamic_asset_filter", "filter")
    async def filter(self, symbols: Sequence[str], min_venues: int) -> list[str]:
        """The symbols whose daily volume reaches a million dollars at `min_venues` venues or more."""
        if not self._listed:
            self._listed = await self._list()
        with obs.facts.asset_filter(scanned=len(symbols)) as sieve:
            await self.work(4)
            listed = [symbol for symbol in symbols if symbol in self._listed]
            kept = [symbol for symbol in listed if await self._trades_enough(symbol, min_venues)]
            sieve.found = len(kept)
            sieve.drop(reason="low_volume", count=len(symbols) - len(kept))
        return kept

    async def _list(self) -> set[str]:
        """What the first venue lists that answers; nothing when none does."""
        for venue in VENUES:
            with contextlib.suppress(Trouble):
                return set(await self._discovery.discover(venue))
        return set()

    async def _trades_enough(self, symbol: str, min_venues: int) -> bool:
        volumes_usd = (await self._prices.volumes(symbol)).values()
        return sum(volume >= _LEAST_VOLUME_USD for volume in volumes_usd) >= min_venues
