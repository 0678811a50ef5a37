"""Histograms of rows: a query counts what is at most each edge, and it becomes counts between the edges."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from observatory.areas.assess import Span
from observatory.areas.deepdive import Row

# What a query needs on its way and nobody is shown.
_INNER = ("edges", "at_most", "Q")


def histograms(rows: Sequence[Row], _span: Span) -> Sequence[Row]:
    """Rows with `samples`, `edges` and, for each edge, how many values are `at_most` that much: with a `histogram`."""
    return [
        {name: _finite(value) for name, value in row.items() if name not in _INNER}
        | {"histogram": histogram(row["edges"], row["at_most"], int(row["samples"]))}
        for row in rows
    ]


def histogram(edges: Sequence[float], at_most: Sequence[int], samples: int) -> Sequence[Row]:
    """Counts between the edges; the first and the last are open, so that nothing is lost."""
    lows: Sequence[float | None] = [None, *edges]
    highs: Sequence[float | None] = [*edges, None]
    # Without samples there are no counts at all.
    reached = [*map(int, at_most)] if samples else [0] * len(edges)
    counts = [high - low for low, high in pairwise([0, *reached, samples])]
    return [{"above": low, "to": high, "count": n} for low, high, n in zip(lows, highs, counts, strict=True)]


def _finite(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value
