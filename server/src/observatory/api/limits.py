"""The largest body that the API reads. The OTLP routes have limits of their own."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BYTES = 1 << 20
_OTLP = "/v1/"


class BodyLimit:
    """Middleware that stops reading a body at `MOST_BYTES`, before anybody is asked for a token."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with a `receive` that counts."""
        if scope["type"] != "http" or scope["path"].startswith(_OTLP):
            await self._app(scope, receive, send)
            return
        promised = Headers(scope=scope).get("content-length", "")
        count = int(promised) if promised.isdecimal() else 0

        async def receive_counted() -> Message:
            nonlocal count
            _expect_room(count)
            message = await receive()
            if not promised:
                count += len(message.get("body", b""))
                _expect_room(count)
            return message

        await self._app(scope, receive_counted, send)


def _expect_room(count: int) -> None:
    # An HTTPException, because FastAPI turns every other error of reading a body into a 400.
    if count > MOST_BYTES:
        raise HTTPException(413, f"the body is larger than {MOST_BYTES} bytes")
