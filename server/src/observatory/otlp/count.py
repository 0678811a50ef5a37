"""Counting, in one body, what the store's views reject for its time. Used only after a batch reported rejections.

The store reads no more of a body than its own schema, so neither does this: only the times are declared, and a body
that the store could read never fails here for its strings or its depth.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError, Message

from observatory.errors import MalformedBody
from observatory.otlp.signals import Signal

_PACKAGE = "observatory.otlp.times"
_KINDS = {"gauge": 5, "sum": 7, "histogram": 9, "exponential_histogram": 10, "summary": 11}
# Message: {field: number} of times; and {field: (number, message, repeated)} of what holds them.
_TIMES: Mapping[str, Mapping[str, int]] = {
    "Span": {"start": 7, "end": 8},
    "Record": {"event": 1, "observed": 11},
    "Point": {"time": 3},
}
_NESTED: Mapping[str, Mapping[str, tuple[int, str, bool]]] = {
    "Traces": {"resources": (1, "ResourceSpans", True)},
    "ResourceSpans": {"scopes": (2, "ScopeSpans", True)},
    "ScopeSpans": {"spans": (2, "Span", True)},
    "Logs": {"resources": (1, "ResourceLogs", True)},
    "ResourceLogs": {"scopes": (2, "ScopeLogs", True)},
    "ScopeLogs": {"records": (2, "Record", True)},
    "Metrics": {"resources": (1, "ResourceMetrics", True)},
    "ResourceMetrics": {"scopes": (2, "ScopeMetrics", True)},
    "ScopeMetrics": {"metrics": (2, "Metric", True)},
    "Metric": {kind: (number, "Kind", False) for kind, number in _KINDS.items()},
    "Kind": {"points": (1, "Point", True)},
}


def absurd(signal: Signal, body: bytes, since_ns: int, until_ns: int) -> int:
    """How many spans, records or points of `body` happened before `since_ns` or after `until_ns`.

    Raises:
        MalformedBody: if the bytes are no message of the signal.
    """
    request = _ROOTS[signal]()
    try:
        request.ParseFromString(body)
    except DecodeError as error:
        raise MalformedBody(f"not a request of {signal}") from error
    return sum(first < since_ns or max(first, last) > until_ns for first, last in _SPANS_OF_TIME[signal](request))


def _spans(request: Any) -> Iterator[tuple[int, int]]:
    for span in (span for resource in request.resources for scope in resource.scopes for span in scope.spans):
        yield span.start, span.end


def _records(request: Any) -> Iterator[tuple[int, int]]:
    for record in (each for resource in request.resources for scope in resource.scopes for each in scope.records):
        moment = record.event or record.observed
        if moment:  # one without any time takes the time of its arrival
            yield moment, moment


def _points(request: Any) -> Iterator[tuple[int, int]]:
    for metric in (each for resource in request.resources for scope in resource.scopes for each in scope.metrics):
        for kind in _KINDS:
            for point in getattr(metric, kind).points:
                yield point.time, point.time


def _field(name: str, number: int, repeated: bool, message: str = "") -> descriptor_pb2.FieldDescriptorProto:
    kinds = descriptor_pb2.FieldDescriptorProto
    return kinds(
        name=name,
        number=number,
        label=kinds.LABEL_REPEATED if repeated else kinds.LABEL_OPTIONAL,
        type=kinds.TYPE_MESSAGE if message else kinds.TYPE_FIXED64,
        type_name=f".{_PACKAGE}.{message}" if message else None,
    )


def _fields(message: str) -> Iterable[descriptor_pb2.FieldDescriptorProto]:
    for name, number in _TIMES.get(message, {}).items():
        yield _field(name, number, repeated=False)
    for name, (number, inner, repeated) in _NESTED.get(message, {}).items():
        yield _field(name, number, repeated, inner)


def _roots() -> dict[Signal, type[Message]]:
    file = descriptor_pb2.FileDescriptorProto(name="observatory/times.proto", package=_PACKAGE, syntax="proto3")
    for message in (*_TIMES, *_NESTED):
        file.message_type.add(name=message, field=_fields(message))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        signal: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{signal.message}"))
        for signal in Signal
    }


_ROOTS = _roots()
_SPANS_OF_TIME = {Signal.TRACES: _spans, Signal.LOGS: _records, Signal.METRICS: _points}
