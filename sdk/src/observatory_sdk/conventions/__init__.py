"""Every name the platform and Observatory share, declared once.

The area modules hold the names as constants (`conventions.trading.SYMBOL == "order.symbol"`); an attribute is a
`str` that also knows its type, unit, sentence and allowed values. `ATTRIBUTES`, `FACTS` and `METRICS` are the
whole list, in the order of the modules. `python -m observatory_sdk.conventions` prints it as a page.
"""

from __future__ import annotations

from types import ModuleType
from typing import TypeVar

from observatory_sdk.conventions import (
    ai,
    common,
    credits,
    market_data,
    platform,
    risk,
    safety,
    signals,
    strategies,
    trading,
)
from observatory_sdk.conventions.model import Attribute, Fact, Instrument, Kind, Metric, Type

AREAS: tuple[ModuleType, ...] = (
    common,
    ai,
    signals,
    trading,
    market_data,
    risk,
    strategies,
    credits,
    safety,
    platform,
)


Declared = TypeVar("Declared", Attribute, Fact, Metric)


def _declared(kind: type[Declared]) -> tuple[Declared, ...]:
    return tuple(dict.fromkeys(value for area in AREAS for value in vars(area).values() if isinstance(value, kind)))


ATTRIBUTES: tuple[Attribute, ...] = _declared(Attribute)
FACTS: tuple[Fact, ...] = _declared(Fact)
METRICS: tuple[Metric, ...] = _declared(Metric)

__all__ = [
    "AREAS",
    "ATTRIBUTES",
    "FACTS",
    "METRICS",
    "Attribute",
    "Fact",
    "Instrument",
    "Kind",
    "Metric",
    "Type",
    "ai",
    "common",
    "credits",
    "market_data",
    "platform",
    "risk",
    "safety",
    "signals",
    "strategies",
    "trading",
]
