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
        self._subscribed: dict[str, set[str]] = {kind: set() for kind in KINDS}
        for user in world.users.everybody():
            self._subscribed[self.chance.pick(KINDS)].add(user.id)

    @obs.service("signal_channel_service", "subscribers")
    async def subscribers(self, signal: Signal) -> list[User]:
        """Who gets the signal."""
        await self.work(3)
        members = self._subscribed[signal.kind]
        return [user for user in self.world.users.everybody() if user.id in members]

    @obs.service("signal_channel_service", "subscribe")
    async def subscribe(self, user: User, kind: str) -> bool:
        """Subscribes the user for their plan's price in credits. False when they do not suffice."""
        await self.work(5)
        price = -usd(_MONTH_CREDITS[user.plan])
        if price and not await self._ledger.book(user.id, "subscription", price, self.world.ids.next("subscription")):
            obs.outcome("partial", reason="insufficient_credits")
            return False
        self._subscribed[kind].add(user.id)
        obs.facts.subscription_changed(action="subscribed", channel=kind, plan=user.plan)
        return True

    def anybody_subscribed(self) -> tuple[User, str] | None:
        """Some user with a channel that they subscribe to; None when there is no subscription."""
        users = {user.id: user for user in self.world.users.everybody()}
        pairs = [(users[i], kind) for kind, members in self._subscribed.items() for i in sorted(members) if i in users]
        return self.chance.pick(pairs) if pairs else None

    @obs.service("signal_channel_service", "cancel")
    async def cancel(self, user: User, kind: str) -> bool:
        """Ends the subscription. False when there was none."""
        await self.work(4)
        if user.id not in self._subscribed[kind]:
            return False
        self._subscribed[kind].discard(user.id)
        obs.facts.subscription_changed(action="cancelled", channel=kind, plan=user.plan)
        return True

    @obs.service("signal_channel_service", "count")
    async def count(self) -> None:
        """Reports the running subscriptions per channel and plan, and forgets those of users who left."""
        await self.work(2)
        users = {user.id: user for user in self.world.users.everybody()}
        for kind, members in self._subscribed.items():
            members &= users.keys()
            plans = Counter(users[user_id].plan for user_id in members)
            for plan in _MONTH_CREDITS:
                obs.facts.subscriptions(plans[plan], channel=kind, plan=plan)
