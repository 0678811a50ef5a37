"""The emergency brake."""

import contextlib
from typing import Final, Literal

import observatory_sdk as obs
from observatory_universe.errors import Trouble
from observatory_universe.infrastructure.messages import TelegramCore, WebsocketService
from observatory_universe.service import Service, World
from observatory_universe.trading.execution import TradeExecutionService
from observatory_universe.trading.strategies import UnifiedStrategyService

State = Literal["closed", "open"]

_MOST_LOSS_RATIO: Final = 0.15
_MOST_REJECT_RATIO: Final = 0.5
_ENOUGH_ORDERS: Final = 20
_BREAKER: Final = "live_orders"


class EmergencyManager(Service):
    """Looks for a reason to stop trading. In a calm universe it finds none."""

    id = "emergency_manager"

    def __init__(
        self,
        world: World,
        trades: TradeExecutionService,
        strategies: UnifiedStrategyService,
        telegram: TelegramCore,
        websocket: WebsocketService,
    ) -> None:
        super().__init__(world)
        self._trades = trades
        self._strategies = strategies
        self._telegram = telegram
        self._websocket = websocket
        self._breaker: State = "closed"
        self._switched_s: float | None = None
        self.active = False

    @obs.service("emergency_manager", "assess")
    async def assess(self) -> bool:
        """True while an emergency is on."""
        await self.work(5)
        reason = await self._reason()
        if reason is not None and not self.active:
            await self._activate(reason)
        elif reason is None and self.active:
            await self._end()
        return self.active

    @obs.service("emergency_manager", "switch")
    async def switch(self, state: State, reason: str) -> None:
        """Opens or closes the breaker of live orders. Nothing happens where it stands so already."""
        await self.work(1)
        if state == self._breaker:
            return
        now_s = self.clock.now_s()
        lasted_s = None if self._switched_s is None else now_s - self._switched_s
        obs.facts.breaker_transition(name=_BREAKER, from_=self._breaker, to=state, reason=reason, duration_s=lasted_s)
        self._breaker, self._switched_s = state, now_s
        await self._halt_or_go_on()

    async def _reason(self) -> str | None:
        ratio, orders = await self._trades.reject_ratio()
        if orders >= _ENOUGH_ORDERS and ratio > _MOST_REJECT_RATIO:
            return "orders_rejected"
        return "loss" if await self._strategies.loss_ratio() > _MOST_LOSS_RATIO else None

    async def _activate(self, reason: str) -> None:
        self.active = True
        obs.facts.emergency_activated(name="trading_halt", from_="normal", to="halted", reason=reason)
        await self._halt_or_go_on()
        await self._tell("trading_halted")

    async def _end(self) -> None:
        self.active = False
        await self._halt_or_go_on()
        await self._tell("trading_resumed")

    async def _halt_or_go_on(self) -> None:
        await self._trades.halt(self.active or self._breaker == "open")

    async def _tell(self, kind: str) -> None:
        for user in self.world.users.everybody():
            # Whoever cannot be reached now reads it later; the others wait for their message.
            with contextlib.suppress(Trouble):
                await self._telegram.send(user, kind)
                await self._websocket.push(user, kind)
