"""What each exchange offers now."""

import observatory_sdk as obs
from observatory_universe.service import Service


class DynamicExchangeDiscovery(Service):
    """Loads the markets of a venue."""

    id = "dynamic_exchange_discovery"

    @obs.service("dynamic_exchange_discovery", "discover")
    async def discover(self, venue: str) -> list[str]:
        """The symbols of the venue that are quoted in USDT and trade now.

        Raises:
            ExchangeError: the venue does not answer.
        """
        with obs.facts.asset_discovery() as discovery:
            listing = await self.doors.exchanges[venue].load_markets()
            await self.work(15)
            discovery.scanned, discovery.found = listing.others + len(listing.symbols), len(listing.symbols)
            discovery.drop(reason="other_quote", count=listing.others)
        return list(listing.symbols)
