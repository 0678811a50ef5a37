"""Spans and log records as OTLP bytes, several times faster than by OpenTelemetry's encoders.

Those build a message object for each attribute; here the usual attributes are written as bytes at once, and names and
short texts, which repeat all the time, are written once. What is unusual (links, bytes, nested values, dropped
attributes) goes through OpenTelemetry's encoders: requests may be joined end to end, which protobuf reads as one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from struct import Struct
from typing import Any, Protocol, TypeVar

from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.trace import Event, ReadableSpan

_SHORT = 64
_DOUBLE = Struct("<d")
_TIME = Struct("<Q")
_TIMES = Struct("<cQcQ")
_FLAGS = Struct("<I")
_LOCAL_PARENT, _REMOTE_PARENT = _FLAGS.pack(0x100), _FLAGS.pack(0x300)


class _Sent(Protocol):
    """What a span and a log record have in common: who sent it."""

    @property
    def resource(self) -> Any: ...

    @property
    def instrumentation_scope(self) -> Any: ...


Item = TypeVar("Item", bound=_Sent)


class _UnusualError(Exception):
    """Something that is left to OpenTelemetry's encoders."""


def spans_request(spans: Sequence[ReadableSpan]) -> bytes:
    """An `ExportTraceServiceRequest` of the spans."""
    return _request(spans, _span, lambda rest: encode_spans(rest).SerializeToString())


def logs_request(records: Sequence[ReadableLogRecord]) -> bytes:
    """An `ExportLogsServiceRequest` of the log records."""
    return _request(records, _record, lambda rest: encode_logs(rest).SerializeToString())


def _request(items: Sequence[Item], encode: Callable[[Item], bytes], others: Callable[[list[Item]], bytes]) -> bytes:
    # By identity: there are few resources and scopes, and the hash of a resource writes all of it as JSON.
    groups: dict[tuple[int, int], tuple[Item, list[bytes]]] = {}
    unusual: list[Item] = []
    for item in items:
        try:
            encoded = encode(item)
        except (_UnusualError, UnicodeEncodeError):
            unusual.append(item)
            continue
        key = (id(item.resource), id(item.instrumentation_scope))
        group = groups.get(key)
        if group is None:
            group = groups[key] = (item, [])
        group[1].append(encoded)
    parts = [_group(others([first]), encoded) for first, encoded in groups.values()]
    return b"".join([*parts, others(unusual) if unusual else b""])


def _group(alone: bytes, encoded: list[bytes]) -> bytes:
    """The request of one item with the items of its group in its place.

    Resource, scope and addresses of schemas are what OpenTelemetry's encoders make of them.
    """
    outer = _field(alone, 1)
    inner = _field(outer, 2)
    body = _without(inner, 2) + b"".join([b"\x12" + _sized(item) for item in encoded])
    return b"\x0a" + _sized(_without(outer, 2) + b"\x12" + _sized(body))


def _fields(message: bytes) -> Iterable[tuple[int, bytes, bytes]]:
    """Number, content and whole of each field of a message that holds nothing but texts and messages."""
    at = 0
    while at < len(message):
        begin, tag = at, message[at]
        at += 1
        size = shift = 0
        while True:
            byte = message[at]
            at += 1
            size |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        yield tag >> 3, message[at : at + size], message[begin : at + size]
        at += size


def _field(message: bytes, number: int) -> bytes:
    return next(content for found, content, _ in _fields(message) if found == number)


def _without(message: bytes, number: int) -> bytes:
    return b"".join(whole for found, _, whole in _fields(message) if found != number)


def _span(span: ReadableSpan) -> bytes:
    context, parent, status = span.context, span.parent, span.status
    if context is None or context.trace_state or span.links or _dropped(span):
        raise _UnusualError
    parts = [b"\x0a\x10", context.trace_id.to_bytes(16), b"\x12\x08", context.span_id.to_bytes(8)]
    if parent is not None:
        parts += (b"\x22\x08", parent.span_id.to_bytes(8))
    parts += (b"\x2a", _text(span.name), _kind(span.kind.value))
    parts.append(_TIMES.pack(b"\x39", span.start_time or 0, b"\x41", span.end_time or 0))
    _attributes(parts, b"\x4a", span.attributes)
    for event in span.events:
        parts += (b"\x5a", _sized(_event(event)))
    message = b"\x12" + _text(status.description) if status.description else b""
    code = status.status_code.value
    parts += (b"\x7a", _sized(message + bytes((0x18, code)) if code else message))
    parts += (b"\x85\x01", _REMOTE_PARENT if parent is not None and parent.is_remote else _LOCAL_PARENT)
    return b"".join(parts)


