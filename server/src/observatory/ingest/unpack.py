"""From what came over HTTP to one unpacked body, never holding more than its limits allow."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator

from observatory.errors import BodyTooLarge, MalformedBody, UnsupportedBody
from observatory.ingest.budget import Lease

_CHUNK_BYTES = 1 << 20
_GZIP = 31  # window bits of a gzip stream


async def read(chunks: AsyncIterator[bytes], most_bytes: int, lease: Lease) -> bytes:
    """The packed body.

    Raises:
        BodyTooLarge: as soon as it is over `most_bytes`.
        Overloaded: if the budget has no room for it.
    """
    parts: list[bytes] = []
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > most_bytes:
            raise BodyTooLarge(f"the body is larger than {most_bytes} bytes")
        lease.grow(len(chunk))
        parts.append(chunk)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def unpack(body: bytes, encoding: str, most_bytes: int, lease: Lease) -> bytes:
    """The unpacked body; the lease then holds its size.

    Raises:
        UnsupportedBody: if the encoding is neither gzip nor identity.
        MalformedBody: if it is no whole gzip stream.
        BodyTooLarge: as soon as it unpacks to more than `most_bytes`.
        Overloaded: if the budget has no room for it.
    """
    if encoding in ("", "identity"):
        return body
    if encoding != "gzip":
        raise UnsupportedBody(f"content encoding {encoding!r}: gzip and identity are read")
    try:
        unpacked = b"".join(_inflate(body, most_bytes, lease))
    except zlib.error as error:
        raise MalformedBody(f"not a gzip stream: {error}") from None
    lease.shrink(len(body))
    return unpacked


def _inflate(body: bytes, most_bytes: int, lease: Lease) -> list[bytes]:
    parts: list[bytes] = []
    size = 0
    rest = body
    # A gzip file may hold several streams, one after another.
    while rest:
        stream = zlib.decompressobj(_GZIP)
        while not stream.eof:
            part = stream.decompress(rest, _CHUNK_BYTES)
            rest = stream.unconsumed_tail
            if not part and not rest and not stream.eof:
                raise MalformedBody("the gzip stream is cut off")
            size += len(part)
            if size > most_bytes:
                raise BodyTooLarge(f"the body unpacks to more than {most_bytes} bytes")
            lease.grow(len(part))
            parts.append(part)
        rest = stream.unused_data
    return parts
