"""The venues' servers: each speaks its venue's own REST and WebSocket dialect on one port."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from observatory_universe.outside.exchanges.binance import Binance
from observatory_universe.outside.exchanges.coinbase import Coinbase
from observatory_universe.outside.exchanges.common import Dialect, Streams
from observatory_universe.outside.exchanges.kraken import Kraken
from observatory_universe.outside.exchanges.kucoin import Kucoin
from observatory_universe.outside.venue import Venue

DIALECTS: Final[Mapping[str, Callable[[Venue], Dialect]]] = {
    "binance": Binance,
    "kraken": Kraken,
    "kucoin": Kucoin,
    "coinbase": Coinbase,
}


@dataclass(frozen=True, slots=True)
class ExchangeServer:
    """A running server. `url` is its http:// address; the stream has the same one with ws://."""

    url: str
    streams: Streams


@asynccontextmanager
async def exchange_server(venue: Venue, port: int = 0) -> AsyncIterator[ExchangeServer]:
    """Serves the venue on a loopback port until the block is left."""
    dialect = DIALECTS[venue.name](venue)
    application = web.Application()
    application.add_routes(dialect.routes())
    # A connection that the client keeps must not be closed under an order: it would look as if it had been lost.
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5, keepalive_timeout=3_600.0)
    await runner.setup()
    telling = asyncio.create_task(dialect.streams.run())
    try:
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        yield ExchangeServer(f"http://127.0.0.1:{runner.addresses[0][1]}", dialect.streams)
    finally:
        telling.cancel()
        with suppress(asyncio.CancelledError):
            await telling
        await dialect.streams.drop()
        await runner.cleanup()
