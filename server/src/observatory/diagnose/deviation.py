"""Whether a measure of a member left what was usual, beyond what chance and its own past make of it. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

from observatory.analytics.samples import NORMAL, Floats
from observatory.diagnose.frame import Frame
from observatory.diagnose.measures import Measure, Series

# Beyond so many deviations, and so many greatest distances that the same measure had before, it is more than noise:
# hundreds of measures are looked at, and of each the worst stretch.
_SURE_Z = 6.0
_SURE_RANGE = 1.5
_SURE_DIGITS = 6.0
_LEAST_COUNT = 5.0
# Smaller changes do not matter, however sure they are.
_LEAST_SHARE = 0.15
_LEAST_RATIO = 0.03
_LEAST_MS = 1.0
_LEAST_STRETCHES = 4
# Of what there should be none of, any counts like so much.
_ANY = 0.7


@dataclass(frozen=True, slots=True)
class Deviation:
    """A measure that is not as it was.

    Attributes:
        series: of what.
        usual, level: over the baseline, and over the stretch of the window that is furthest from it; in the unit.
        up: it rose.
        change: distance as a share of the usual value; of a ratio, the difference.
        surprise: 1 and more: beyond what it did before.
        samples: rows behind the level.
        place: position of the step at which it left.
        harm: by how much all rows of the stretch together are beyond the usual.
    """

    series: Series
    usual: float
    level: float
    up: bool
    change: float
    surprise: float
    samples: int
    place: int
    harm: float

    @property
    def strength(self) -> float:
        """0 to 1, from how sure it is and how much. Of what there should be none of, any is much."""
        much = self.change / (self.change + 0.3)
        return (1 - math.exp(-self.surprise)) * (max(much, _ANY) if self.series.measure.any else much)


def judge(series: Series, frame: Frame) -> Deviation | None:
    """The deviation of a series in a frame's window; None when it is as usual or there is too little of it.

    Looked at are the furthest stretch of the window, and the window as a whole: few failures spread over all of it are
    in no stretch far from none.
    """
    split, size = frame.split, len(frame.times)
    wide = _width(split, size - split)
    if wide is None:
        return None
    found = [each for width in sorted({wide, min(size - split, split // 3)}) if (each := _judged(series, frame, width))]
    return max(found, key=lambda each: each.surprise * each.change, default=None)


def _width(before: int, after: int) -> int | None:
    width = min(after, max(3, min((after + 1) // 2, max(3, before // 5))))
    return width if before >= 2 * width and after >= 2 else None


def _judged(series: Series, frame: Frame, width: int) -> Deviation | None:
    """By stretches of so many steps."""
    split = frame.split
    sums = [_windows(each, width) for each in (series.numbers, series.counts)]
    levels = np.where(sums[1] >= _least(series, sums[1]), sums[0] / np.maximum(sums[1], 1e-12), np.nan)
    before, after = levels[: split - width + 1], levels[split:]
    known = before[np.isfinite(before)]
    if known.size < _LEAST_STRETCHES or not np.isfinite(after).any():
        return None
    total = series.counts[:split].sum()
    usual = float(series.numbers[:split].sum() / total) if total else float(np.median(known))
    errors = _errors(series, usual, sums[1], split)
    spread = NORMAL * float(np.median(np.abs(known - np.median(known))))
    inside = float(np.max(np.abs(known - usual)))
    place = split + int(np.nanargmax(np.abs(after - usual) / np.maximum(errors[split:], 1e-12)))
    return _found(series, frame, usual, float(levels[place]), float(errors[place]), (spread, inside), place, width)


def _found(
    series: Series,
    frame: Frame,
    usual: float,
    level: float,
    error: float,
    noise: tuple[float, float],
    place: int,
    width: int,
) -> Deviation | None:
    distance = level - usual
    if distance == 0 or not math.isfinite(distance):
        return None
    spread, inside = noise
    z = abs(distance) / max(math.hypot(spread, error), 1e-12)
    beyond = abs(distance) / max(inside, 2 * error, 1e-12)
    chance = _unlikely(series, usual, level, frame.split, slice(place, place + width))
    surprise = min(z / _SURE_Z, beyond / _SURE_RANGE, chance / _SURE_DIGITS)
    shown_usual, shown, change = _shown(series.measure, usual, level)
    least = 0.0 if series.measure.any else _LEAST_RATIO if series.measure.unit == "ratio" else _LEAST_SHARE
    if surprise < 1 or change < least or (series.measure.unit == "ms" and abs(shown - shown_usual) < _LEAST_MS):
        return None
    count = float(series.counts[place : place + width].sum())
    rows = series.numbers if series.measure.form == "rate" else series.counts
    return Deviation(
        series,
        _rounded(shown_usual),
        _rounded(shown),
        distance > 0,
        _rounded(min(change, 100.0)),
        _rounded(min(surprise, 50.0)),
        round(float(rows[place : place + width].sum())),
        _left(series, usual, distance, frame.split, place),
        _rounded(abs(distance) * count),
    )


def _unlikely(series: Series, usual: float, level: float, split: int, stretch: slice) -> float:
    """Digits of the chance that counts like these come by the usual share or rate; no bound for other forms.

    Exact: of the few failures among a dozen calls the normal distribution knows nothing.
    """
    form = series.measure.form
    if form not in ("ratio", "rate"):
        return math.inf
    hits, of = float(series.numbers[stretch].sum()), float(series.counts[stretch].sum())
    total, seen = float(series.counts[:split].sum()), float(series.numbers[:split].sum())
    # None so far is not known to be none.
    if form == "rate":
        expected = (seen + 0.5) / max(total, 1e-9) * of
        found = stats.poisson.logsf(hits - 1, expected) if level > usual else stats.poisson.logcdf(hits, expected)
    else:
        share = (seen + 0.5) / (total + 1.0)
        found = stats.binom.logsf(hits - 1, of, share) if level > usual else stats.binom.logcdf(hits, of, share)
    digits = -float(found) / math.log(10)
    return digits if math.isfinite(digits) else 300.0


def _least(series: Series, counts: Floats) -> float:
    if series.measure.form == "rate" or series.sort in ("resource", "data"):
        return 1e-9
    return min(_LEAST_COUNT, max(1.0, float(np.median(counts[counts > 0])) / 2)) if (counts > 0).any() else 1.0


def _errors(series: Series, usual: float, counts: Floats, split: int) -> Floats:
    """Standard error of a stretch's level, from how many values are behind it."""
    safe = np.maximum(counts, 1e-9)
    if series.measure.form == "ratio":
        total = series.counts[:split].sum()
        # A share of none so far is not known to be none.
        share = (usual * total + 1) / (total + 2)
        return np.asarray(np.sqrt(share * (1 - share) / safe), dtype=float)
    if series.measure.form == "rate":
        least = 1 / max(series.counts[:split].sum(), 1.0)
        return np.asarray(np.sqrt(np.maximum(usual, least) / safe), dtype=float)
    count = max(series.counts[:split].sum(), 1.0)
    variance = max(series.squares[:split].sum() / count - usual**2, 0.0)
    floor = 0.02 if series.measure.form == "geomean" else 0.02 * abs(usual)
    return np.asarray(np.maximum(np.sqrt(variance / safe), floor), dtype=float)


