"""How much of an intended trade may be taken."""

from typing import Final

import observatory_sdk as obs
from observatory_universe.service import Service
from observatory_universe.trade import Order
from observatory_universe.users import User

_MOST_OF_CASH_RATIO: Final = 0.05


class PositionSizingEngine(Service):
    """Caps each order at 5 % of the user's cash."""

    id = "position_sizing_engine"

    @obs.service("position_sizing_engine", "size")
    async def size(self, user: User, order: Order) -> float:
        """The quantity that is allowed, in units of the base asset."""
        portfolio = await self.world.portfolios.read(user)
        with obs.facts.sizing(
            symbol=order.symbol,
            intended=order.intended_quantity,
            strategy_id=order.strategy_id,
            portfolio_id=user.portfolio_id,
            order_id=order.id,
            signal_id=order.signal_id,
        ) as sizing:
            await self.work(3)
            most = _MOST_OF_CASH_RATIO * float(portfolio.cash_usd) / order.decision_price
            allowed = self._allow(order.intended_quantity, most)
            sizing.allowed = allowed
            if allowed < order.intended_quantity:
                sizing.binding_limit = "cash_share"
        return allowed

    def _allow(self, intended: float, most: float) -> float:
        factor = self.faults.grade("sizing_bug")
        return round(min(intended, most) if factor is None else intended * factor, 6)
