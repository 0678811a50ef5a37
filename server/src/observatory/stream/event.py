"""What listeners are told, and that there are too many of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from observatory.errors import Overloaded


class TooMany(Overloaded):
    """As many listen as are allowed to."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that changed.

    Attributes:
        topic: what it is about; with `.dropped`: how much of it was not told. Empty: nothing changed for a while, and
            the listener is told that we are alive.
        number: of a change of an alert; None for everything else.
        told: what it is, as JSON values.
    """

    topic: str
    number: int | None
    told: Mapping[str, Any]
