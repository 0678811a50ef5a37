"""What users own: cash and positions, kept in Redis and, for when Redis forgets, in PostgreSQL."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from pydantic import TypeAdapter

from observatory_universe.doors import Cache, Tables
from observatory_universe.trade import Position
from observatory_universe.users import CASH_USD, User


@dataclass(slots=True)
class Portfolio:
    """One user's cash and positions. `lost_usd` is what later profits have not made good."""

    cash_usd: Decimal
    positions: dict[str, Position] = field(default_factory=dict)
    lost_usd: Decimal = Decimal(0)

    @property
    def exposure_ratio(self) -> float:
        """What is held, long or short, as a share of cash and holdings."""
        held_usd = sum(position.quantity * position.entry_price for position in self.positions.values())
        return held_usd / (held_usd + float(self.cash_usd))


_JSON: Final = TypeAdapter(Portfolio)


class Portfolios:
    """Reads and changes portfolios. A change of one user's portfolio waits for the one before."""

    def __init__(self, cache: Cache, tables: Tables) -> None:
        self._cache = cache
        self._tables = tables
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def read(self, user: User) -> Portfolio:
        """The portfolio as it stands; a new user's where there is none yet."""
        document = await self._cache.read(_key(user))
        if document is None:
            document = await self._tables.read_portfolio(user.id)
        return _JSON.validate_json(document) if document else Portfolio(Decimal(str(CASH_USD[user.plan])))

    @asynccontextmanager
    async def changing(self, user: User) -> AsyncIterator[Portfolio]:
        """The portfolio, written back at the end of the block; not if the block raises."""
        async with self._locks[user.id]:
            portfolio = await self.read(user)
            yield portfolio
            document = _JSON.dump_json(portfolio).decode()
            await self._tables.write_portfolio(user.id, document)
            await self._cache.write(_key(user), document)

    def forget(self, user: User) -> None:
        """Frees what is kept in the process for a user who left."""
        self._locks.pop(user.id, None)


def _key(user: User) -> str:
    return f"portfolio:{user.id}"
