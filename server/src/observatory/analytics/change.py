"""Change points: where the level of a series became another, and where the present trouble began."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import ruptures
from scipy import ndimage, stats

from observatory.analytics.samples import Floats, array

# The shortest stretch that is a level of its own.
LEAST_STRETCH = 4
# Above this many points neighbours are taken together, so that time and memory stay bounded (both grow with the
# square).
MOST_POINTS = 2_000
# Penalty of a change, in units of the noise's variance times the logarithm of the length: see benchmarks/analytics.
PENALTY = 5.0
# Wild points are drawn in to so many deviations from their neighbourhood, so that they are no level of their own.
_WILD = 3.0
_NEIGHBOURHOOD = 2 * LEAST_STRETCH - 1
# Changes in one direction are one slope when fewer points than this are between them, or when what is between them
# rises by this share of the jump at its end.
_SLOPE = 12
_SLOPING = 0.3


def points(values: Sequence[float | None], penalty: float = PENALTY) -> list[int]:
    """Where a new level begins: PELT over least squares of the series with its wild points drawn in.

    The noise is read from differences of neighbours, which level shifts hardly touch; where neighbours resemble each
    other (differences of second neighbours tell) the penalty grows accordingly.

    Args:
        values: one series, evenly spaced, in any unit; None and not finite ones are passed over.
        penalty: how much better a further change must make the fit, in variances of the noise times log(length).

    Returns:
        Positions in `values` of the first point of each new level, rising; empty for none, or too few values. The same
        values give the same answer.

    Source: R. Killick, P. Fearnhead, I. Eckley, Optimal detection of changepoints with a linear computational cost,
    JASA 107 (2012); drawing in: P. Fearnhead, G. Rigaill, Changepoint detection in the presence of outliers, JASA 114
    (2019).
    """
    found = array(values)
    places = np.flatnonzero(np.isfinite(found))
    if places.size < 2 * LEAST_STRETCH:
        return []
    step = -(-int(places.size) // MOST_POINTS)
    series = _together(found[places], step)
    noise, likeness = _noise(series)
    if noise == 0 and np.ptp(series) == 0:
        return []
    calm = _drawn_in(series, noise)
    scale = noise or float(np.ptp(calm)) * 1e-3
    if scale == 0:
        return []
    cost = penalty * float(np.log(series.size)) * (1 + likeness) / (1 - likeness)
    search = ruptures.KernelCPD(kernel="linear", min_size=LEAST_STRETCH)
    ends = search.fit((calm - calm[0]).reshape(-1, 1) / scale).predict(pen=cost)
    return [int(places[end * step]) for end in ends[:-1]]


def onset(values: Sequence[float | None], at: int, penalty: float = PENALTY) -> int | None:
    """Where the level that is seen at a position began; of a slope, which is many small changes, where the slope began.

    Args:
        values: one series, evenly spaced, in any unit.
        at: position at which something was noticed.
        penalty: as of `points`.

    Returns:
        The position of the first point of the level; None when the level did not change up to there.
    """
    changes = [each for each in points(values, penalty) if each <= at]
    if not changes:
        return None
    found = array(values)
    stretches = [found[start:end] for start, end in pairwise([0, *changes, len(values)])]
    place = len(changes) - 1
    jump = _level(stretches[place + 1]) - _level(stretches[place])
    while place > 0 and jump and _on_the_way(stretches[place - 1], stretches[place], jump):
        place -= 1
    return changes[place]


def _on_the_way(before: Floats, stretch: Floats, jump: float) -> bool:
    """Whether a stretch is a piece of a slope: reached in the direction of the jump, and short or itself sloping."""
    third = max(1, stretch.size // 3)
    inside = _level(stretch[-third:]) - _level(stretch[:third])
    sloping = stretch.size < _SLOPE or inside / jump > _SLOPING
    return sloping and (_level(stretch) > _level(before)) == (jump > 0)


def _level(stretch: Floats) -> float:
    kept = stretch[np.isfinite(stretch)]
    return float(np.median(kept)) if kept.size else float("nan")


def _together(series: Floats, step: int) -> Floats:
    """Medians of `step` neighbours."""
    if step == 1:
        return series
    whole = series.size // step * step
    return np.asarray(np.median(series[:whole].reshape(-1, step), axis=1), dtype=float)


def _noise(series: Floats) -> tuple[float, float]:
    """Deviation of the noise, and how much neighbours resemble each other (0 to 0.9)."""
    first, second = _size(np.diff(series)), _size(series[2:] - series[:-2])
    if first == 0:
        return 0.0, 0.0
    # Of noise with correlation r between neighbours the variances are 2 (1 - r) and 2 (1 - r^2).
    # Less its own error and not near 1, so that few points of plain noise do not pass for likeness.
    most = 0.9 * series.size / (series.size + 20)
    likeness = min(most, max(0.0, (second / first) ** 2 - 1 - series.size**-0.5))
    return first / float(np.sqrt(2 * (1 - likeness))), likeness


def _size(differences: Floats) -> float:
    """Deviation of differences without the largest tenth (at least five), as if what is left were normal noise."""
    sizes = np.sort(np.abs(differences))
    kept = sizes[: sizes.size - max(5, sizes.size // 10)]
    if kept.size == 0:
        return 0.0
    share = kept.size / sizes.size
    edge = float(stats.norm.ppf((1 + share) / 2))
    left = 1 - 2 * edge * float(stats.norm.pdf(edge)) / share
    return float(np.sqrt((kept**2).mean() / left))


def _drawn_in(series: Floats, noise: float) -> Floats:
    """The series with points far from the median of their neighbourhood drawn in to it."""
    middle = ndimage.median_filter(series, size=_NEIGHBOURHOOD, mode="nearest")
    return np.asarray(np.clip(series, middle - _WILD * noise, middle + _WILD * noise), dtype=float)
