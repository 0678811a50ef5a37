"""When is it used up? The time until a growing use meets its limit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from observatory.analytics.samples import Floats

LEAST_POINTS = 8
# Medians of blocks: bounds the work (all pairs of points) and takes most of the dependence between neighbours away.
_BLOCKS = 60
# A fall to less than this share of the value before is a new start (a restart, an emptied queue), and no trend.
_RESET = 0.5


@dataclass(frozen=True, slots=True)
class Exhaustion:
    """Seconds until the limit from the newest point, with the interval that follows from the slope's."""

    seconds: float
    low: float
    high: float
    growth_per_s: float
    samples: int


def time_to(
    times_s: Sequence[float], used: Sequence[float], limit: float, level: float = 0.95, least: int = LEAST_POINTS
) -> Exhaustion | None:
    """Seconds until `used` meets `limit`, if it goes on as it does (Theil-Sen slope: a third of the points may be
    wild).

    Args:
        times_s: when each was read, in seconds of any epoch, rising.
        used: what was used then, in any unit.
        limit: what there is, in the same unit (1 where `used` is a share).
        level: probability that the interval is to cover, for independent points.
        least: fewer points than this since the last new start tell nothing.

    Returns:
        The time with its interval, 0 where the limit is met already; None for too few points, and when it does not
        grow (the slope's interval is not all above 0).

    Source: P. Sen, Estimates of the regression coefficient based on Kendall's tau, JASA 63 (1968).
    """
    pairs = sorted(
        (time, value) for time, value in zip(times_s, used, strict=True) if math.isfinite(time) and math.isfinite(value)
    )
    times, values = (np.asarray(each, dtype=float) for each in (zip(*pairs, strict=True) if pairs else ((), ())))
    start = _start(values)
    times, values = times[start:], values[start:]
    if values.size < max(3, least) or times[0] == times[-1] or not math.isfinite(limit):
        return None
    x, y = _medians(times - times[-1]), _medians(values)
    slope, middle, slowest, fastest = (float(each) for each in stats.theilslopes(y, x, alpha=level, method="joint"))
    if not 0 < slowest <= slope:
        return None
    left = max(0.0, limit - middle)  # at time 0, which is the newest point
    return Exhaustion(left / slope, left / fastest, left / slowest, slope, int(values.size))


def _start(values: Floats) -> int:
    falls = np.flatnonzero(values[1:] < _RESET * values[:-1])
    return int(falls[-1]) + 1 if falls.size else 0


def _medians(values: Floats) -> Floats:
    if values.size <= _BLOCKS:
        return values
    return np.asarray([float(np.median(block)) for block in np.array_split(values, _BLOCKS)])
