"""The credit ledger: every movement of credits is booked exactly once, and no balance falls below zero."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Final
from weakref import WeakValueDictionary

import observatory_sdk as obs
from observatory_universe.doors.state import Booking, StateError
from observatory_universe.service import Service, World

# Every order books on the platform's account: under load many wait for it, and none of them is lost.
_ACCOUNT_S: Final = 10.0


class CreditLedger(Service):
    """Balances of users, publishers and the platform, in credits.

    The entries of one account are told in the order in which they were booked.
    """

    id = "credit_ledger"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._pool = obs.facts.pool("postgres", service=self.id)
        # A lock lives as long as somebody holds it or waits for it.
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._drifted: dict[str, Decimal] = {}

    @obs.service("credit_ledger", "book")
    async def book(self, account: str, kind: str, amount: Decimal, key: str) -> bool:
        """Books one entry; `amount` below 0 takes credits.

        Returns:
            False when the key was booked before (nothing happens then), or when the balance does not suffice.

        Raises:
            StateError: the tables cannot be reached, or too many wait for this account.
        """
        await self.work(2.5)
        async with self._turn(account):
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

    @obs.service("credit_ledger", "correct")
    async def correct(self) -> int:
        """Takes back what entries moved too much. Returns from how many accounts.

        An account that has spent of it already is taken down to 0, not below: that much stays the platform's loss.
        """
        await self.work(2.5)
        corrected = 0
        for account in tuple(self._drifted):
            async with self._turn(account):
                excess = min(self._drifted[account], await self.doors.tables.balance(account))
                if excess > 0:
                    key = self.world.ids.next("correction")
                    await self._enter(account, "correction", -excess, key, key, drifts=False)
                    corrected += 1
                del self._drifted[account]
        return corrected

    @obs.service("credit_ledger", "report")
    async def report(self) -> None:
        """Says how far the pool that entries are booked over is in use."""
        await self.work(0.5)
        pool = self.doors.tables.pool()
        self._pool.observe(used=pool.used, idle=pool.idle, pending=pool.waiting, max_connections=pool.most)

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
        async with self._turn(account):
            amount = balance - await self.doors.tables.balance(account)
            if (amount < 0) != down or not amount:
                return False
            key = self.world.ids.next("correction")
            return await self._enter(account, "correction", amount, key, key, overdraft=True)

    @asynccontextmanager
    async def _turn(self, account: str) -> AsyncIterator[None]:
        """Nobody else books on the account meanwhile.

        Raises:
            StateError: it did not come free within 10 s.
        """
        lock = self._locks.setdefault(account, asyncio.Lock())
        try:
            await asyncio.wait_for(lock.acquire(), _ACCOUNT_S)
        except TimeoutError:
            raise StateError(f"the account {account} did not come free within {_ACCOUNT_S:g} s") from None
        try:
            yield
        finally:
            lock.release()

    async def _enter(
        self,
        account: str,
        kind: str,
        amount: Decimal,
        key: str,
        told_key: str,
        *,
        overdraft: bool = False,
        drifts: bool = True,
    ) -> bool:
        drift = self._drift() if drifts else Decimal(0)
        booking = await self.doors.tables.book(account, kind, amount + drift, key, overdraft=overdraft)
        if not isinstance(booking, Booking):
            if booking == "insufficient":
                obs.outcome("partial", reason="insufficient_credits")
            return False
        if drift:
            self._drifted[account] = self._drifted.get(account, Decimal(0)) + drift
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
