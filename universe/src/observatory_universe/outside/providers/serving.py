"""What the providers' servers have in common: how requests are read, answers streamed and servers closed."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from observatory_universe.clock import Clock
from observatory_universe.outside.language import Answer

_CLOSED_WITHIN_S: Final = 1.0

Body = Mapping[str, Any]
# Turns the next piece of a text into the events that carry it; called with None after the last one.
Framer = Callable[[str | None], bytes]


class Malformed(Exception):
    """A request that a provider does not understand; the message says why."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens."""

    host: str
    port: int
    path: str = ""

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}{self.path}"


@asynccontextmanager
async def serve(routes: list[web.RouteDef]) -> AsyncIterator[Address]:
    """A server on a free loopback port. A client that goes away ends the work on its request."""
    app = web.Application()
    app.add_routes(routes)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=_CLOSED_WITHIN_S)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        yield Address(host, port)
    finally:
        await runner.cleanup()


async def read(request: web.Request) -> Body:
    """The request's JSON object.

    Raises:
        Malformed: it is none.
    """
    try:
        found = json.loads(await request.read())
    except ValueError as error:
        raise Malformed("the body is not JSON") from error
    if not isinstance(found, dict):
        raise Malformed("the body is not a JSON object")
    return found


def text_of(content: object) -> str:
    """The text of a message's content, which is a text or a list of blocks.

    Raises:
        Malformed: it is something else.
    """
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise Malformed("content is neither a text nor a list")
    return "".join(str(block.get("text", "")) for block in content if isinstance(block, dict))


def whole(value: object, name: str) -> int:
    """A count of at least 1.

    Raises:
        Malformed: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise Malformed(f"{name} is not a whole number above 0")
    return value


def section(body: Body, name: str) -> Body:
    """An object inside the body; an empty one where there is none.

    Raises:
        Malformed: it is something else.
    """
    found = body.get(name) or {}
    if not isinstance(found, dict):
        raise Malformed(f"{name} is not an object")
    return found


def objects(body: Body, name: str) -> list[Body]:
    """A list of objects inside the body, with at least one in it.

    Raises:
        Malformed: it is something else.
    """
    found = body.get(name)
    if not isinstance(found, list) or not found or not all(isinstance(item, dict) for item in found):
        raise Malformed(f"{name} is not a list of objects")
    return found


async def stream(
    request: web.Request, answer: Answer, clock: Clock, headers: Mapping[str, str], framer: Framer
) -> web.StreamResponse:
    """Sends the answer as server-sent events, each piece when it is written."""
    response = web.StreamResponse(headers={**headers, "Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
    for wait_s, piece in answer.pieces():
        await clock.sleep(wait_s)
        if not response.prepared:
            await response.prepare(request)
        await response.write(framer(piece or None))
    await response.write_eof()
    return response


def event(data: object, name: str | None = None) -> bytes:
    """One server-sent event."""
    line = f"data: {json.dumps(data, separators=(',', ':'))}\n\n"
    return (line if name is None else f"event: {name}\n{line}").encode()
