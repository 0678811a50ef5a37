"""OTLP/JSON to OTLP/protobuf, so that the store has one way in.

It is proto3's JSON with one exception: the ids of traces and spans are hex and not base64.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from typing import Any

from google.protobuf import json_format

from observatory.errors import MalformedBody
from observatory.otlp.messages import REQUESTS
from observatory.otlp.signals import Signal

_HEX = re.compile(r"(?:[0-9a-fA-F]{2})*")
_IDS = {"traceId", "spanId", "parentSpanId"}
_SPANS = ("resourceSpans", "scopeSpans", "spans")
_POINTS = ("resourceMetrics", "scopeMetrics", "metrics")
_KINDS = ("gauge", "sum", "histogram", "exponentialHistogram")
# Where the messages with ids are, as names from the root.
_PLACES: dict[Signal, tuple[tuple[str, ...], ...]] = {
    Signal.TRACES: (_SPANS, (*_SPANS, "links")),
    Signal.LOGS: (("resourceLogs", "scopeLogs", "logRecords"),),
    Signal.METRICS: tuple((*_POINTS, kind, "dataPoints", "exemplars") for kind in _KINDS),
}
_REASON_CHARACTERS = 200


def to_protobuf(signal: Signal, body: bytes) -> bytes:
    """The protobuf bytes of a JSON request.

    Enumerations may be numbers or names, 64-bit integers numbers or text; unknown fields are ignored.

    Raises:
        MalformedBody: if `body` is no UTF-8, no JSON, nested too deep, or not a request of `signal`.
    """
    request = REQUESTS[signal]()
    try:
        tree = json.loads(body.decode("utf-8"))
        if not isinstance(tree, dict):
            raise MalformedBody("a request is a JSON object")
        for place in _PLACES[signal]:
            for each in _descend(tree, place):
                _recode_ids(each)
        json_format.ParseDict(tree, request, ignore_unknown_fields=True)
        return request.SerializeToString()
    except RecursionError:
        raise MalformedBody("nested too deep") from None
    # json_format lets a few plain errors through, where a value has a shape it did not expect.
    except (json_format.ParseError, ValueError, TypeError, AttributeError, LookupError, ArithmeticError) as error:
        raise MalformedBody(_reason(error)) from error


def _descend(node: object, place: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    # What has another shape is left alone: the parser says what is wrong with it.
    if isinstance(node, list):
        for each in node:
            yield from _descend(each, place)
    elif isinstance(node, dict):
        if not place:
            yield node
        else:
            for name in _spellings(place[0]):
                yield from _descend(node.get(name), place[1:])


def _recode_ids(node: dict[str, Any]) -> None:
    for camel in _IDS:
        for name in _spellings(camel):
            text = node.get(name)
            if text is None:
                continue
            if not isinstance(text, str) or not _HEX.fullmatch(text):
                raise MalformedBody(f"{camel} is not hex: {str(text)[:40]!r}")
            node[name] = base64.b64encode(bytes.fromhex(text)).decode("ascii")


def _spellings(camel: str) -> tuple[str, ...]:
    # proto3's JSON parsers accept the schema's own spelling as well.
    snake = re.sub(r"[A-Z]", lambda capital: f"_{capital.group().lower()}", camel)
    return (camel,) if snake == camel else (camel, snake)


def _reason(error: Exception) -> str:
    # A lone surrogate may stand in JSON, but in no reply.
    said = str(error).encode("utf-8", "backslashreplace").decode("utf-8")
    text = " ".join(said.split()) or type(error).__name__
    return text if len(text) <= _REASON_CHARACTERS else f"{text[:_REASON_CHARACTERS]}…"
