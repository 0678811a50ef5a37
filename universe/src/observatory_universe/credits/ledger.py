"""The credit ledger: every movement of credits is booked exactly once, and no balance falls below zero."""

from collections import OrderedDict
from decimal import Decimal
from typing import Final

import observatory_sdk as obs
from observatory_universe.service import Service, World

_MOST_KEYS: Final = 50_000


class CreditLedger(Service):
    """Balances of users, publishers and the platform, in credits."""

    id = "credit_ledger"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._balances: dict[str, Decimal] = {}
        self._keys: OrderedDict[str, None] = OrderedDict()

    def balance(self, account: str) -> Decimal:
        return self._balances.get(account, Decimal(0))

    @obs.service("credit_ledger", "book")
    async def book(self, account: str, kind: str, amount: Decimal, key: str) -> bool:
        """Books one entry; `amount` below 0 takes credits.

        Returns:
            False when the key was booked before (nothing happens then), or when the balance does not suffice.
        """
        await self.work(2.5)
        if key in self._keys:
            return False
        before = self.balance(account)
        after = before + amount
        if after < 0:
            obs.outcome("partial", reason="insufficient_credits")
            return False
        self._remember(key)
        self._balances[account] = after
        obs.facts.credit_transaction(
            type=kind,
            amount=amount,
            balance_before=before,
            balance_after=after,
            idempotency_key=key,
            user_id=account,
        )
        return True

    @obs.service("credit_ledger", "read")
    async def read(self, account: str) -> Decimal:
        await self.work(1)
        return self.balance(account)

    def _remember(self, key: str) -> None:
        self._keys[key] = None
        if len(self._keys) > _MOST_KEYS:
            self._keys.popitem(last=False)
