"""Where state is kept: Redis and PostgreSQL."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal, Protocol

from observatory_universe.errors import Trouble
from observatory_universe.users import User

# What Redis may take, in bytes, while nobody squeezes it.
CACHE_BYTES: Final = 64 * 1024 * 1024
# How long a caller waits for a connection of a pool, and for an answer.
WAIT_S: Final = 2.0


class StateError(Trouble):
    """Redis or PostgreSQL did not do what was asked: no connection, no answer in time, no memory, a refusal."""


@dataclass(frozen=True, slots=True)
class CacheStatus:
    """What the cache server says of itself. `max_memory_bytes` is 0 where it has no limit; counts since its start."""

    used_memory_bytes: int
    max_memory_bytes: int
    fragmentation_ratio: float
    hits: int
    misses: int
    evicted_keys: int


class Cache(Protocol):
    """Redis: shared short-lived state and queues."""

    async def read(self, key: str) -> str | None: ...

    async def write(self, key: str, value: str, ttl_s: float | None = None) -> None: ...

    async def claim(self, key: str, ttl_s: float) -> bool:
        """True for the first who asks for this key, False for everybody after, until the time is over."""
        ...

    async def count(self, key: str, ttl_s: float) -> int:
        """Adds 1 and returns the count; it starts anew `ttl_s` after its first."""
        ...

    async def drop(self, key: str) -> None: ...

    async def push(self, queue: str, item: str) -> int:
        """Puts an item at the queue's end; returns how many wait."""
        ...

    async def pop(self, queue: str) -> str | None:
        """Takes the item at the queue's head; None when nothing waits."""
        ...

    async def status(self) -> CacheStatus: ...

    async def squeeze(self, share_ratio: float | None) -> None:
        """Limits the server's memory to this share of what it uses now, so that it throws keys out; None lifts it."""
        ...


@dataclass(frozen=True, slots=True)
class PoolStatus:
    """Connections of the database pool."""

    used: int
    idle: int
    waiting: int
    most: int


@dataclass(frozen=True, slots=True)
class Booking:
    """What one ledger entry did to an account, in credits."""

    before: Decimal
    after: Decimal


class Tables(Protocol):
    """PostgreSQL: users, credits, strategies, subscriptions, signals and orders."""

    async def add_user(self, user: User) -> None: ...

    async def remove_user(self, user_id: str) -> None: ...

    async def users(self) -> list[User]: ...

    async def book(
        self, account: str, kind: str, amount: Decimal, key: str, *, overdraft: bool = False
    ) -> Booking | Literal["duplicate", "insufficient"]:
        """Books one entry in one transaction, once per key; below zero only with `overdraft`."""
        ...

    async def balance(self, account: str) -> Decimal: ...

    async def balances(self, accounts: Sequence[str]) -> Mapping[str, Decimal]: ...

    async def activate(self, user_id: str, strategy_id: str) -> None: ...

    async def deactivate(self, user_id: str, strategy_id: str) -> None: ...

    async def active(self, user_id: str) -> set[str]: ...

    async def followers(self, strategy_id: str) -> list[str]: ...

    async def activations(self) -> int:
        """How many strategies are active, counted once per user."""
        ...

    async def subscribe(self, user_id: str, channel: str) -> None: ...

    async def unsubscribe(self, user_id: str, channel: str) -> bool:
        """False when there was no such subscription."""
        ...

    async def subscribers(self, channel: str) -> list[str]: ...

    async def write_portfolio(self, user_id: str, document: str) -> None: ...

    async def read_portfolio(self, user_id: str) -> str | None: ...

    async def write_record(self, table: Literal["strategies", "signals", "orders"], id: str, document: str) -> None:
        """Writes a JSON document under its id, or replaces it."""
        ...

    def pool(self) -> PoolStatus: ...

    async def leak(self, connections: int) -> None:
        """Keeps so many connections of the pool and never gives them back; 0 gives all of them back."""
        ...
