"""Signals into the hands of their subscribers."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import observatory_sdk as obs
from observatory_universe.costs.tracker import ApiCostTracker
from observatory_universe.credits.ledger import CreditLedger
from observatory_universe.doors.message import Receipt
from observatory_universe.health.monitoring import SystemMonitoringService
from observatory_universe.infrastructure.messages import EmailService, HandOver, TelegramCore, WebsocketService
from observatory_universe.service import Service, World
from observatory_universe.signals.channels import SignalChannelService
from observatory_universe.trade import Signal, usd
from observatory_universe.turnstile import Turnstile
from observatory_universe.users import Channel, User

_SIGNAL_CREDITS: Final = Decimal("0.01")
_MAIL_USD: Final = 0.0001
_ATTEMPTS: Final = 3
_BETWEEN_S: Final = 0.5
# A signal is of no use later: a longer wait is not waited for.
_MOST_WAIT_S: Final = 2.0
# To how many subscribers at once, those of all signals together: below the pools, which others need as well.
_AT_ONCE: Final = 16


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
        self._turnstile = Turnstile(_AT_ONCE)

    @obs.service("signal_delivery_service", "deliver")
    async def deliver(self, signal: Signal) -> int:
        """Sends the signal to all who subscribe. Returns how many messages were accepted."""
        subscribers = await self._channels.subscribers(signal)
        accepted = await self._turnstile.admit(subscribers, lambda user: self._deliver_to(user, signal))
        await self._monitoring.count("signals_delivered")
        return sum(accepted)

    @obs.service("signal_delivery_service", "note_receipts")
    async def note_receipts(self, receipts: Sequence[Receipt]) -> None:
        """Writes down what the far ends say of signals that were sent."""
        for receipt in receipts:
            obs.facts.delivery_receipt(
                channel=receipt.channel,
                status=receipt.status,
                received_unix_nano=receipt.time_ns,
                signal_id=receipt.reference,
                user_id=receipt.user_id,
            )

    async def _deliver_to(self, user: User, signal: Signal) -> int:
        with obs.feature("signals", user_id=user.id, user_cohort=user.cohort, user_plan=user.plan):
            sent = [await self._send(user, channel, signal) for channel in sorted(user.channels)]
            if user.plan != "free":
                await self._ledger.book(user.id, "signal", -_SIGNAL_CREDITS, f"{signal.id}-{user.id}")
            return sum(sent)

    async def _send(self, user: User, channel: Channel, signal: Signal) -> bool:
        """Tries up to three times. Each attempt is a fact; the last one that fails is a dead letter."""
        for attempt in range(1, _ATTEMPTS + 1):
            with obs.facts.delivery(
                channel=channel, attempt=attempt, type=signal.kind, signal_id=signal.id
            ) as delivery:
                answer = await self._hand_over(user, channel, signal)
                is_last = attempt == _ATTEMPTS or answer.final
                delivery.status = "accepted" if answer.accepted else "dead_letter" if is_last else "failed"
                delivery.retry_after_s = answer.retry_after_s
                if not answer.accepted:
                    delivery.outcome, delivery.outcome_reason = "failure", answer.reason
            if answer.accepted or is_last:
                break
            await self.clock.sleep(min(answer.retry_after_s or _BETWEEN_S, _MOST_WAIT_S))
        return answer.accepted

    async def _hand_over(self, user: User, channel: Channel, signal: Signal) -> HandOver:
        if channel == "telegram":
            return await self._telegram.send_signal(user, signal.id)
        if channel == "websocket":
            return await self._websocket.send_signal(user, signal.id)
        answer = await self._email.send_signal(user, signal.id)
        if answer.accepted:
            await self._costs.charge("ses", "communication", usd(_MAIL_USD), 1, "message")
        return answer
