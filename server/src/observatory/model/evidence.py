"""A fact that a verdict rests on, with where it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Evidence:
    """One fact.

    Attributes:
        id: names it within what it belongs to.
        sentence: the fact in words.
        value: the number now, in `unit`; None when the fact is no number, or nothing was measured.
        usual: the number that is usual, in the same unit; None when that is not known.
        unit: `ms`, `ratio`, `1`, ...; empty without a number.
        samples: how many observations the value rests on.
        since, until: the window, aware, UTC; None when it has none.
        source: the table, indicator or emitter that it was read from.
        link: where more of it is found: a path of the API; empty without one.
    """

    id: str
    sentence: str
    value: float | None
    usual: float | None
    unit: str
    samples: int
    since: datetime | None
    until: datetime | None
    source: str
    link: str
