"""Channels, and who subscribes to which of them."""

from collections import Counter
from typing import Final

import observatory_sdk as obs
from observatory_universe.credits.ledger import CreditLedger
from observatory_universe.service import Service, World
from observatory_universe.strategies import KINDS
from observatory_universe.trade import Signal, usd
from observatory_universe.users import Plan, User

_MONTH_CREDITS: Final[dict[Plan, float]] = {"free": 0.0, "pro": 0.25, "whale": 1.0}


class SignalChannelService(Service):
    """One channel per kind of signal."""

    id = "signal_channel_service"

    def __init__(self, world: World, ledger: CreditLedger) -> None:
        super().__init__(world)
        self._ledger = ledger

    async def open(self) -> None:
        """Subscribes each user of the start to one channel, without a fact: they did so long ago."""
        for user in self.world.users.everybody():
            await self.doors.tables.subscribe(user.id, self.chance.pick(KINDS))

    @obs.service("signal_channel_service", "subscribers")
    async def subscribers(self, signal: Signal) -> list[User]:
        """Who gets the signal."""
        await self.work(2)
        return self.world.users.known(await self.doors.tables.subscribers(signal.kind))

    @obs.service("signal_channel_service", "anybody_subscribed")
    async def anybody_subscribed(self, kind: str) -> User | None:
        """Some subscriber of the channel; None when it has none."""
        members = self.world.users.known(await self.doors.tables.subscribers(kind))
        return self.chance.pick(members) if members else None

    @obs.service("signal_channel_service", "subscribe")
    async def subscribe(self, user: User, kind: str) -> bool:
        """Subscribes the user for their plan's price in credits. False when they do not suffice."""
        await self.work(3)
        price = -usd(_MONTH_CREDITS[user.plan])
        if price and not await self._ledger.book(user.id, "subscription", price, self.world.ids.next("subscription")):
            obs.outcome("partial", reason="insufficient_credits")
            return False
        await self.doors.tables.subscribe(user.id, kind)
        obs.facts.subscription_changed(action="subscribed", channel=kind, plan=user.plan)
        return True

    @obs.service("signal_channel_service", "cancel")
    async def cancel(self, user: User, kind: str) -> bool:
        """Ends the subscription. False when there was none."""
        await self.work(3)
        if not await self.doors.tables.unsubscribe(user.id, kind):
            return False
        obs.facts.subscription_changed(action="cancelled", channel=kind, plan=user.plan)
        return True

    @obs.service("signal_channel_service", "count")
    async def count(self) -> None:
        """Reports the running subscriptions per channel and plan."""
        await self.work(1)
        for kind in KINDS:
            members = self.world.users.known(await self.doors.tables.subscribers(kind))
            plans = Counter(user.plan for user in members)
            for plan in _MONTH_CREDITS:
                obs.facts.subscriptions(plans[plan], channel=kind, plan=plan)
