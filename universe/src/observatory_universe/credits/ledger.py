"""The credit ledger: every movement of credits is booked exactly once, and no balance falls below zero."""

from decimal import Decimal

import observatory_sdk as obs
from observatory_universe.doors.state import Booking
from observatory_universe.service import Service


class CreditLedger(Service):
    """Balances of users, publishers and the platform, in credits."""

    id = "credit_ledger"

    @obs.service("credit_ledger", "book")
    async def book(self, account: str, kind: str, amount: Decimal, key: str) -> bool:
        """Books one entry; `amount` below 0 takes credits.

        Returns:
            False when the key was booked before (nothing happens then), or when the balance does not suffice.

        Raises:
            StateError: the tables cannot be reached.
        """
        await self.work(2.5)
        booked = await self._enter(account, kind, amount, key, key)
        if booked and amount < 0 and self.struck("double_charge"):
            # The tables would refuse the key a second time, so the second entry goes round it.
            await self._enter(account, kind, amount, f"{key}-again", key)
        return booked

    @obs.service("credit_ledger", "overdraw")
    async def overdraw(self, account: str, down_to: Decimal) -> bool:
        """Takes the account down to a balance below zero. False when it stands there or deeper already."""
        await self.work(2.5)
        return await self._move(account, down_to, down=True)

    @obs.service("credit_ledger", "make_good")
    async def make_good(self, account: str) -> bool:
        """Gives an account below zero what it lacks. False when it lacks nothing."""
        await self.work(2.5)
        return await self._move(account, Decimal(0), down=False)

    @obs.service("credit_ledger", "read")
    async def read(self, account: str) -> Decimal:
        await self.work(1)
        return await self.doors.tables.balance(account)

    @obs.service("credit_ledger", "balances")
    async def balances(self, accounts: list[str]) -> dict[str, Decimal]:
        """The balance of each account; 0 where nothing was ever booked."""
        await self.work(1)
        found = await self.doors.tables.balances(accounts)
        return {account: found.get(account, Decimal(0)) for account in accounts}

    async def _move(self, account: str, balance: Decimal, *, down: bool) -> bool:
        amount = balance - await self.doors.tables.balance(account)
        if (amount < 0) != down or not amount:
            return False
        key = self.world.ids.next("correction")
        return await self._enter(account, "correction", amount, key, key, overdraft=True)

    async def _enter(
        self, account: str, kind: str, amount: Decimal, key: str, told_key: str, *, overdraft: bool = False
    ) -> bool:
        booking = await self.doors.tables.book(account, kind, amount + self._drift(), key, overdraft=overdraft)
        if not isinstance(booking, Booking):
            if booking == "insufficient":
                obs.outcome("partial", reason="insufficient_credits")
            return False
        obs.facts.credit_transaction(
            type=kind,
            amount=amount,
            balance_before=booking.before,
            balance_after=booking.after,
            idempotency_key=told_key,
            user_id=account,
        )
        return True

    def _drift(self) -> Decimal:
        """What an entry moves too much; in the account's favour, so that nobody runs out of credits by it."""
        return Decimal(str(self.faults.grade("ledger_drift") or 0))
