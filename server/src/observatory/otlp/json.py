"""OTLP/JSON to OTLP/protobuf, so that the store has one way in.

It is proto3's JSON with one exception: the ids of traces and spans are hex and not base64. The parser of protobuf is
lenient where leniency loses telemetry without a word (text where a message stands is read as an empty message), so
shapes are checked first.
"""

from __future__ import annotations

import base64
import json
import re
from functools import cache
from typing import Any, cast

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from observatory.errors import MalformedBody
from observatory.otlp.messages import REQUESTS
from observatory.otlp.signals import Signal

_IDS = {"trace_id", "span_id", "parent_span_id"}
_HEX = re.compile(r"(?:[0-9a-fA-F]{2})*")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]*={0,2}")
_SHOWN = 40
_REASON = 200
# An attribute takes 18 bytes or more for each of its objects, so the largest body that says something has fewer.
_MOST_NODES = 4_000_000


def to_protobuf(signal: Signal, body: bytes) -> bytes:
    """The protobuf bytes of a JSON request.

    Enumerations may be numbers or names, 64-bit integers numbers or text; unknown fields are ignored.

    Raises:
        MalformedBody: if `body` is no UTF-8, no JSON, nested too deep, of too many values, or not of `signal`.
    """
    if body.count(b"{") + body.count(b"[") > _MOST_NODES:
        raise MalformedBody(f"more than {_MOST_NODES} objects and lists")
    request = REQUESTS[signal]()
    try:
        tree = json.loads(body.decode("utf-8"))
        _prepare(tree, cast(Descriptor, request.DESCRIPTOR))
        json_format.ParseDict(tree, request, ignore_unknown_fields=True)
        return request.SerializeToString()
    except RecursionError:
        raise MalformedBody("nested too deep") from None
    # json_format lets a few plain errors through, where a value has a shape it did not expect.
    except (json_format.ParseError, ValueError, TypeError, AttributeError, LookupError, ArithmeticError) as error:
        raise MalformedBody(_reason(error)) from error


def _prepare(node: Any, message: Descriptor) -> None:
    if not isinstance(node, dict):
        raise MalformedBody(f"an object is needed for {message.name}, not {_shown(node)}")
    fields = _fields(message)
    seen: set[int] = set()
    for name, value in node.items():
        field = fields.get(name)
        if field is None or value is None:
            continue
        if field.number in seen:
            raise MalformedBody(f"{name} stands twice in {message.name}")
        seen.add(field.number)
        if field.message_type is None:
            node[name] = _scalar(field, value)
        else:
            _descend(field, value)


def _descend(field: FieldDescriptor, value: Any) -> None:
    message = cast(Descriptor, field.message_type)
    if not field.is_repeated:
        each = [value]
    elif isinstance(value, list):
        each = value
    else:
        raise MalformedBody(f"a list is needed for {field.json_name}, not {_shown(value)}")
    for one in each:
        _prepare(one, message)


def _scalar(field: FieldDescriptor, value: Any) -> Any:
    if field.type == FieldDescriptor.TYPE_ENUM and isinstance(value, float) and not value.is_integer():
        raise MalformedBody(f"{field.json_name} is no whole number: {_shown(value)}")
    if field.type != FieldDescriptor.TYPE_BYTES:
        return value
    if field.name not in _IDS:
        if not isinstance(value, str) or not _BASE64.fullmatch(value):
            raise MalformedBody(f"{field.json_name} is not base64: {_shown(value)}")
        return value
    if not isinstance(value, str) or not _HEX.fullmatch(value):
        raise MalformedBody(f"{field.json_name} is not hex: {_shown(value)}")
    return base64.b64encode(bytes.fromhex(value)).decode("ascii")


@cache
def _fields(message: Descriptor) -> dict[str, FieldDescriptor]:
    # Parsers of proto3's JSON accept the schema's own spelling as well.
    return {name: field for field in message.fields for name in (field.name, field.json_name)}


def _shown(value: object) -> str:
    return ascii(value)[:_SHOWN]


def _reason(error: Exception) -> str:
    # A lone surrogate may stand in JSON, but in no reply.
    said = str(error).encode("utf-8", "backslashreplace").decode("utf-8")
    text = " ".join(said.split()) or type(error).__name__
    return text if len(text) <= _REASON else f"{text[:_REASON]}…"
