"""The exchanges: REST calls with their weights, and market orders."""

from typing import Final

import observatory_sdk as obs
from observatory_universe.chance import Stream
from observatory_universe.market import SYMBOLS
from observatory_universe.service import World
from observatory_universe.trade import Fill, Order, usd

# Venue to (host, weight per minute, typical answer in ms).
_TRAITS: Final = {
    "binance": ("api.binance.com", 6000, 45.0),
    "kraken": ("api.kraken.com", 3600, 70.0),
    "kucoin": ("api.kucoin.com", 4000, 80.0),
    "coinbase": ("api.coinbase.com", 3000, 60.0),
}
FEE_RATIO: Final = 0.0002
_REJECT_RATIO: Final = 0.002


class OrderRejectedError(Exception):
    """The venue did not take the order; the message is the venue's fixed word for the reason."""


class Exchange:
    """One venue behind its REST client."""

    def __init__(self, venue: str, world: World) -> None:
        self.venue = venue
        self._clock = world.clock
        self._ids = world.ids
        self._market = world.market
        self._chance: Stream = world.chance.of(f"exchange:{venue}")
        self._host, self._limit, self._typical_ms = _TRAITS[venue]
        self._used = 0
        self._minute = -1

    async def call(self, operation: str, weight: int = 1, method: str = "GET") -> None:
        """One HTTP call of this weight. Takes as long as the venue takes."""
        with obs.facts.exchange_call(
            exchange_id=self.venue, operation=operation, http_method=method, server_address=self._host
        ) as call:
            await self._clock.sleep(self._chance.duration_s(self._typical_ms / 1000))
            call.rate_limit_used = float(self._weigh(weight))
            call.rate_limit_limit = float(self._limit)
            call.http_status = 200

    async def market_order(self, order: Order) -> list[Fill]:
        """Sends a market order and returns its fills.

        Raises:
            OrderRejectedError: the venue refused it.
        """
        await self.call("create_order", weight=1, method="POST")
        if self._chance.happens(_REJECT_RATIO):
            raise OrderRejectedError("min_notional")
        parts = self._chance.whole(1, 3)
        return [self._fill(order, order.quantity / parts) for _ in range(parts)]

    def _fill(self, order: Order, quantity: float) -> Fill:
        quote = self._market.quote(self.venue, order.symbol)
        impact_bps = self._chance.duration_s(0.6, 0.5)
        sign = 1 if order.side == "buy" else -1
        touch = quote.ask if order.side == "buy" else quote.bid
        price = round(touch * (1 + sign * impact_bps / 10_000), SYMBOLS[order.symbol][1])
        return Fill(self._ids.next(f"{self.venue}-fill"), quantity, price, usd(quantity * price * FEE_RATIO))

    def _weigh(self, weight: int) -> int:
        minute = self._clock.now_ns() // 60_000_000_000
        if minute != self._minute:
            self._minute, self._used = minute, 0
        self._used += weight
        return min(self._used, self._limit)
