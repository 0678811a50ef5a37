"""Profit sharing."""

from decimal import Decimal
from typing import Final

import observatory_sdk as obs
from observatory_universe.credits.ledger import CreditLedger
from observatory_universe.errors import Trouble
from observatory_universe.service import Service, World
from observatory_universe.trade import Position
from observatory_universe.users import User

PLATFORM_RATIO: Final = Decimal("0.20")
PLATFORM: Final = "platform"


class ProfitSharingService(Service):
    """Takes the platform's share of a realised profit out of the user's credits."""

    id = "profit_sharing_service"

    def __init__(self, world: World, ledger: CreditLedger) -> None:
        super().__init__(world)
        self._ledger = ledger
        self._owed_usd: dict[str, Decimal] = {}

    @obs.service("profit_sharing_service", "share")
    async def share(self, user: User, position: Position, profit_usd: Decimal, order_id: str) -> Decimal:
        """Shares one realised profit. Returns the platform's part, exactly `PLATFORM_RATIO` of it."""
        await self.work(6)
        amount_usd = profit_usd * self._ratio()
        obs.facts.profit_share(
            profit_usd=profit_usd,
            ratio=float(PLATFORM_RATIO),
            amount_usd=amount_usd,
            user_id=user.id,
            order_id=order_id,
            signal_id=position.signal_id,
        )
        await self._collect(user.id, amount_usd, f"profit-{order_id}")
        return amount_usd

    @obs.service("profit_sharing_service", "settle")
    async def settle(self) -> int:
        """Collects what users could not pay before. Returns how many still owe; whoever has left owes nothing more."""
        await self.work(8)
        present = {user.id for user in self.world.users.known(list(self._owed_usd))}
        self._owed_usd = {account: owed for account, owed in self._owed_usd.items() if account in present}
        for account in tuple(self._owed_usd):
            await self._collect(account, self._owed_usd.pop(account), self.world.ids.next("settlement"))
        return len(self._owed_usd)

    async def _collect(self, account: str, amount_usd: Decimal, key: str) -> None:
        # Paper profits are small and credits may be spent: what cannot be taken now is owed, never booked below zero.
        try:
            paid = await self._ledger.book(account, "profit_share", -amount_usd, f"{key}-out")
        except Trouble:
            self._owe(account, amount_usd)
            raise
        if paid:
            await self._ledger.book(PLATFORM, "profit_share", amount_usd, f"{key}-in")
        else:
            self._owe(account, amount_usd)

    def _owe(self, account: str, amount_usd: Decimal) -> None:
        self._owed_usd[account] = self._owed_usd.get(account, Decimal(0)) + amount_usd

    def _ratio(self) -> Decimal:
        return PLATFORM_RATIO + Decimal(str(self.faults.grade("profit_share_wrong") or 0))
