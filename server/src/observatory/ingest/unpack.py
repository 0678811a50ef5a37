"""From what came over HTTP to one unpacked body, never holding more than its limits allow."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Iterator

from observatory.errors import BodyTooLarge, MalformedBody
from observatory.ingest.budget import Lease

_CHUNK_BYTES = 1 << 20
_FEED_BYTES = 64 << 10
_MOST_STREAMS = 1_000
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


def gunzip(body: bytes, most_bytes: int, lease: Lease) -> bytes:
    """The unpacked body; the lease then holds its size.

    Raises:
        MalformedBody: if it is no whole gzip stream.
        BodyTooLarge: as soon as it unpacks to more than `most_bytes`.
        Overloaded: if the budget has no room for it.
    """
    try:
        unpacked = b"".join(_inflate(body, most_bytes, lease))
    except zlib.error as error:
        raise MalformedBody(f"not a gzip stream: {error}") from None
    lease.shrink(len(body))
    return unpacked


def _inflate(body: bytes, most_bytes: int, lease: Lease) -> list[bytes]:
    parts: list[bytes] = []
    size = 0
    for part in _parts(memoryview(body)):
        size += len(part)
        if size > most_bytes:
            raise BodyTooLarge(f"the body unpacks to more than {most_bytes} bytes")
        lease.grow(len(part))
        parts.append(part)
    return parts


def _parts(body: memoryview) -> Iterator[bytes]:
    # A gzip file may hold several streams, one after another. What follows a stream, or what it did not take, is
    # copied each time: so it is fed little at once, and nobody is followed through a million empty streams.
    at, streams = 0, 0
    while at < len(body) or not streams:
        streams += 1
        if streams > _MOST_STREAMS:
            raise MalformedBody(f"more than {_MOST_STREAMS} gzip streams in one body")
        stream = zlib.decompressobj(_GZIP)
        while not stream.eof:
            feed = body[at : at + _FEED_BYTES]
            part = stream.decompress(feed, _CHUNK_BYTES)
            at += len(feed) - len(stream.unused_data if stream.eof else stream.unconsumed_tail)
            if not part and not feed and not stream.eof:
                raise MalformedBody("the gzip stream is cut off")
            yield part
