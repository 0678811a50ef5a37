"""Facts read from calls: which fact, and where each of its fields stands in arguments and result."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from observatory_sdk import facts
from observatory_sdk.attach.outcome import Rule
from observatory_sdk.attach.paths import ABSENT, Call, Path, plain, read
from observatory_sdk.attach.reading import Node
from observatory_sdk.attach.units import CONVERSIONS
from observatory_sdk.errors import ConfigurationError
from observatory_sdk.facts.checks import CHECKS
from observatory_sdk.facts.event_fact import Common
from observatory_sdk.facts.leaf import LeafFact
from observatory_sdk.facts.span_fact import SpanFact
from observatory_sdk.guard import LOSSES

MAX_ITEMS = 200
ENDS = ("success", "failure", "partial", "simulated", "error")
_MAPPED = ("fact", "after", "each", "only", "fields", "details")
_FIELD = ("path", "value", "convert", "map", "default")


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a fact: the first path at which something stands, converted, translated; else `default`.

    `words` translates texts, whatever their case; one that is not among them leads to `default`.
    """

    paths: tuple[Path, ...]
    default: object = None
    convert: str | None = None
    words: Mapping[str, object] | None = None

    def value(self, call: Call) -> object:
        """The value that a call gives, or None."""
        for path in self.paths:
            found = plain(read(path, call))
            if found is not None and found is not ABSENT:
                return self._said(found)
        return self.default

    def _said(self, found: object) -> object:
        if self.convert is not None:
            try:
                found = CONVERSIONS[self.convert](found)
            except (TypeError, ValueError, ArithmeticError):
                # What the platform says there is not what the bindings expect: told, and left out.
                LOSSES.count("mapped value not convertible", str(self.paths[0]))
                return self.default
        if self.words is None:
            return found
        key = found.lower() if isinstance(found, str) else str(found).lower()
        return self.words.get(key, self.default)


@dataclass(frozen=True, slots=True)
class Detail:
    """A moment inside a fact that lasts, such as one fill of an order or one vote."""

    method: str
    each: Path | None
    fields: Mapping[str, Field]


@dataclass(frozen=True, slots=True)
class Mapped:
    """A fact that a call tells. `after`: which ends of the call; `each`: one for each item of a list found there.

    `only`: it is told when this rule holds. `span`: it lasts as long as the call.
    """

    name: str
    make: Callable[..., Any]
    span: bool
    after: frozenset[str]
    each: Path | None
    only: Rule | None
    required: frozenset[str]
    fields: Mapping[str, Field]
    details: tuple[Detail, ...]

    def around(self) -> bool:
        """Whether it is opened before the call, so that what happens inside stands below it."""
        return self.span and self.each is None and self.only is None

    def calls(self, call: Call) -> Iterator[Call]:
        """What to read from: the call, or the call with each item."""
        if self.only is not None and not self.only.holds(call):
            return
        yield from (call,) if self.each is None else items(self.each, call)

    def values(self, call: Call) -> dict[str, object]:
        """The fields that have a value."""
        found = {}
        for name, field in self.fields.items():
            value = field.value(call)
            if value is not None:
                found[name] = value
        return found

    def lacks(self, values: Mapping[str, object]) -> bool:
        """Whether a field is missing that the fact cannot do without; counted."""
        if self.required <= values.keys():
            return False
        missing = ", ".join(sorted(self.required - values.keys()))
        LOSSES.count("mapped fact incomplete", f"{self.name} without {missing}")
        return True


def items(path: Path, call: Call) -> Iterator[Call]:
    """The call with each item of the list, or each value of the dictionary, at a path."""
    found = read(path, call)
    kind = type(found)
    if issubclass(kind, list | tuple):
        listed = list(found)  # type: ignore[call-overload]
    elif issubclass(kind, dict):
        listed = list(dict.values(found))  # type: ignore[arg-type]
    else:
        return
    if len(listed) > MAX_ITEMS:
        LOSSES.count("too many items for a fact", str(path))
    for item in listed[:MAX_ITEMS]:
        yield replace(call, item=item)


