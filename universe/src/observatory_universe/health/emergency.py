"""The emergency brake."""

from decimal import Decimal
from typing import Final

import observatory_sdk as obs
from observatory_universe.infrastructure.messages import TelegramCore, WebsocketService
from observatory_universe.service import Service, World
from observatory_universe.trading.execution import TradeExecutionService

_MOST_LOSS_RATIO: Final = Decimal("0.15")
_MOST_REJECT_RATIO: Final = 0.5
_ENOUGH_ORDERS: Final = 20


class EmergencyManager(Service):
    """Looks for a reason to stop trading. In a calm universe it finds none."""

    id = "emergency_manager"

    def __init__(
        self, world: World, trades: TradeExecutionService, telegram: TelegramCore, websocket: WebsocketService
    ) -> None:
        super().__init__(world)
        self._trades = trades
        self._telegram = telegram
        self._websocket = websocket
        self.active = False

    @obs.service("emergency_manager", "assess")
    async def assess(self) -> bool:
        """True while an emergency is on."""
        await self.work(5)
        reason = self._reason(await self._trades.reject_ratio())
        if reason is not None and not self.active:
            await self._activate(reason)
        elif reason is None and self.active:
            await self._end()
        return self.active

    def _reason(self, rejected: tuple[float, int]) -> str | None:
        ratio, orders = rejected
        if orders >= _ENOUGH_ORDERS and ratio > _MOST_REJECT_RATIO:
            return "orders_rejected"
        everybody = self.world.users.everybody()
        if any(user.lost_usd > user.cash_usd * _MOST_LOSS_RATIO for user in everybody):
            return "loss"
        return None

    async def _activate(self, reason: str) -> None:
        self.active = True
        obs.facts.emergency_activated(name="trading_halt", from_="normal", to="halted", reason=reason)
        await self._trades.halt(True)
        await self._tell("trading_halted")

    async def _end(self) -> None:
        self.active = False
        await self._trades.halt(False)
        await self._tell("trading_resumed")

    async def _tell(self, kind: str) -> None:
        for user in self.world.users.everybody():
            await self._telegram.send(user, kind)
            await self._websocket.push(user, kind)
