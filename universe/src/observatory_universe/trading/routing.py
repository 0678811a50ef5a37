"""The venue with the best price, and intents that would work against each other."""

import observatory_sdk as obs
from observatory_universe.market import VENUES
from observatory_universe.market_data.universe import ExchangeUniverseService
from observatory_universe.risk.portfolio import PortfolioRiskService
from observatory_universe.service import Service, World
from observatory_universe.trade import Order, Side
from observatory_universe.users import User


class BinanceSmartRouter(Service):
    """Chooses the venue whose price is best for an order."""

    id = "binance_smart_router"

    def __init__(self, world: World, universe: ExchangeUniverseService) -> None:
        super().__init__(world)
        self._universe = universe

    @obs.service("binance_smart_router", "route")
    async def route(self, order: Order) -> str:
        """The venue for the order."""
        with obs.facts.routing(symbol=order.symbol, order_id=order.id, signal_id=order.signal_id) as routing:
            venues = await self._universe.venues()
            await self.work(4)
            prices = {venue: self._price(venue, order) for venue in venues}
            chosen = min(prices, key=lambda venue: prices[venue] * (1 if order.side == "buy" else -1))
            routing.venues, routing.chosen, routing.expected_price = list(VENUES), chosen, prices[chosen]
        return chosen

    def _price(self, venue: str, order: Order) -> float:
        quote = self.world.market.quote(venue, order.symbol)
        return quote.ask if order.side == "buy" else quote.bid


class CrossStrategyCoordinator(Service):
    """Nets a user's strategies, so that one does not buy what another sells."""

    id = "cross_strategy_coordinator"

    def __init__(self, world: World, risk: PortfolioRiskService) -> None:
        super().__init__(world)
        self._risk = risk

    @obs.service("cross_strategy_coordinator", "coordinate")
    async def coordinate(self, user: User, symbol: str, side: Side) -> bool:
        """True when the intent may go on: the user holds nothing of the symbol yet."""
        held = user.positions.get(symbol)
        with obs.facts.coordination(portfolio_id=user.portfolio_id) as coordination:
            await self.work(2)
            coordination.conflicts = int(held is not None and held.side != side)
            coordination.netted = held.quantity if held is not None else 0.0
        return held is None

    @obs.service("cross_strategy_coordinator", "review")
    async def review(self, user: User) -> float:
        """The user's value at risk over all strategies together."""
        return await self._risk.assess(user)
