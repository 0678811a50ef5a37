"""OTLP/HTTP: protobuf and JSON, gzip and identity, on the main port and on 4318."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from observatory.auth import INGEST, Tokens
from observatory.errors import (
    AccessError,
    BodyError,
    BodyTooLarge,
    Forbidden,
    MalformedBody,
    Overloaded,
    UnsupportedBody,
)
from observatory.ingest import unpack
from observatory.ingest.budget import Lease
from observatory.ingest.door import Door, Receipt
from observatory.otlp import json, replies
from observatory.otlp.replies import JSON, PROTOBUF
from observatory.otlp.signals import Signal

# google.rpc.Code
_INVALID_ARGUMENT, _PERMISSION_DENIED, _UNIMPLEMENTED, _UNAVAILABLE, _UNAUTHENTICATED = 3, 7, 12, 14, 16
_UNPACK_ELSEWHERE_BYTES = 4 << 10  # gzip grows a thousandfold at most
_STATUS: dict[type[BodyError], int] = {MalformedBody: 400, BodyTooLarge: 413, UnsupportedBody: 415}
_AS_JSON = {PROTOBUF: False, JSON: True}
_ENCODINGS = ("identity", "gzip")
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one sender may ask of the door.

    Attributes:
        body_bytes: largest body, packed or unpacked.
        read_s: longest time in which a body has to arrive: who stops in the middle does not hold its room for ever.
    """

    body_bytes: int = 64 << 20
    read_s: float = 30.0


@dataclass(frozen=True, slots=True)
class _Form:
    """What the sender says of its body."""

    media_type: str
    encoding: str
    length: int

    @property
    def as_json(self) -> bool:
        """Whether the reply is JSON; a body of an unknown type is answered in protobuf."""
        return _AS_JSON.get(self.media_type, False)

    def check(self, most_bytes: int) -> None:
        """Refuse, before a byte is read, what would be refused after."""
        if self.media_type not in _AS_JSON:
            raise UnsupportedBody(f"content type {self.media_type!r}: {PROTOBUF} and {JSON} are read")
        if self.encoding not in _ENCODINGS:
            raise UnsupportedBody(f"content encoding {self.encoding!r}: gzip and identity are read")
        if self.length > most_bytes:
            raise BodyTooLarge(f"the body is larger than {most_bytes} bytes")


def routes(door: Door, tokens: Tokens, bounds: Bounds) -> list[Route]:
    """The three routes `/v1/{traces,logs,metrics}`, and one that says that there is no fourth.

    Args:
        door: where bodies go.
        tokens: who may send (scope `ingest`).
        bounds: size and time of one body.
    """
    # One at a time: a tree of JSON takes many times its text in memory, and two do not parse faster than one.
    turn = asyncio.Semaphore(1)
    exports = [
        Route(signal.path, _endpoint(signal, door, tokens, bounds, turn), methods=_METHODS, name=f"otlp_{signal}")
        for signal in Signal
    ]
    return [*exports, Route("/v1/{rest:path}", _nothing_here, methods=_METHODS, name="otlp_nothing")]


def _endpoint(signal: Signal, door: Door, tokens: Tokens, bounds: Bounds, turn: asyncio.Semaphore) -> _Endpoint:
    async def export(request: Request) -> Response:
        form = _form(request)
        if request.method != "POST":
            return _answer(405, _UNIMPLEMENTED, "POST is needed", form, {"Allow": "POST"})
        try:
            tokens.check(_bearer(request), INGEST)
            form.check(bounds.body_bytes)
            receipt = await _take(request, signal, form, door, bounds, turn)
        except (AccessError, BodyError, Overloaded) as error:
            door.refuse(signal, error)
            return _refused(error, form)
        except ClientDisconnect:
            return Response(status_code=400)
        body = replies.success(signal, receipt.rejected, receipt.reason, form.as_json)
        return Response(body, media_type=replies.content_type(form.as_json))

    return export


async def _nothing_here(request: Request) -> Response:
    return _answer(404, _UNIMPLEMENTED, "traces, logs and metrics are taken here", _form(request))


async def _take(
    request: Request, signal: Signal, form: _Form, door: Door, bounds: Bounds, turn: asyncio.Semaphore
) -> Receipt:
    lease = Lease(door.budget, signal)
    try:
        data = await _unpacked(await _packed(request, bounds, lease), signal, form, bounds.body_bytes, lease, turn)
        return await door.offer(signal, data, lease, "http_json" if form.as_json else "http_protobuf")
    finally:
        lease.end_of_request()


async def _packed(request: Request, bounds: Bounds, lease: Lease) -> bytes:
    try:
        async with asyncio.timeout(bounds.read_s):
            return await unpack.read(request.stream(), bounds.body_bytes, lease)
    except TimeoutError:
        # 408 would be the plain word for it, but OTLP's senders give up their telemetry on it.
        raise Overloaded(f"the body did not arrive within {bounds.read_s:g} s", retry_after_s=5) from None


async def _unpacked(
    packed: bytes, signal: Signal, form: _Form, most_bytes: int, lease: Lease, turn: asyncio.Semaphore
) -> bytes:
    """Unpacked, and as protobuf. Work that takes long is done off the event loop."""
    data = packed
    if form.encoding == "gzip":
        if len(packed) > _UNPACK_ELSEWHERE_BYTES:
            data = await asyncio.to_thread(unpack.gunzip, packed, most_bytes, lease)
        else:
            data = unpack.gunzip(packed, most_bytes, lease)
    if not form.as_json:
        return data
    async with turn:
        return await asyncio.to_thread(json.to_protobuf, signal, data)


def _form(request: Request) -> _Form:
    media_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
    encoding = request.headers.get("content-encoding", "").strip().lower()
    length = request.headers.get("content-length", "")
    return _Form(media_type, encoding or "identity", int(length) if length.isdecimal() else 0)


def _bearer(request: Request) -> str | None:
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else None


def _refused(error: AccessError | BodyError | Overloaded, form: _Form) -> Response:
    if isinstance(error, Forbidden):
        return _answer(403, _PERMISSION_DENIED, str(error), form)
    if isinstance(error, AccessError):
        return _answer(401, _UNAUTHENTICATED, str(error), form, {"WWW-Authenticate": "Bearer"})
    if isinstance(error, Overloaded):
        return _answer(503, _UNAVAILABLE, str(error), form, {"Retry-After": str(error.retry_after_s)})
    return _answer(_STATUS[type(error)], _INVALID_ARGUMENT, str(error), form)


def _answer(status: int, code: int, why: str, form: _Form, headers: dict[str, str] | None = None) -> Response:
    body = replies.status(code, why, form.as_json)
    return Response(body, status_code=status, media_type=replies.content_type(form.as_json), headers=headers)
