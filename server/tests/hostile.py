"""Bodies that no exporter sends: each is refused, and harms nobody but its sender."""

from __future__ import annotations

import gzip
from collections.abc import Mapping

import bodies


def varint(value: int) -> bytes:
    """A number as protobuf writes it."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def message(number: int, payload: bytes) -> bytes:
    """A length-delimited field."""
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def deep_wrong_type() -> bytes:
    """A request, whole on the outside, in which the trace id of a span is a number."""
    span = varint(1 << 3) + varint(7) + message(5, b"pay")
    return message(1, message(2, message(2, span)))


def deep_claim(size: int) -> bytes:
    """A request, whole on the outside, in which the name of a span claims to be so long."""
    span = varint(5 << 3 | 2) + varint(size) + b"pay"
    return message(1, message(2, message(2, span)))


def malformed(environment: str) -> Mapping[str, bytes]:
    """Bodies that are no request of traces, by what is wrong with them."""
    good = bodies.traces(environment, 3).data
    return {
        "cut off": good[:-1],
        "cut off in a length": good + b"\x0a\xff",
        "over-long last field": good + b"\x0a\x7fabc",
        "more top-level fields than a request can need": b"\x0a\x00" * 70_000,
        "a trailing zero byte": good + b"\x00",
        "another protocol": b"GET / HTTP/1.1\r\n\r\n",
        "garbage": bytes(range(255, 0, -1)),
        "a known field of another type": b"\x08\x07",
        "a wrong type deep inside": deep_wrong_type(),
        "cut off deep inside": message(1, message(2, b"\x12\x7fabc")),
        "a length deep inside that reaches into the next body": deep_claim(100),
        "a length deep inside of 18 GiB": deep_claim(18 << 30),
        "a length deep inside of 64 TiB": deep_claim(1 << 46),
        "a length deep inside beyond any memory": deep_claim(1 << 62),
        "gzip that says it is none": gzip.compress(good),
    }


def unknown_fields(body: bytes) -> bytes:
    """The same request from a later OTLP: fields that no schema of today has."""
    return body + message(99, b"later") + varint(100 << 3) + varint(5) + varint(101 << 3 | 1) + bytes(8)


def bomb(size: int) -> bytes:
    """Few bytes that unpack to many."""
    return gzip.compress(bytes(size))
