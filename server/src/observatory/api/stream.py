"""The live stream: changes of alerts and of health, as server-sent events or over a WebSocket."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Query, Request, WebSocket
from fastapi.responses import StreamingResponse
from starlette.websockets import WebSocketDisconnect, WebSocketState

from observatory.api.access import COOKIE, require
from observatory.api.origin import expect_ours
from observatory.auth import READ, Tokens
from observatory.errors import AccessError, Overloaded, StateError
from observatory.stream import TOPICS, Event, Feed

router = APIRouter(prefix="/api/v1/monitoring/stream", tags=["stream"])

Topic = Literal["alerts", "health"]
Topics = Annotated[list[Topic] | None, Query(description="Which; all without it.")]
Environment = Annotated[str, Query(max_length=128, description="Empty: of all environments.")]
After = Annotated[int | None, Query(ge=0, le=2**63 - 1, description="Go on after this change of an alert.")]
_RETRY_MS = 2_000
_EXAMPLE = 'id: 12\nevent: alerts\ndata: {"id":12,"before":"inactive","after":"firing"}\n\n'
_FORBIDDEN, _BUSY = 4_403, 1_013


class Events(StreamingResponse):
    """Server-sent events."""

    media_type = "text/event-stream"


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
    topics: Topics = None,
    environment: Environment = "",
    after: After = None,
    last_event_id: Annotated[str | None, Header(max_length=20, pattern="^[0-9]{1,18}$")] = None,
) -> Events:
    """What changes, as it changes. `id` numbers changes of alerts: a browser that comes back sends the last it has."""
    cursor = after if last_event_id is None else int(last_event_id)
    feed: Feed = request.app.state.feed
    feed.expect_room()
    events = _texts(feed, topics or TOPICS, environment, cursor)
    return Events(events, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})


async def _texts(feed: Feed, topics: Sequence[str], environment: str, cursor: int | None) -> AsyncIterator[str]:
    yield f"retry: {_RETRY_MS}\n\n"
    # The answer has begun: all that can be done for a failure is to end it, and the listener comes back.
    with contextlib.suppress(StateError, Overloaded):
        async with contextlib.aclosing(feed.listen(topics, environment, cursor)) as events:
            async for event in events:
                yield _text(event)


def _text(event: Event) -> str:
    if not event.topic:
        return ": still here\n\n"
    number = "" if event.number is None else f"id: {event.number}\n"
    # JSON holds no line breaks of its own, so one line of data is enough.
    return f"{number}event: {event.topic}\ndata: {json.dumps(event.told, ensure_ascii=False)}\n\n"


@router.websocket("")
async def converse(
    socket: WebSocket, topics: Topics = None, environment: str = "", after: Annotated[int | None, Query(ge=0)] = None
) -> None:
    """The same over a WebSocket: one JSON object for each event, with `topic`, `id` and `data`."""
    try:
        _admit(socket)
    except AccessError as error:
        await socket.close(_FORBIDDEN, str(error))
        return
    await socket.accept()
    feed: Feed = socket.app.state.feed
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        try:
            async with contextlib.aclosing(feed.listen(topics or TOPICS, environment[:128], after)) as events:
                async for event in events:
                    await socket.send_json(_json(event))
        except (StateError, Overloaded) as error:
            await socket.close(_BUSY, str(error) if isinstance(error, Overloaded) else "the control store failed")
        if socket.application_state is WebSocketState.CONNECTED:
            await socket.close(1_001, "the server stops")


def _json(event: Event) -> dict[str, Any]:
    return {"topic": event.topic or "alive", "id": event.number, "data": event.told}


def _admit(socket: WebSocket) -> None:
    """A token in the header, or a session's cookie with a page of our own: browsers send cookies from any page.

    Raises:
        AccessError: neither.
    """
    tokens: Tokens = socket.app.state.tokens
    header = socket.headers.get("authorization")
    if header is not None:
        scheme, _, text = header.partition(" ")
        tokens.check(text if scheme.lower() == "bearer" else None, READ)
        return
    tokens.sessions.check(socket.cookies.get(COOKIE), READ)
    expect_ours(socket)
