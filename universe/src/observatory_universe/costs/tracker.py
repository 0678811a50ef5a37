"""Adds up what every provider charges."""

from decimal import Decimal
from typing import Final, Literal

import observatory_sdk as obs
from observatory_universe.service import Service, World
from observatory_universe.trade import usd

Category = Literal["ai", "exchange", "market_data", "communication", "infrastructure", "other"]

# What runs all the time: (provider, category, USD an hour, unit).
_STANDING: Final[tuple[tuple[str, Category, float, str], ...]] = (
    ("aws", "infrastructure", 1.85, "hour"),
    ("coingecko", "market_data", 0.18, "hour"),
    ("binance", "exchange", 0.07, "hour"),
    ("grafana-oncall", "other", 0.04, "hour"),
)


class ApiCostTracker(Service):
    """Books every charge that is not a model call; those are priced from their tokens."""

    id = "api_cost_tracker"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._standing_since_s: float | None = None

    @obs.service("api_cost_tracker", "charge")
    async def charge(self, provider: str, category: Category, amount_usd: Decimal, quantity: float, unit: str) -> None:
        """Books one charge, for the user and feature at work."""
        await self.work(0.4)
        self._book(provider, category, amount_usd, quantity, unit)

    @obs.service("api_cost_tracker", "accrue")
    async def accrue(self) -> None:
        """Books what the standing contracts cost since the last time."""
        await self.work(2)
        now_s = self.clock.now_s()
        hours = (now_s - (now_s - 1 if self._standing_since_s is None else self._standing_since_s)) / 3600
        self._standing_since_s = now_s
        for provider, category, usd_per_hour, unit in _STANDING:
            self._book(provider, category, usd(usd_per_hour * hours), hours, unit)

    def _book(self, provider: str, category: Category, amount_usd: Decimal, quantity: float, unit: str) -> None:
        charged_usd = usd(float(amount_usd) * (self.faults.grade("price_change") or 1))
        obs.facts.cost(provider=provider, category=category, amount_usd=charged_usd, quantity=quantity, unit=unit)
