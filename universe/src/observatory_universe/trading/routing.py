"""The venue with the best price, and intents that would work against each other."""

import observatory_sdk as obs
from observatory_universe.doors.exchange import Quote
from observatory_universe.market_data.coordinator import MarketDataCoordinator
from observatory_universe.market_data.universe import ExchangeUniverseService
from observatory_universe.risk.portfolio import PortfolioRiskService
from observatory_universe.service import Service, World
from observatory_universe.trade import Order, Side
from observatory_universe.users import User


class BinanceSmartRouter(Service):
    """Chooses the venue whose price is best for an order."""

    id = "binance_smart_router"

    def __init__(self, world: World, universe: ExchangeUniverseService, market: MarketDataCoordinator) -> None:
        super().__init__(world)
        self._universe = universe
        self._market = market

    @obs.service("binance_smart_router", "route")
    async def route(self, order: Order) -> str:
        """The venue for the order."""
        with obs.facts.routing(symbol=order.symbol, order_id=order.id, signal_id=order.signal_id) as routing:
            venues = await self._universe.venues()
            quotes = [quote for quote in await self._market.quotes(order.symbol) if quote.venue in venues]
            await self.work(2)
            best = min(quotes, key=lambda quote: _cost(quote, order))
            routing.venues, routing.chosen = [quote.venue for quote in quotes], best.venue
            routing.expected_price = abs(_cost(best, order))
        return best.venue


def _cost(quote: Quote, order: Order) -> float:
    """What one unit costs, below 0 for what it earns: the least one is the best."""
    return quote.ask if order.side == "buy" else -quote.bid


class CrossStrategyCoordinator(Service):
    """Nets a user's strategies, so that one does not buy what another sells."""

    id = "cross_strategy_coordinator"

    def __init__(self, world: World, risk: PortfolioRiskService) -> None:
        super().__init__(world)
        self._risk = risk

    @obs.service("cross_strategy_coordinator", "coordinate")
    async def coordinate(self, user: User, symbol: str, side: Side) -> bool:
        """True when the intent may go on: the user holds nothing of the symbol yet."""
        held = (await self.world.portfolios.read(user)).positions.get(symbol)
        with obs.facts.coordination(portfolio_id=user.portfolio_id) as coordination:
            await self.work(2)
            coordination.conflicts = int(held is not None and held.side != side)
            coordination.netted = held.quantity if held is not None else 0.0
        return held is None

    @obs.service("cross_strategy_coordinator", "review")
    async def review(self, user: User) -> float:
        """The user's value at risk over all strategies together."""
        return await self._risk.assess(user)
