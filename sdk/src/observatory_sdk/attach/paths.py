"""Paths into a call: `args.trade_request.symbol`, `result.fills.0.price`, `self.exchange_id`, `item.score`.

Reading one never runs the host's code: dictionaries, lists, tuples and the stored fields of objects (instance
dictionaries, slots, named tuples) are looked into; properties and other computed attributes count as absent. So a row
of a database whose column is not loaded stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from types import GetSetDescriptorType, MemberDescriptorType
from typing import Any, NamedTuple
from uuid import UUID

ROOTS = ("args", "self", "result", "item")
MAX_STEPS = 8
ABSENT: Any = object()
_PLAIN = frozenset({str, bool, int, float, type(None), dict, list})


class _Pair(NamedTuple):
    first: int


_TUPLE_FIELD = type(_Pair.first)
_FIELD_KINDS = (MemberDescriptorType, _TUPLE_FIELD)
_CLASSES = type.__dict__["__mro__"].__get__
_NAMES_OF = type.__dict__["__dict__"].__get__


@dataclass(frozen=True, slots=True)
class Path:
    """`root` is one of `ROOTS`; a step is a name, or a place in a list."""

    root: str
    steps: tuple[str | int, ...]

    def __str__(self) -> str:
        return ".".join([self.root, *map(str, self.steps)])


@dataclass(slots=True)
class Call:
    """What a path may start from. `args` are the arguments by name. Not frozen: that costs a microsecond a call."""

    args: Mapping[str, object]
    instance: object = None
    result: object = ABSENT
    item: object = ABSENT

    def of(self, root: str) -> object:
        """The value that a root stands for."""
        if root == "args":
            return self.args
        return self.instance if root == "self" else self.result if root == "result" else self.item


def parse(text: object) -> Path | None:
    """The path that a text spells, or None when it spells none."""
    if not isinstance(text, str):
        return None
    root, *steps = text.split(".")
    if root not in ROOTS or len(steps) > MAX_STEPS or not all(steps):
        return None
    if root in ("args", "self") and not steps:
        return None
    return Path(root, tuple(int(step) if step.lstrip("-").isdigit() else step for step in steps))


def read(path: Path, call: Call) -> object:
    """What stands at the end of a path, or `ABSENT`."""
    value = call.result if path.root == "result" else call.of(path.root)
    for step in path.steps:
        if type(value) is dict:
            value = value.get(step, ABSENT)
        elif value is ABSENT or value is None:
            return ABSENT
        else:
            value = _step(value, step)
    return value


def plain(value: object) -> object:
    """The value behind a member of an enumeration and the text of a UUID; anything else as it is."""
    kind = type(value)
    if kind in _PLAIN:
        return value
    if issubclass(kind, Enum):
        return _field(value, "_value_")
    return str(value) if kind is UUID else value


def _step(value: Any, step: str | int) -> object:
    # Not `isinstance`: that asks the value for its `__class__`, which may be the host's code.
    if issubclass(type(value), dict):
        return dict.get(value, step, ABSENT)
    if isinstance(step, int):
        return _place(value, step)
    return _field(value, step)


def _place(value: Any, place: int) -> object:
    kind: Any
    for kind in (list, tuple):
        if issubclass(type(value), kind):
            size = kind.__len__(value)
            return kind.__getitem__(value, place) if -size <= place < size else ABSENT
    return ABSENT


def _field(value: Any, name: str) -> object:
    kind: Any = type(value)
    stored, slot = _readers(kind, name)
    if stored is not None:
        fields = stored(value)
        if type(fields) is dict and name in fields:
            return fields[name]
    if slot is None:
        return ABSENT
    try:
        return slot(value)
    except AttributeError:
        return ABSENT


_Reader = Callable[[object], Any]


@lru_cache(maxsize=2048)
def _readers(kind: type, name: str) -> tuple[_Reader | None, _Reader | None]:
    """How the instance dictionary of a class is read, and how a stored field of this name is, without its own code."""
    stored: _Reader | None = None
    slot: _Reader | None = None
    for base in _CLASSES(kind):
        names = _NAMES_OF(base)
        found = names.get("__dict__")
        if stored is None and type(found) is GetSetDescriptorType:
            stored = found.__get__
        field = names.get(name)
        if slot is None and type(field) in _FIELD_KINDS:
            slot = field.__get__
    return stored, slot
