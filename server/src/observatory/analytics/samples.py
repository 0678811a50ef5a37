"""Samples as arrays."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]

# The median absolute deviation of normal noise times this is its standard deviation.
NORMAL = 1.4826


def array(values: Iterable[float | None]) -> Floats:
    """Values as an array of floats; None and infinities become NaN."""
    found = np.asarray([math.nan if each is None else each for each in values], dtype=float)
    found[~np.isfinite(found)] = math.nan
    return found


def finite(values: Iterable[float | None]) -> Floats:
    """The values that are numbers, in their order."""
    found = array(values)
    return found[np.isfinite(found)]


def spread(values: Floats, middle: float) -> float:
    """Median absolute deviation from `middle`, scaled to the standard deviation of normal noise."""
    return NORMAL * float(np.median(np.abs(values - middle)))
