"""PostgreSQL without a socket: the same tables in dictionaries, on any clock."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final, Literal

from observatory_universe.clock import Clock
from observatory_universe.doors.state import WAIT_S, Booking, PoolStatus, StateError
from observatory_universe.users import User

_POOL_SIZE: Final = 20
_MOST_KEYS: Final = 100_000
_MOST_RECORDS: Final = 10_000
_LOOK_EVERY_S: Final = 0.05


class _Pairs:
    """Who goes with what, from both sides. Each side is in the order in which the pairs came."""

    def __init__(self) -> None:
        self.of: defaultdict[str, dict[str, None]] = defaultdict(dict)
        self.whose: defaultdict[str, dict[str, None]] = defaultdict(dict)

    def add(self, user_id: str, what: str) -> None:
        self.of[user_id].setdefault(what)
        self.whose[what].setdefault(user_id)

    def remove(self, user_id: str, what: str) -> bool:
        """False when there was no such pair."""
        if what not in self.of.get(user_id, ()):
            return False
        del self.of[user_id][what]
        self._forget(what, user_id)
        return True

    def forget(self, user_id: str) -> None:
        for what in self.of.pop(user_id, ()):
            self._forget(what, user_id)

    def _forget(self, what: str, user_id: str) -> None:
        del self.whose[what][user_id]
        if not self.whose[what]:
            del self.whose[what]


class MemoryTables:
    """What the platform keeps in PostgreSQL, in the process.

    Its calls take no time, so a pool that has a connection left never runs short; one that has none lets callers wait.
    A ledger key is known for the next 100,000 entries; of each kind of record the newest 10,000 are kept.

    Args:
        pool_size: how many connections the pool would have.
    """

    def __init__(self, clock: Clock, pool_size: int = _POOL_SIZE) -> None:
        self._clock = clock
        self._most = pool_size
        self._leaked = self._waiting = 0
        self._users: dict[str, User] = {}
        self._balances: defaultdict[str, Decimal] = defaultdict(Decimal)
        self._keys: dict[str, None] = {}
        self._activations = _Pairs()
        self._subscriptions = _Pairs()
        self._portfolios: dict[str, str] = {}
        self._records: defaultdict[str, dict[str, str]] = defaultdict(dict)

    async def add_user(self, user: User) -> None:
        await self._connect()
        self._users[user.id] = user

    async def remove_user(self, user_id: str) -> None:
        await self._connect()
        self._users.pop(user_id, None)
        self._portfolios.pop(user_id, None)
        self._activations.forget(user_id)
        self._subscriptions.forget(user_id)

    async def users(self) -> list[User]:
        await self._connect()
        return list(self._users.values())

    async def book(
        self, account: str, kind: str, amount: Decimal, key: str, *, overdraft: bool = False
    ) -> Booking | Literal["duplicate", "insufficient"]:
        await self._connect()
        if key in self._keys:
            return "duplicate"
        before = self._balances[account]
        after = before + amount
        if amount < 0 and after < 0 and not overdraft:
            return "insufficient"
        self._keys[key] = None
        if len(self._keys) > _MOST_KEYS:
            del self._keys[next(iter(self._keys))]
        self._balances[account] = after
        return Booking(before, after)

    async def balance(self, account: str) -> Decimal:
        return (await self.balances([account]))[account]

    async def balances(self, accounts: Sequence[str]) -> Mapping[str, Decimal]:
        await self._connect()
        return {account: self._balances.get(account, Decimal(0)) for account in accounts}

    async def activate(self, user_id: str, strategy_id: str) -> None:
        await self._connect()
        self._activations.add(user_id, strategy_id)

    async def deactivate(self, user_id: str, strategy_id: str) -> None:
        await self._connect()
        self._activations.remove(user_id, strategy_id)

    async def active(self, user_id: str) -> set[str]:
        await self._connect()
        return set(self._activations.of.get(user_id, ()))

    async def followers(self, strategy_id: str) -> list[str]:
        await self._connect()
        return list(self._activations.whose.get(strategy_id, ()))

    async def activations(self) -> int:
        await self._connect()
        return sum(map(len, self._activations.of.values()))

    async def subscribe(self, user_id: str, channel: str) -> None:
        await self._connect()
        self._subscriptions.add(user_id, channel)

    async def unsubscribe(self, user_id: str, channel: str) -> bool:
        await self._connect()
        return self._subscriptions.remove(user_id, channel)

    async def subscribers(self, channel: str) -> list[str]:
        await self._connect()
        return list(self._subscriptions.whose.get(channel, ()))

    async def write_portfolio(self, user_id: str, document: str) -> None:
        await self._connect()
        self._portfolios[user_id] = document

    async def read_portfolio(self, user_id: str) -> str | None:
        await self._connect()
        return self._portfolios.get(user_id)

    async def write_record(self, table: Literal["strategies", "signals", "orders"], id: str, document: str) -> None:
        await self._connect()
        records = self._records[table]
        records[id] = document
        if len(records) > _MOST_RECORDS:
            del records[next(iter(records))]

    def pool(self) -> PoolStatus:
        return PoolStatus(self._leaked, self._most - self._leaked, self._waiting, self._most)

    async def leak(self, connections: int) -> None:
        self._leaked = min(connections, self._most)

    async def _connect(self) -> None:
        """Nothing, while a connection is left.

        Raises:
            StateError: none came free within 2 s.
        """
        if self._leaked < self._most:
            return
        self._waiting += 1
        try:
            # Counted, not timed: on a clock that is hurried no time passes.
            for _ in range(round(WAIT_S / _LOOK_EVERY_S)):
                await self._clock.sleep(_LOOK_EVERY_S)
                if self._leaked < self._most:
                    return
        finally:
            self._waiting -= 1
        raise StateError(f"PostgreSQL: no connection came free within {WAIT_S:g} s")
