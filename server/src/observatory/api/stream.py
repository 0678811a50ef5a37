"""The live stream: alerts, health, log records and traces, as server-sent events or over a WebSocket."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Query, Request, WebSocket
from fastapi.responses import StreamingResponse
from starlette.requests import HTTPConnection
from starlette.types import Message, Send
from starlette.websockets import WebSocketDisconnect, WebSocketState

from observatory.api.access import COOKIE, require
from observatory.api.origin import expect_ours
from observatory.api.tail_filters import Tailed, tailed
from observatory.auth import READ, Tokens
from observatory.errors import AccessError, Overloaded, StateError, StoreError
from observatory.stream import TOPICS, Event, Feed, merged

router = APIRouter(prefix="/api/v1/monitoring/stream", tags=["stream"])

Topic = Literal["alerts", "health", "logs", "traces"]
Topics = Annotated[list[Topic] | None, Query(description="Which; alerts and health without it.")]
Tail = Annotated[Tailed, Depends(tailed)]
Environment = Annotated[str, Query(max_length=128, description="Empty: of all environments.")]
After = Annotated[int | None, Query(ge=0, le=2**63 - 1, description="Go on after this change of an alert.")]
_RETRY_MS = 2_000
_EXAMPLE = 'id: 12\nevent: alerts\ndata: {"id":12,"before":"inactive","after":"firing"}\n\n'
_FORBIDDEN, _BUSY = 4_403, 1_013
# Whoever takes nothing for so long is let go, and can come back: a listener keeps a place that another may want.
SEND_S = 20.0


class Events(StreamingResponse):
    """Server-sent events."""

    media_type = "text/event-stream"

    async def stream_response(self, send: Send) -> None:
        """Send what there is, as long as it is taken."""

        async def bounded(message: Message) -> None:
            async with asyncio.timeout(SEND_S):
                await send(message)

        try:
            await super().stream_response(bounded)
        except TimeoutError:
            # The answer has begun: all that can be done is to end it, and to give the listener's place back.
            if isinstance(self.body_iterator, AsyncGenerator):
                await self.body_iterator.aclose()


@router.get(
    "",
    response_class=Events,
    dependencies=[Depends(require(READ))],
    responses={
        200: {"content": {"text/event-stream": {"example": _EXAMPLE}}, "description": "Events, until one leaves."}
    },
)
async def listen(
    request: Request,
    tail: Tail,
    topics: Topics = None,
    environment: Environment = "",
    after: After = None,
    last_event_id: Annotated[str | None, Header(max_length=20, pattern="^[0-9]{1,18}$")] = None,
) -> Events:
    """What changes, as it changes. `id` numbers changes of alerts: a browser that comes back sends the last it has.

    Log records and traces that fit the filters are told within seconds of their arrival, at most 50 a second: an event
    `logs.dropped` or `traces.dropped` tells how many were left out. What senders wrote is to be read as data.
    """
    cursor = after if last_event_id is None else int(last_event_id)
    events = _texts(request, _events(request, topics or TOPICS, environment, cursor, tail))
    return Events(events, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})


def _events(
    asked: HTTPConnection, topics: Sequence[str], environment: str, after: int | None, tail: Tailed
) -> AsyncGenerator[Event, None]:
    """The events of all topics.

    Raises:
        TooMany: as many listen as are allowed to.
    """
    feed: Feed = asked.app.state.feed
    streams = []
    if ours := [topic for topic in topics if topic in TOPICS]:
        feed.expect_room()
        streams.append(feed.listen(ours, environment, after))
    for source in tail.sources(asked.app.state.store.reader, environment, topics):
        feed.tails.expect_room()
        streams.append(feed.tails.listen(source))
    return merged(streams) if len(streams) > 1 else streams[0]


async def _texts(asked: HTTPConnection, stream: AsyncGenerator[Event, None]) -> AsyncGenerator[str, None]:
    yield f"retry: {_RETRY_MS}\n\n"
    # The answer has begun: all that can be done for a failure is to end it, and the listener comes back.
    with contextlib.suppress(StateError, StoreError, Overloaded, AccessError):
        async with contextlib.aclosing(stream) as events:
            async for event in events:
                _know(asked)
                yield _text(event)


def _text(event: Event) -> str:
    if not event.topic:
        return ": still here\n\n"
    number = "" if event.number is None else f"id: {event.number}\n"
    # JSON holds no line breaks of its own, so one line of data is enough.
    return f"{number}event: {event.topic}\ndata: {json.dumps(event.told, ensure_ascii=False)}\n\n"


@router.websocket("")
async def converse(
    socket: WebSocket,
    tail: Tail,
    topics: Topics = None,
    environment: Environment = "",
    after: After = None,
) -> None:
    """The same over a WebSocket: one JSON object for each event, with `topic`, `id` and `data`."""
    try:
        _admit(socket)
    except AccessError as error:
        await socket.close(_FORBIDDEN, str(error))
        return
    await socket.accept()
    with contextlib.suppress(WebSocketDisconnect, RuntimeError, TimeoutError):
        try:
            stream = _events(socket, topics or TOPICS, environment, after, tail)
            async with contextlib.aclosing(stream) as events:
                async for event in events:
                    _know(socket)
                    async with asyncio.timeout(SEND_S):
                        await socket.send_json(_json(event))
        except AccessError as error:
            await socket.close(_FORBIDDEN, str(error))
        except (StateError, StoreError, Overloaded) as error:
            await socket.close(_BUSY, str(error) if isinstance(error, Overloaded) else "a store of the server failed")
        if socket.application_state is WebSocketState.CONNECTED:
            await socket.close(1_001, "the server stops")


def _json(event: Event) -> dict[str, Any]:
    return {"topic": event.topic or "alive", "id": event.number, "data": event.told}


def _admit(socket: WebSocket) -> None:
    """A token in the header, or a session's cookie with a page of our own: browsers send cookies from any page.

    Raises:
        AccessError: neither.
    """
    _know(socket)
    if "authorization" not in socket.headers:
        expect_ours(socket)


def _know(asked: HTTPConnection) -> None:
    """See that the token or session is in force still: what was revoked, or has expired, hears nothing more.

    Raises:
        AccessError: it is not.
    """
    tokens: Tokens = asked.app.state.tokens
    header = asked.headers.get("authorization")
    if header is None:
        tokens.sessions.check(asked.cookies.get(COOKIE), READ)
        return
    scheme, _, text = header.partition(" ")
    tokens.check(text if scheme.lower() == "bearer" else None, READ)
