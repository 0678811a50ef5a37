"""PostgreSQL over a socket."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from importlib.resources import files
from typing import Any, Final, Literal

from observatory_universe.doors.state import Booking, PoolStatus
from observatory_universe.sockets.pool import Pool
from observatory_universe.users import User

_SCHEMA_LOCK: Final = 7_301
# What grows without end is trimmed to about this many entries, each time so many have been written.
_MOST_ENTRIES: Final = 100_000
_TRIM_EVERY: Final = 5_000
_WRITE_RECORD: Final = {
    table: f"INSERT INTO {table} (id, document) VALUES ($1, $2) "
    "ON CONFLICT (id) DO UPDATE SET document = excluded.document, written_at = now()"
    for table in ("strategies", "signals", "orders")
}


class PostgresTables:
    """The platform's tables.

    Args:
        url: such as `postgresql://user:password@host:5432/database`.
        pool_size: how many connections there may be.
    """

    def __init__(self, url: str, pool_size: int) -> None:
        self._pool = Pool(url, pool_size)
        self._written = 0

    async def open(self) -> None:
        """Connects, and makes the tables where they are not there yet.

        Raises:
            StateError: there is no such server, or it does not let us in.
        """
        await self._pool.open()
        async with self._pool.connection() as connection, connection.transaction():
            # Two that make the same table at the same moment would meet in the system's own tables.
            await connection.execute(f"SELECT pg_advisory_xact_lock({_SCHEMA_LOCK})")
            await connection.execute((files(__package__) / "schema.sql").read_text(encoding="utf-8"))

    async def close(self) -> None:
        await self._pool.close()

    async def add_user(self, user: User) -> None:
        await self._do(
            "INSERT INTO users (id, cohort, plan, mode, channels) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) "
            "DO UPDATE SET cohort = $2, plan = $3, mode = $4, channels = $5",
            user.id,
            user.cohort,
            user.plan,
            user.mode,
            sorted(user.channels),
        )

    async def remove_user(self, user_id: str) -> None:
        await self._do(
            "WITH a AS (DELETE FROM activations WHERE user_id = $1), "
            "s AS (DELETE FROM subscriptions WHERE user_id = $1), "
            "p AS (DELETE FROM portfolios WHERE user_id = $1) DELETE FROM users WHERE id = $1",
            user_id,
        )

    async def users(self) -> list[User]:
        rows = await self._rows("SELECT id, cohort, plan, mode, channels FROM users ORDER BY entry")
        return [User(id_, cohort, plan, mode, frozenset(channels)) for id_, cohort, plan, mode, channels in rows]

    async def book(
        self, account: str, kind: str, amount: Decimal, key: str, *, overdraft: bool = False
    ) -> Booking | Literal["duplicate", "insufficient"]:
        # One statement is one transaction.
        rows = await self._rows("SELECT * FROM book($1, $2, $3, $4, $5)", account, kind, amount, key, overdraft)
        outcome, before, after = rows[0]
        if outcome != "booked":
            return "duplicate" if outcome == "duplicate" else "insufficient"
        await self._count()
        return Booking(before, after)

    async def balance(self, account: str) -> Decimal:
        return (await self.balances([account]))[account]

    async def balances(self, accounts: Sequence[str]) -> Mapping[str, Decimal]:
        rows = await self._rows("SELECT id, balance FROM ledger_accounts WHERE id = ANY($1)", list(accounts))
        return dict.fromkeys(accounts, Decimal(0)) | dict(rows)

    async def activate(self, user_id: str, strategy_id: str) -> None:
        await self._do(
            "INSERT INTO activations (user_id, strategy_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            user_id,
            strategy_id,
        )

    async def deactivate(self, user_id: str, strategy_id: str) -> None:
        await self._do("DELETE FROM activations WHERE user_id = $1 AND strategy_id = $2", user_id, strategy_id)

    async def active(self, user_id: str) -> set[str]:
        return set(await self._firsts("SELECT strategy_id FROM activations WHERE user_id = $1", user_id))

    async def followers(self, strategy_id: str) -> list[str]:
        return await self._firsts("SELECT user_id FROM activations WHERE strategy_id = $1 ORDER BY entry", strategy_id)

    async def activations(self) -> int:
        return int((await self._rows("SELECT count(*) FROM activations"))[0][0])

    async def subscribe(self, user_id: str, channel: str) -> None:
        await self._do(
            "INSERT INTO subscriptions (user_id, channel) VALUES ($1, $2) ON CONFLICT DO NOTHING", user_id, channel
        )

    async def unsubscribe(self, user_id: str, channel: str) -> bool:
        done = await self._do("DELETE FROM subscriptions WHERE user_id = $1 AND channel = $2", user_id, channel)
        return done == "DELETE 1"

    async def subscribers(self, channel: str) -> list[str]:
        return await self._firsts("SELECT user_id FROM subscriptions WHERE channel = $1 ORDER BY entry", channel)

    async def write_portfolio(self, user_id: str, document: str) -> None:
        await self._do(
            "INSERT INTO portfolios (user_id, document) VALUES ($1, $2) "
            "ON CONFLICT (user_id) DO UPDATE SET document = $2, written_at = now()",
            user_id,
            document,
        )

    async def read_portfolio(self, user_id: str) -> str | None:
        found = await self._firsts("SELECT document FROM portfolios WHERE user_id = $1", user_id)
        return found[0] if found else None

    async def write_record(self, table: Literal["strategies", "signals", "orders"], id: str, document: str) -> None:
        await self._do(_WRITE_RECORD[table], id, document)
        await self._count()

    def pool(self) -> PoolStatus:
        return self._pool.status()

    async def leak(self, connections: int) -> None:
        await self._pool.leak(connections)

    async def trim(self, most: int) -> None:
        """Throws the oldest entries of ledger and records away but for about so many; balances stay as they are."""
        await self._do("SELECT trim_records($1)", most)

    async def _count(self) -> None:
        self._written += 1
        if self._written % _TRIM_EVERY == 0:
            await self.trim(_MOST_ENTRIES)

    async def _do(self, statement: str, *values: object) -> str:
        """Returns what the server says was done, such as `DELETE 1`."""
        async with self._pool.connection() as connection:
            return str(await connection.execute(statement, *values))

    async def _rows(self, query: str, *values: object) -> list[Any]:
        async with self._pool.connection() as connection:
            return list(await connection.fetch(query, *values))

    async def _firsts(self, query: str, *values: object) -> list[str]:
        """The first column."""
        return [row[0] for row in await self._rows(query, *values)]
