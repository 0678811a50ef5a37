"""What the dialects share: answering calls, and the stream that all connections hear."""

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from aiohttp import WSMsgType, web

from observatory_universe.market import SYMBOLS
from observatory_universe.outside.limits import Usage
from observatory_universe.outside.refusal import NoAnswer, Refusal
from observatory_universe.outside.venue import News, Venue

Work = Callable[[], Any]

_MINUTE_NS: Final = 60_000_000_000
# One round of the stream: its trades are under way for up to so long besides the venue's own delay.
_TICK_S: Final = 0.05
_HEARTBEAT_S: Final = 20.0
# A client that takes nothing for so long is cut off, so that it holds nobody else up.
_SEND_S: Final = 2.0


class Dialect(ABC):
    """How one venue speaks. Every handler is a line: `return await self.answer(request, weight, work)`.

    Attributes:
        streams: the stream's connections; a WebSocket route calls `self.streams.serve(request, topics)`.
    """

    def __init__(self, venue: Venue) -> None:
        self.venue = venue
        self.streams = Streams(self)

    @abstractmethod
    def routes(self) -> Sequence[web.RouteDef]:
        """The REST routes and the stream's."""

    @abstractmethod
    def headers(self, usage: Usage) -> Mapping[str, str]:
        """The rate-limit headers of every answer."""

    @abstractmethod
    def refused(self, refusal: Refusal) -> web.Response:
        """The venue's own words for a refusal: status, body, and Retry-After where it gives one."""

    def wrap(self, body: Any) -> Any:
        """The venue's envelope around an answer."""
        return body

    def welcome(self) -> Iterable[str]:
        """What a new stream connection gets first."""
        return ()

    @abstractmethod
    def heard(self, text: str, topics: set[str]) -> Iterable[str]:
        """A stream client said something: changes its `topics` and returns the replies."""

    @abstractmethod
    def told(self, news: News) -> Iterable[tuple[str, str]]:
        """News as (topic, message); each connection gets those of its topics."""

    def pulse(self) -> tuple[float, str] | None:
        """A message that every connection gets again and again, with the seconds between; None for none."""
        return None

    async def answer(self, request: web.Request, weight: int, work: Work) -> web.Response:
        """One call: the venue's time and limits, then `work()`, whose value is the answer's JSON."""
        try:
            usage = await self.venue.admit(weight)
            body = self.wrap(work())
        except Refusal as refusal:
            response = self.refused(refusal)
            for name, value in self.headers(self.venue.usage()).items():
                response.headers.setdefault(name, value)
            return response
        except NoAnswer as silence:
            return self._nothing(request, silence)
        return as_json(body, headers=self.headers(usage))

    def _nothing(self, request: web.Request, silence: NoAnswer) -> web.Response:
        if silence.breaks_off and request.transport is not None:
            request.transport.abort()
        return web.Response(status=504, text="<html><body><h1>504 Gateway Time-out</h1></body></html>")


class Streams:
    """The connections of one venue's stream."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._open: dict[web.WebSocketResponse, set[str]] = {}

    async def serve(self, request: web.Request, topics: Iterable[str] = ()) -> web.WebSocketResponse:
        """One connection until it ends."""
        socket = web.WebSocketResponse(heartbeat=_HEARTBEAT_S, compress=False)
        await socket.prepare(request)
        heard = set(topics)
        try:
            for text in self._dialect.welcome():
                await socket.send_str(text)
            self._open[socket] = heard
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    for reply in self._dialect.heard(message.data, heard):
                        await socket.send_str(reply)
        except ConnectionError:
            pass  # It went away while it was spoken to.
        finally:
            self._open.pop(socket, None)
        return socket

    async def run(self) -> None:
        """Tells all connections what is new, until it is cancelled. The venue lives on while nobody listens."""
        venue = self._dialect.venue
        pulse = self._dialect.pulse()
        beaten_ns = 0
        while True:
            await venue.clock.sleep(_TICK_S)
            news = venue.news()
            if not self._open:
                continue
            await self._tell(list(self._dialect.told(news)))
            if pulse is not None and venue.now_ns() - beaten_ns > pulse[0] * 1e9:
                beaten_ns = venue.now_ns()
                for socket in list(self._open):
                    await self._send(socket, [pulse[1]])

    async def drop(self) -> None:
        """Breaks all connections."""
        for socket in list(self._open):
            self._open.pop(socket, None)
            with suppress(ConnectionError):
                await socket.close(code=1001, message=b"going away")

    async def _tell(self, messages: list[tuple[str, str]]) -> None:
        for socket, topics in list(self._open.items()):
            texts = [text for topic, text in messages if topic in topics]
            if texts:
                await self._send(socket, texts)

    async def _send(self, socket: web.WebSocketResponse, texts: list[str]) -> None:
        try:
            async with asyncio.timeout(_SEND_S):
                for text in texts:
                    await socket.send_str(text)
        except (ConnectionError, TimeoutError):
            self._open.pop(socket, None)


def as_json(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """An answer with a JSON body."""
    text = json.dumps(body, separators=(",", ":"))
    return web.Response(text=text, status=status, headers=headers, content_type="application/json")


def minutes_since(time_ns: int, now_ns: int) -> int:
    """How many minutes have begun since the one that this moment lies in, with that one."""
    return max(1, now_ns // _MINUTE_NS - time_ns // _MINUTE_NS + 1)


def price_text(symbol: str, price: float) -> str:
    """A price with the symbol's decimals."""
    return f"{price:.{SYMBOLS[symbol][1]}f}"


def quantity_text(quantity: float) -> str:
    return f"{quantity:.8f}"
