"""The venues' public streams through the `websockets` library."""

import asyncio
from collections import deque
from contextlib import suppress
from typing import Final

import aiohttp
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from observatory_universe.clock import Clock
from observatory_universe.doors.exchange import Quote
from observatory_universe.doors.feed import LOOK_EVERY_S, Gap, Reading, Trade
from observatory_universe.doors.sequences import Sequences
from observatory_universe.sockets.venues import CLIENTS
from observatory_universe.sockets.venues.client import StreamReader

_KEPT: Final = 20_000
_FIRST_PAUSE_S: Final = 0.25
_LONGEST_PAUSE_S: Final = 10.0
_PING_S: Final = 15.0
_CLOSE_S: Final = 1.0


class StreamFeed:
    """One venue's stream.

    Args:
        url: the http:// address of the venue's server.
    """

    def __init__(self, venue: str, url: str, clock: Clock) -> None:
        self.venue = venue
        self._url = url
        self._clock = clock
        self._client = CLIENTS[venue]
        self._sequences = Sequences()
        self._connected = False
        self._was_connected = False
        self._was_heard = False
        self._reconnects = 0
        # What nobody takes is kept up to a bound; the oldest goes first.
        self._trades: deque[Trade] = deque(maxlen=_KEPT)
        self._quotes: deque[Quote] = deque(maxlen=_KEPT)
        self._gaps: deque[Gap] = deque(maxlen=_KEPT)

    async def stream(self) -> None:
        """Keeps the connection, and makes it anew when it breaks, until it is cancelled."""
        pause_s = _FIRST_PAUSE_S / 2
        while True:
            # A venue that is away, that breaks off, or that speaks nonsense: in each case it is tried again.
            with suppress(OSError, WebSocketException, aiohttp.ClientError, TimeoutError, ValueError, LookupError):
                reader = self._client.reader()
                address = await reader.open(self._url)
                async with connect(address, compression=None, close_timeout=_CLOSE_S) as socket:
                    await self._follow(socket, reader)
            # Broken off: soon again. Never there: longer and longer.
            pause_s = _FIRST_PAUSE_S if self._was_heard else min(2 * pause_s, _LONGEST_PAUSE_S)
            self._was_heard = False
            await self._clock.sleep(pause_s)

    def next_look_s(self) -> float:
        """Often enough that a signal is not late by it."""
        return LOOK_EVERY_S

    def take(self) -> Reading:
        reading = Reading(
            self._connected, tuple(self._trades), tuple(self._quotes), tuple(self._gaps), self._reconnects
        )
        self._trades.clear()
        self._quotes.clear()
        self._gaps.clear()
        self._reconnects = 0
        return reading

    async def _follow(self, socket: ClientConnection, reader: StreamReader) -> None:
        """Reads one connection to its end."""
        for text in reader.hello():
            await socket.send(text)
        self._connected = True
        self._reconnects += self._was_connected
        self._was_connected = True
        pinging = asyncio.create_task(self._ping(socket, reader))
        try:
            async for message in socket:
                self._was_heard = True
                for news in reader.read(message, self._clock.now_ns()):
                    self._keep(news)
        finally:
            self._connected = False
            pinging.cancel()

    def _keep(self, news: Trade | Quote) -> None:
        if isinstance(news, Quote):
            self._quotes.append(news)
            return
        gap = self._sequences.follow(news)
        if gap is not None:
            self._gaps.append(gap)
        self._trades.append(news)

    async def _ping(self, socket: ClientConnection, reader: StreamReader) -> None:
        """The venue's own ping; a connection that is gone is seen where it is read."""
        with suppress(WebSocketException):
            while (text := reader.ping()) is not None:
                await self._clock.sleep(_PING_S)
                await socket.send(text)
