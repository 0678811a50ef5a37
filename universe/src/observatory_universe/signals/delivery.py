"""Signals into the hands of their subscribers."""

import asyncio
from decimal import Decimal
from typing import Final

import observatory_sdk as obs
from observatory_universe.costs.tracker import ApiCostTracker
from observatory_universe.credits.ledger import CreditLedger
from observatory_universe.health.monitoring import SystemMonitoringService
from observatory_universe.infrastructure.messages import EmailService, TelegramCore, WebsocketService
from observatory_universe.service import Service, World
from observatory_universe.signals.channels import SignalChannelService
from observatory_universe.trade import Signal, usd
from observatory_universe.users import Channel, User

_SIGNAL_CREDITS: Final = Decimal("0.01")
# How often a subscriber looks: an open browser soon, a Telegram button now and then. E-mail tells us nothing.
_SEEN_RATIO: Final = {"websocket": 0.7, "telegram": 0.35}
_MAIL_USD: Final = 0.0001


class SignalDeliveryService(Service):
    """Sends each signal over every channel that a subscriber has chosen, and notes what comes back."""

    id = "signal_delivery_service"

    def __init__(
        self,
        world: World,
        channels: SignalChannelService,
        telegram: TelegramCore,
        email: EmailService,
        websocket: WebsocketService,
        ledger: CreditLedger,
        costs: ApiCostTracker,
        monitoring: SystemMonitoringService,
    ) -> None:
        super().__init__(world)
        self._channels = channels
        self._telegram = telegram
        self._email = email
        self._websocket = websocket
        self._ledger = ledger
        self._costs = costs
        self._monitoring = monitoring

    @obs.service("signal_delivery_service", "deliver")
    async def deliver(self, signal: Signal) -> int:
        """Sends the signal to all who subscribe. Returns how many messages were accepted."""
        subscribers = await self._channels.subscribers(signal)
        accepted = await asyncio.gather(*(self._deliver_to(user, signal) for user in subscribers))
        await self._monitoring.count("signals_delivered")
        return sum(accepted)

    async def _deliver_to(self, user: User, signal: Signal) -> int:
        with obs.feature("signals", user_id=user.id, user_cohort=user.cohort, user_plan=user.plan):
            sent = [await self._send(user, channel, signal) for channel in sorted(user.channels)]
            if user.plan != "free":
                key = f"{signal.id}-{user.id}"
                await self._ledger.book(user.id, "signal", -_SIGNAL_CREDITS, key)
            return sum(sent)

    async def _send(self, user: User, channel: Channel, signal: Signal) -> bool:
        with obs.facts.delivery(channel=channel, attempt=1, type=signal.kind, signal_id=signal.id) as delivery:
            accepted = await self._hand_over(user, channel, signal)
            delivery.status = "accepted" if accepted else "failed"
        if accepted:
            await self._note_receipt(channel, signal)
        return accepted

    async def _hand_over(self, user: User, channel: Channel, signal: Signal) -> bool:
        if channel == "telegram":
            return await self._telegram.send_signal(user, signal.id)
        if channel == "websocket":
            return await self._websocket.push(user, "signal")
        accepted = await self._email.send_signal(user, signal.id)
        await self._costs.charge("ses", "communication", usd(_MAIL_USD), 1, "message")
        return accepted

    async def _note_receipt(self, channel: Channel, signal: Signal) -> None:
        now_ns = self.clock.now_ns()
        if channel == "websocket":
            obs.facts.delivery_receipt(
                channel=channel, status="delivered", received_unix_nano=now_ns, signal_id=signal.id
            )
        if self.chance.happens(_SEEN_RATIO.get(channel, 0.0)):
            obs.facts.delivery_receipt(channel=channel, status="seen", received_unix_nano=now_ns, signal_id=signal.id)