def read_mapped(node: Node, rule: Callable[[Node, bool], Rule]) -> Mapped:
    """A fact of the bindings file."""
    parts = node.mapping(_MAPPED)
    if "fact" not in parts or "fields" not in parts:
        node.refuse("fact and fields")
    name = parts["fact"].one_of(_NAMES)
    make = getattr(facts, name)
    span = isinstance(make, type)
    known, required = _declared(make)
    fields = _fields(parts["fields"], make, known)
    unmapped = required - fields.keys()
    if unmapped:
        parts["fields"].refuse(f"for {name} also {', '.join(sorted(unmapped))}")
    default = frozenset(ENDS if span else ("success", "partial", "simulated"))
    return Mapped(
        name,
        make,
        span,
        frozenset(each.one_of(ENDS) for each in parts["after"].list("ends")) if "after" in parts else default,
        parts["each"].path() if "each" in parts else None,
        rule(parts["only"], True) if "only" in parts else None,
        required,
        fields,
        _details(parts["details"], make) if "details" in parts else (),
    )


def _facts_by_name() -> list[str]:
    """Facts that bindings may tell: not metrics, and not calls of the outside world, recorded where they are made."""
    found = []
    for name in facts.__all__:
        make = getattr(facts, name)
        lasting = isinstance(make, type) and issubclass(make, SpanFact) and not issubclass(make, LeafFact)
        if lasting or (inspect.isfunction(make) and "also" in inspect.signature(make).parameters):
            found.append(name)
    return found


def _declared(make: Callable[..., Any]) -> tuple[frozenset[str], frozenset[str]]:
    """The fields of a fact, and those it cannot do without."""
    if isinstance(make, type) and issubclass(make, SpanFact):
        return make._names, make._required
    parameters = inspect.signature(make).parameters.values()
    named = [found for found in parameters if found.kind is not found.VAR_KEYWORD]
    required = frozenset(found.name for found in named if found.default is found.empty)
    return frozenset(found.name for found in named) | Common.__annotations__.keys(), required


def _fields(node: Node, make: Callable[..., Any], known: frozenset[str]) -> dict[str, Field]:
    return {name: _field(each, make, name) for name, each in node.mapping(sorted(known)).items()}


def _field(node: Node, make: Callable[..., Any], name: str) -> Field:
    """A path, a list of paths, or a mapping with the rest."""
    if not isinstance(node.value, dict):
        return Field(node.paths())
    parts = node.mapping(_FIELD)
    if ("path" in parts) == ("value" in parts):
        node.refuse("path or value, not both")
    if "value" in parts:
        if len(parts) > 1:
            node.refuse("value alone, or path with convert, map and default")
        return Field((), _constant(parts["value"], make, name))
    words = parts["map"].words() if "map" in parts else None
    return Field(
        parts["path"].paths(),
        _constant(parts["default"], make, name) if "default" in parts else None,
        parts["convert"].one_of(CONVERSIONS) if "convert" in parts else None,
        None if words is None else {word: _constant(each, make, name) for word, each in words.items()},
    )


def _constant(node: Node, make: Callable[..., Any], name: str) -> object:
    """A value of the file, held against the declaration of the fact's field."""
    if isinstance(make, type) and issubclass(make, SpanFact):
        attribute = make._fields[name]
        try:
            CHECKS[attribute.type](attribute, node.value)
        except (ValueError, TypeError, ArithmeticError) as error:
            raise ConfigurationError(f"{node.where} is {node.value!r}: {error}") from None
    if not isinstance(node.value, str | bool | int | float | list):
        node.refuse("a text, a number, true or false, or a list")
    return node.value


def _details(node: Node, make: Callable[..., Any]) -> tuple[Detail, ...]:
    names = [name for name in ("fill", "vote") if hasattr(make, name)]
    found = []
    for each in node.list("a list of details"):
        parts = each.mapping(("of", "each", "fields"))
        if "of" not in parts or "fields" not in parts:
            each.refuse("of and fields")
        method = parts["of"].one_of(names)
        known, required = _declared(getattr(make, method))
        fields = _fields(parts["fields"], getattr(make, method), known - {"self"})
        if required - {"self"} - fields.keys():
            parts["fields"].refuse(f"for {method} also {', '.join(sorted(required - {'self'} - fields.keys()))}")
        found.append(Detail(method, parts["each"].path() if "each" in parts else None, fields))
    return tuple(found)


_NAMES = tuple(_facts_by_name())
