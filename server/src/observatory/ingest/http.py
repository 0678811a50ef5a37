"""OTLP/HTTP: protobuf and JSON, gzip and identity, on the main port and on 4318."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from observatory.auth import Tokens
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
from observatory.otlp.signals import Signal

# google.rpc.Code
_INVALID_ARGUMENT, _PERMISSION_DENIED, _RESOURCE_EXHAUSTED, _UNAVAILABLE, _UNAUTHENTICATED = 3, 7, 8, 14, 16
_UNPACK_ELSEWHERE_BYTES = 64 << 10
_STATUS: dict[type[BodyError], int] = {MalformedBody: 400, BodyTooLarge: 413, UnsupportedBody: 415}


@dataclass(frozen=True, slots=True)
class _Form:
    """What the sender says of its body."""

    as_json: bool
    encoding: str

    @property
    def media_type(self) -> str:
        return replies.content_type(self.as_json)


def routes(door: Door, tokens: Tokens, most_bytes: int) -> list[Route]:
    """The three routes `/v1/{traces,logs,metrics}`.

    Args:
        door: where bodies go.
        tokens: who may send (scope `ingest`).
        most_bytes: largest body, packed or unpacked.
    """
    return [
        Route(signal.path, _endpoint(signal, door, tokens, most_bytes), methods=["POST"], name=f"otlp_{signal}")
        for signal in Signal
    ]


def _endpoint(signal: Signal, door: Door, tokens: Tokens, most_bytes: int) -> Callable[[Request], object]:
    async def export(request: Request) -> Response:
        form = _Form(False, "")
        try:
            tokens.check(_bearer(request), "ingest")
            form = _form(request, most_bytes)
            receipt = await _take(request, signal, form, door, most_bytes)
        except AccessError as error:
            return _denied(error, form)
        except (BodyError, Overloaded) as error:
            door.refuse(signal, error)
            return _refused(error, form)
        except ClientDisconnect:
            return Response(status_code=400)
        body = replies.success(signal, receipt.rejected, receipt.reason, form.as_json)
        return Response(body, media_type=form.media_type)

    return export


async def _take(request: Request, signal: Signal, form: _Form, door: Door, most_bytes: int) -> Receipt:
    lease = Lease(door.budget, signal)
    try:
        packed = await unpack.read(request.stream(), most_bytes, lease)
        data = await _opened(packed, signal, form, most_bytes, lease)
        return await door.offer(signal, data, lease, "http_json" if form.as_json else "http_protobuf")
    finally:
        lease.end_of_request()


async def _opened(packed: bytes, signal: Signal, form: _Form, most_bytes: int, lease: Lease) -> bytes:
    """Unpacked, and as protobuf. Work that takes long is done off the event loop."""

    def work() -> bytes:
        data = unpack.unpack(packed, form.encoding, most_bytes, lease)
        return json.to_protobuf(signal, data) if form.as_json else data

    if form.as_json or (form.encoding and len(packed) > _UNPACK_ELSEWHERE_BYTES):
        return await asyncio.to_thread(work)
    return work()


def _form(request: Request, most_bytes: int) -> _Form:
    encoding = request.headers.get("content-encoding", "").strip().lower()
    media_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if media_type not in (replies.PROTOBUF, replies.JSON):
        raise UnsupportedBody(f"content type {media_type!r}: {replies.PROTOBUF} and {replies.JSON} are read")
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > most_bytes:
        raise BodyTooLarge(f"the body is larger than {most_bytes} bytes")
    return _Form(media_type == replies.JSON, "" if encoding == "identity" else encoding)


def _bearer(request: Request) -> str | None:
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else None


def _denied(error: AccessError, form: _Form) -> Response:
    if isinstance(error, Forbidden):
        return _answer(403, _PERMISSION_DENIED, error, form)
    return _answer(401, _UNAUTHENTICATED, error, form, {"WWW-Authenticate": "Bearer"})


def _refused(error: BodyError | Overloaded, form: _Form) -> Response:
    if isinstance(error, Overloaded):
        return _answer(503, _UNAVAILABLE, error, form, {"Retry-After": str(error.retry_after_s)})
    return _answer(_STATUS[type(error)], _INVALID_ARGUMENT, error, form)


def _answer(status: int, code: int, error: Exception, form: _Form, headers: dict[str, str] | None = None) -> Response:
    body = replies.status(code, str(error), form.as_json)
    return Response(body, status_code=status, media_type=form.media_type, headers=headers)