def _shown(measure: Measure, usual: float, level: float) -> tuple[float, float, float]:
    if measure.form == "geomean":
        # Half as long is as much as twice as long.
        ms = [max(0.0, math.exp(each) - 0.001) for each in (usual, level)]
        return ms[0], ms[1], math.expm1(min(abs(level - usual), 50.0))
    if measure.unit == "ratio":
        return usual, level, abs(level - usual)
    return usual, level, abs(level - usual) / max(abs(usual), abs(level) / 20, 1e-12)


def _left(series: Series, usual: float, distance: float, split: int, place: int) -> int:
    """The first step from which on it is half way to the level; a little before the window's start, if it was then."""
    numbers, counts = _windows(series.numbers, 2), _windows(series.counts, 2)
    levels = np.where(counts > 0, numbers / np.maximum(counts, 1e-12), usual)
    way = (levels - usual) / distance >= 0.5
    first = max(0, split - max(2, split // 10))
    found = np.flatnonzero(way[first : place + 1])
    return first + int(found[0]) if found.size else place


def _windows(values: Floats, width: int) -> Floats:
    sums = np.cumsum(np.concatenate(([0.0], values)))
    return np.asarray(sums[width:] - sums[:-width], dtype=float)


def _rounded(value: float) -> float:
    """So many digits that the order of a sum's parts does not show."""
    return float(f"{value:.9g}")