def _dropped(span: ReadableSpan) -> int:
    return span.dropped_attributes or span.dropped_events or span.dropped_links


def _event(event: Event) -> bytes:
    if event.dropped_attributes:
        raise _UnusualError
    parts = [b"\x09", _TIME.pack(event.timestamp), b"\x12", _text(event.name)]
    _attributes(parts, b"\x1a", event.attributes)
    return b"".join(parts)


def _record(found: ReadableLogRecord) -> bytes:
    record = found.log_record
    if found.dropped_attributes or (record.body is not None and type(record.body) is not str):
        raise _UnusualError
    parts = [_TIMES.pack(b"\x09", record.timestamp or 0, b"\x59", record.observed_timestamp or 0)]
    number = getattr(record.severity_number, "value", 0)
    if number:
        parts.append(bytes((0x10, number)))
    if record.severity_text:
        parts += (b"\x1a", _text(record.severity_text))
    parts += (b"\x2a", b"\x00" if record.body is None else _sized(b"\x0a" + _text(str(record.body))))
    _attributes(parts, b"\x32", record.attributes)
    if record.trace_flags:
        parts += (b"\x45", _FLAGS.pack(int(record.trace_flags)))
    if record.trace_id:
        parts += (b"\x4a\x10", record.trace_id.to_bytes(16))
    if record.span_id:
        parts += (b"\x52\x08", record.span_id.to_bytes(8))
    if record.event_name:
        parts += (b"\x62", _text(record.event_name))
    return b"".join(parts)


def _attributes(parts: list[bytes], tag: bytes, attributes: Mapping[str, Any] | None) -> None:
    """Add each attribute, as a field with this tag."""
    if not attributes:
        return
    for name, value in attributes.items():
        kind = type(value)
        if kind is str:
            parts += (tag, _short_pair(name, value) if len(value) <= _SHORT else _pair(name, b"\x0a" + _text(value)))
        elif kind is float:
            parts += (tag, _pair(name, b"\x21" + _DOUBLE.pack(value)))
        elif kind is int:
            parts += (tag, _pair(name, b"\x18" + _varint(_signed(value))))
        elif kind is bool:
            parts += (tag, _pair(name, b"\x10\x01" if value else b"\x10\x00"))
        else:
            parts += (tag, _pair(name, b"\x2a" + _sized(b"".join(_texts(value)))))


def _texts(values: Any) -> Iterable[bytes]:
    if type(values) is not tuple and type(values) is not list:
        raise _UnusualError
    for value in values:
        if type(value) is not str:
            raise _UnusualError
        yield b"\x0a" + _sized(b"\x0a" + _text(value))


def _signed(value: int) -> int:
    if not -(2**63) <= value < 2**63:
        raise _UnusualError
    return value & (2**64 - 1)


@lru_cache(maxsize=8192)
def _short_pair(name: str, value: str) -> bytes:
    return _pair(name, b"\x0a" + _sized(value.encode()))


def _pair(name: str, value: bytes) -> bytes:
    return _sized(b"\x0a" + _text(name) + b"\x12" + _sized(value))


def _text(text: str) -> bytes:
    return _short_text(text) if len(text) <= _SHORT else _sized(text.encode())


@lru_cache(maxsize=8192)
def _short_text(text: str) -> bytes:
    return _sized(text.encode())


@lru_cache(maxsize=8)
def _kind(kind: int) -> bytes:
    # On the wire 0 stands for a kind that is not known.
    return bytes((0x30, kind + 1))


_ONE_BYTE = tuple(bytes((number,)) for number in range(0x80))


def _sized(content: bytes) -> bytes:
    size = len(content)
    return (_ONE_BYTE[size] if size < 0x80 else _varint(size)) + content


def _varint(number: int) -> bytes:
    if number < 0x80:
        return _ONE_BYTE[number]
    found = bytearray()
    while number >= 0x80:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)
