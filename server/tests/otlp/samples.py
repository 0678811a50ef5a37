"""Random OTLP requests: every field missing at times, every limit of every type hit at times."""

from __future__ import annotations

import base64
import json
import random
from typing import Any

from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from observatory.otlp.messages import REQUESTS
from observatory.otlp.signals import Signal

_TEXTS = ("", "a", "chat gpt-4o", "naïve ☃ 🚀", 'quote " slash \\ tab \t nul \0', "<b>&'", "x" * 300)
_INTEGERS = (0, 1, -1, 7, 2**31, 2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63))
_FLOATS = (0.0, -0.0, 0.1, 1.0, -2.5, 1e21, 1e-7, 123456789.25, 5e-324, 1.7976931348623157e308)
_HOSTILE_FLOATS = (float("nan"), float("inf"), float("-inf"))
_KEYS = (
    "service.name",
    "service.instance.id",
    "deployment.environment.name",
    "deployment.environment",
    "observatory.service",
    "observatory.caller",
    "observatory.feature",
    "observatory.outcome",
    "user.id",
    "user.cohort",
    "gen_ai.request.model",
    "",
)
_DEEPEST = 4
_UNSIGNED = {
    FieldDescriptor.TYPE_UINT32: 32,
    FieldDescriptor.TYPE_FIXED32: 32,
    FieldDescriptor.TYPE_UINT64: 64,
    FieldDescriptor.TYPE_FIXED64: 64,
}
_SMALL = {FieldDescriptor.TYPE_INT32, FieldDescriptor.TYPE_SINT32, FieldDescriptor.TYPE_SFIXED32}
# Who happens to be drawn often enough decides how much a test proves: most fields are there most of the time.
_PRESENT = 0.8


class Sampler:
    """Draws requests of a signal.

    Args:
        chance: where every choice comes from.
        window: first and last of the times drawn, in nanoseconds.
        stray: times drawn now and then instead, in nanoseconds.
    """

    def __init__(self, chance: random.Random, window: tuple[int, int], stray: tuple[int, ...] = ()) -> None:
        self._chance = chance
        self._window = window
        self._stray = stray

    def request(self, signal: Signal, resources: int) -> Any:
        """A request with the given number of resources."""
        request = REQUESTS[signal]()
        (field,) = request.DESCRIPTOR.fields
        for _ in range(resources):
            self._fill(getattr(request, field.name).add(), 0)
        return request

    def _fill(self, message: Message, depth: int) -> None:
        for oneof in message.DESCRIPTOR.oneofs:
            if len(oneof.fields) > 1 and self._chance.random() < _PRESENT:
                self._set(message, self._chance.choice(oneof.fields), depth)
        for field in message.DESCRIPTOR.fields:
            alone = field.containing_oneof is None or len(field.containing_oneof.fields) == 1
            if alone and self._chance.random() < _PRESENT:
                self._set(message, field, depth)

    def _set(self, message: Message, field: FieldDescriptor, depth: int) -> None:
        value = getattr(message, field.name)
        if field.message_type is None:
            if field.is_repeated:
                value.extend(self._scalar(field) for _ in range(self._chance.randrange(4)))
            else:
                setattr(message, field.name, self._scalar(field))
        elif not field.is_repeated:
            value.SetInParent()
            self._deeper(value, depth)
        else:
            for _ in range(self._chance.randrange(4)):
                self._deeper(value.add(), depth)

    def _deeper(self, message: Message, depth: int) -> None:
        nesting = depth + isinstance(message, AnyValue)
        if nesting <= _DEEPEST:
            self._fill(message, nesting)

    def _scalar(self, field: FieldDescriptor) -> Any:
        chance = self._chance
        if field.name in ("time_unix_nano", "start_time_unix_nano", "end_time_unix_nano", "observed_time_unix_nano"):
            stray = self._stray and chance.random() < 0.1
            return chance.choice(self._stray) if stray else chance.randint(*self._window)
        if field.type == FieldDescriptor.TYPE_STRING:
            return chance.choice(_KEYS) if field.name == "key" else chance.choice(_TEXTS)
        if field.type == FieldDescriptor.TYPE_BYTES:
            return chance.randbytes(chance.choice((0, 1, 8, 16)))
        if field.type == FieldDescriptor.TYPE_DOUBLE:
            return chance.choice((*_FLOATS, *_HOSTILE_FLOATS, chance.uniform(-1e9, 1e9)))
        if field.type == FieldDescriptor.TYPE_BOOL:
            return chance.random() < 0.5
        return self._integer(field)

    def _integer(self, field: FieldDescriptor) -> int:
        chance = self._chance
        if field.type == FieldDescriptor.TYPE_ENUM:
            return chance.choice((0, 1, 2, 3, 4, 5, 17, 99))
        if bits := _UNSIGNED.get(field.type):
            return chance.choice((0, 1, 5, 2 ** (bits - 1), 2**bits - 1))
        if field.type in _SMALL:
            return chance.choice((0, 1, -1, 2**31 - 1, -(2**31)))
        return chance.choice(_INTEGERS)


def as_json(request: Message) -> bytes:
    """The request as OTLP/JSON: ids in hex, enumerations as numbers."""
    tree = json_format.MessageToDict(request, use_integers_for_enums=True)
    return json.dumps(_hex_ids(tree)).encode("utf-8")


def _hex_ids(node: Any) -> Any:
    if isinstance(node, list):
        return [_hex_ids(each) for each in node]
    if not isinstance(node, dict):
        return node
    return {
        name: base64.b64decode(value).hex() if name in ("traceId", "spanId", "parentSpanId") else _hex_ids(value)
        for name, value in node.items()
    }
