"""What a declared name is made of: attributes, facts (spans and events) and metrics."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Self


class Type(StrEnum):
    """How a value travels. Money is text on the wire, so that no float ever rounds it."""

    TEXT = "string"
    TEXTS = "string[]"
    INTEGER = "int"
    NUMBER = "double"
    FLAG = "boolean"
    MONEY = "decimal as string"
    INSTANT = "int, ns since 1970 UTC"

    # An enumeration's own hash is Python code; this one is looked up for every value that is sent.
    __hash__ = str.__hash__


class Kind(StrEnum):
    """Which OpenTelemetry signal carries the fact."""

    SPAN = "span"
    SPAN_EVENT = "span event"
    EVENT = "log event"


class Instrument(StrEnum):
    """Which OpenTelemetry instrument carries the metric."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Attribute(str):
    """An attribute's name, which is a `str`, together with what may stand under it.

    `values` is the closed list of allowed texts; empty means any. `minimum` and `maximum` are inclusive. `name` is the
    bare text: look-ups in dictionaries are faster with an exact `str`.
    """

    name: str
    type: Type
    unit: str
    sentence: str
    values: tuple[str, ...]
    minimum: float | None
    maximum: float | None

    def __new__(
        cls,
        name: str,
        kind: Type,
        sentence: str,
        *,
        unit: str = "",
        values: tuple[str, ...] = (),
        minimum: float | None = None,
        maximum: float | None = None,
    ) -> Self:
        attribute = super().__new__(cls, name)
        attribute.name = name
        attribute.type = kind
        attribute.unit = unit
        attribute.sentence = sentence
        attribute.values = values
        attribute.minimum = minimum
        attribute.maximum = maximum
        return attribute


def text(name: str, sentence: str, *values: str) -> Attribute:
    """Text; with `values`, one of them."""
    return Attribute(name, Type.TEXT, sentence, values=values)


def texts(name: str, sentence: str) -> Attribute:
    """A list of texts."""
    return Attribute(name, Type.TEXTS, sentence)


def flag(name: str, sentence: str) -> Attribute:
    """True or false."""
    return Attribute(name, Type.FLAG, sentence)


def count(name: str, sentence: str, unit: str = "1") -> Attribute:
    """A whole number, 0 or more."""
    return Attribute(name, Type.INTEGER, sentence, unit=unit, minimum=0)


def number(
    name: str, sentence: str, unit: str = "1", *, minimum: float | None = None, maximum: float | None = None
) -> Attribute:
    """A finite number."""
    return Attribute(name, Type.NUMBER, sentence, unit=unit, minimum=minimum, maximum=maximum)


def ratio(name: str, sentence: str) -> Attribute:
    """A share from 0 to 1."""
    return number(name, sentence, minimum=0, maximum=1)


def seconds(name: str, sentence: str) -> Attribute:
    """A duration in seconds, 0 or more."""
    return number(name, sentence, "s", minimum=0)


def money(name: str, sentence: str, unit: str = "USD") -> Attribute:
    """An exact decimal amount."""
    return Attribute(name, Type.MONEY, sentence, unit=unit)


def instant(name: str, sentence: str) -> Attribute:
    """A moment, in nanoseconds since 1970 UTC."""
    return Attribute(name, Type.INSTANT, sentence, unit="ns", minimum=0)


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that happened, by name, and the services of the catalogue that report it."""

    name: str
    kind: Kind
    sentence: str
    owners: tuple[str, ...]
    attributes: tuple[Attribute, ...]

    @property
    def owner(self) -> str:
        """The service a fact counts for when none is running in the context."""
        return self.owners[0]


@dataclass(frozen=True, slots=True)
class Metric:
    """A number that is sampled or summed up, and the services of the catalogue that report it."""

    name: str
    instrument: Instrument
    unit: str
    sentence: str
    owners: tuple[str, ...]
    attributes: tuple[Attribute, ...]
    feed: bool = False

    @property
    def owner(self) -> str:
        """The service a point counts for when none is running in the context."""
        return self.owners[0]


def span(name: str, sentence: str, owners: str, *attributes: Attribute) -> Fact:
    """A fact that lasts. `owners` are ids divided by spaces, the first one the default."""
    return Fact(name, Kind.SPAN, sentence, tuple(owners.split()), attributes)


def span_event(name: str, sentence: str, owners: str, *attributes: Attribute) -> Fact:
    """A moment inside a span."""
    return Fact(name, Kind.SPAN_EVENT, sentence, tuple(owners.split()), attributes)


def event(name: str, sentence: str, owners: str, *attributes: Attribute) -> Fact:
    """A fact that happens at one moment: a log record with an event name."""
    return Fact(name, Kind.EVENT, sentence, tuple(owners.split()), attributes)
