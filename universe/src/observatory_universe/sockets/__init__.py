"""The doors as they are in truth: client libraries on sockets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from observatory_universe.clock import Clock
from observatory_universe.doors import Doors
from observatory_universe.outside.world import Addresses
from observatory_universe.sockets.cache import RedisCache
from observatory_universe.sockets.exchange import CcxtExchange
from observatory_universe.sockets.feed import StreamFeed
from observatory_universe.sockets.mail import MailClient
from observatory_universe.sockets.models import LiveModels
from observatory_universe.sockets.sessions import SessionServer
from observatory_universe.sockets.tables import PostgresTables
from observatory_universe.sockets.telegram import BotClient

POOL_SIZE: Final = 20
# The groups that call exchanges.
_TRADING: Final = frozenset({"market_data", "trading"})


@asynccontextmanager
async def open_doors(addresses: Addresses, clock: Clock, groups: frozenset[str]) -> AsyncIterator[Doors]:
    """The doors to the servers at these addresses.

    Args:
        groups: the groups of services that live in this process; a door that none of them uses loads no library.
    """
    async with AsyncExitStack() as stack:
        sessions = SessionServer(clock)
        doors = Doors(
            exchanges={venue: CcxtExchange(venue, url, clock) for venue, url in addresses.exchanges.items()},
            feeds={venue: StreamFeed(venue, url, clock) for venue, url in addresses.exchanges.items()},
            models=LiveModels(addresses.providers if "ai" in groups else {}, clock),
            telegram=BotClient(addresses.telegram, clock),
            mail=MailClient(addresses.mail_host, addresses.mail_port, clock),
            sessions=sessions,
            cache=RedisCache(addresses.redis),
            tables=PostgresTables(addresses.postgres, POOL_SIZE),
        )
        for door in (*doors.exchanges.values(), doors.models, doors.telegram, doors.mail, doors.cache, doors.tables):
            stack.push_async_callback(door.close)  # type: ignore[attr-defined]  # all of these have connections
        if groups & _TRADING:
            await asyncio.gather(*(exchange.open() for exchange in doors.exchanges.values()))  # type: ignore[attr-defined]  # the same
        await doors.tables.open()  # type: ignore[attr-defined]  # the schema, where it is not there yet
        yield doors
