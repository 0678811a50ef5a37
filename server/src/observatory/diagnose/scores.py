"""How far each series left what was usual when something began, and whether that is more than noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from observatory.analytics.samples import Floats
from observatory.diagnose.grid import Flags, Grid, Rows

# The fewest points before and after a beginning that are judged.
LEAST_BEFORE = 10
LEAST_AFTER = 3
# A step between two levels, in greatest steps of the same length before the beginning; and a level's distance from the
# usual one, in greatest distances before it. Both have to be passed: see docs/decisions/0036-root-cause.md.
STEP = 3.0
RANGE = 1.6
# Changes smaller than this share of the usual value are not told apart, however quiet the series.
_QUIET = 0.01
_MOST_Z = 1_000.0
# A series that never moved: what it then reaches counts as so many deviations.
_FROM_NOTHING = 30.0
_NORMAL_IQR = 1.349
# Smaller than this part of its greatest value nothing of a series is looked at.
_LEAST = 1e-12
# Natural logarithm of a chance that is none, with hundreds of series.
_SURE = 14.0


@dataclass(frozen=True, slots=True)
class Scores:
    """Of each row.

    Attributes:
        usual, level: median before; the furthest level that was held after the beginning, in the metric's unit.
        up: it rose.
        z: how far, in robust deviations of before.
        change: how far, as a share of the usual value.
        surprise: 1 and more: beyond what the series did by itself before.
        strength: one measure for metrics of all kinds, 0 and more.
        began: position of the first time it was on its way; -1 when it did not go.
        ended: position from which on it was not there for long, though it was before; -1 when it was.
    """

    usual: Floats
    level: Floats
    up: Flags
    z: Floats
    change: Floats
    surprise: Floats
    strength: Floats
    began: Rows
    ended: Rows

    @property
    def gone(self) -> Flags:
        """Which rows ended."""
        return self.ended >= 0


def judge(grid: Grid, start: int) -> Scores:
    """Holds what came from position `start` on against what was before.

    The scale is the interquartile range before (as of N. Pham, H. Ha, H. Zhang, BARO, FSE 2024). Whether it is more
    than noise is read from the steps that the same series took before between stretches of the same length, so that
    seasons, drift and noise whose neighbours resemble each other are held against their like.
    """
    raw = grid.filled
    before = raw[:, :start]
    width = _width(start, raw.shape[1] - start, grid.run)
    lower, usual, upper = np.quantile(before, (0.25, 0.5, 0.75), axis=1)
    spread = (upper - lower) / _NORMAL_IQR
    still = spread == 0
    smooth = calm(raw)
    smooth[still] = raw[still]
    levels = means(smooth, width)
    grain = _grain(grid, usual)
    scale = np.maximum(_scale(spread, before, usual), grain)
    deviation, up = _furthest(levels[:, start:] - usual[:, None])
    scale = np.where(scale > 0, scale, np.abs(deviation) / _FROM_NOTHING)
    safe = np.maximum(np.where(scale > 0, scale, 1.0), _LEAST)
    z = np.minimum(np.abs(deviation) / safe, _MOST_Z)
    change = np.abs(deviation) / (np.abs(usual) + safe)
    surprise = _surprise(levels, usual, safe, start, width)
    surprise = np.where(still, np.minimum(surprise, _events(raw, usual, deviation, start, width)), surprise)
    surprise = surprise * np.minimum(1.0, np.abs(deviation) / np.maximum(1.5 * grain, _LEAST)) ** 2
    known, ended = _present(grid, start)
    moved = known & (deviation != 0)
    surprise = np.where(moved, surprise, 0.0)
    return Scores(
        usual=usual * grid.units,
        level=(usual + deviation) * grid.units,
        up=up,
        z=np.where(moved, z, 0.0),
        change=np.where(moved, change, 0.0),
        surprise=surprise,
        strength=np.where(moved, _strength(z, change) * np.minimum(1.0, surprise) ** 0.5, 0.0),
        began=np.where(moved, _began(smooth, usual, deviation, safe, max(1, start - width)), -1),
        ended=ended,
    )


def _strength(z: Floats, change: Floats) -> Floats:
    """Grows with both: many deviations of little say little, and so does a great share that noise has as well."""
    share = change / (change + 0.2)
    return np.asarray(np.log1p(z) * share + 0.5 * np.log1p(change) * np.minimum(1.0, z / 5), dtype=float)


def calm(values: Floats) -> Floats:
    """Running medians of a few neighbours: a lone spike is gone, a step stays where it is."""
    half = 2 if values.shape[1] >= 60 else 1
    padded = np.pad(values, ((0, 0), (half, half)), mode="edge")
    size = values.shape[1]
    return np.asarray(np.median([padded[:, n : n + size] for n in range(2 * half + 1)], axis=0), dtype=float)


def means(values: Floats, width: int) -> Floats:
    """Means of `width` neighbours; the first place is that of the first of them."""
    # Around each row's own middle, so that large values lose no digits in the sums.
    middle = values[:, :1]
    sums = np.cumsum(np.pad(values - middle, ((0, 0), (1, 0))), axis=1)
    return np.asarray((sums[:, width:] - sums[:, :-width]) / width + middle, dtype=float)


def _width(before: int, after: int, run: int) -> int:
    """How many points a level is read from: few enough that there were about ten levels before."""
    return max(LEAST_AFTER, min(after // 3, before // 10, 60), min(run, after, before // 4))


def _scale(spread: Floats, before: Floats, usual: Floats) -> Floats:
    # A series that mostly stands still has no quartiles to go by, and what it did besides is its noise.
    wild = np.std(before, axis=1)
    return np.maximum(np.where(spread > 0, spread, wild), _QUIET * np.abs(usual))


def _grain(grid: Grid, usual: Floats) -> Floats:
    """One, of a series that counts whole things: one more or less of many is no change of level."""
    counted = grid.filled * grid.units[:, None]
    counts = (counted == np.round(counted)).all(axis=1) & (np.abs(usual) * grid.units >= 2)
    return np.where(counts, 1.0 / grid.units, 0.0)


def _furthest(distances: Floats) -> tuple[Floats, Flags]:
    highest, lowest = distances.max(axis=1), distances.min(axis=1)
    up = highest >= -lowest
    return np.where(up, highest, lowest), up


def _surprise(levels: Floats, usual: Floats, scale: Floats, start: int, width: int) -> Floats:
    """The smaller of both: how the step compares with the steps before, and the level with the levels before."""
    steps = np.zeros(levels.shape[0])
    for lag in (2 * width, 4 * width):
        earlier = np.abs(levels[:, lag : start - width + 1] - levels[:, : max(0, start - width + 1 - lag)])
        reached = np.arange(start, min(start + max(2 * width, start // 5), levels.shape[1]))
        if earlier.shape[1] < 1 or not reached.size or start < lag:
            continue
        old = np.minimum(reached - lag, start - width)
        now = np.abs(levels[:, reached] - levels[:, old]).max(axis=1)
        least = 2.0 * scale * np.sqrt(2 / width)
        steps = np.maximum(steps, now / np.maximum(earlier.max(axis=1), least))
    away = np.abs(levels - usual[:, None])
    inside = np.maximum(away[:, : start - width + 1].max(axis=1), 2.0 * scale / np.sqrt(width))
    return np.asarray(np.minimum(steps / STEP, away[:, start:].max(axis=1) / inside / RANGE), dtype=float)


def _events(raw: Floats, usual: Floats, deviation: Floats, start: int, width: int) -> Floats:
    """Of a series that mostly stands still: how sure it is that events are more frequent; what is held is no event.

    As the smallest chance that so many of all events would come after by themselves (Chernoff's bound).
    """
    odd = (raw - usual[:, None]) * np.sign(deviation)[:, None] > 0.3 * np.abs(deviation)[:, None]
    before, after = odd[:, :start], odd[:, start:][:, : 3 * width]
    seen, now = _times(before), _times(after)
    part, expected = now / np.maximum(1, seen + now), after.shape[1] / (start + after.shape[1])
    unlikely = (seen + now) * (_parted(part, expected) + _parted(1 - part, 1 - expected)) * (part > expected)
    return np.where(after.mean(axis=1) >= 0.5, np.inf, unlikely / _SURE)


def _times(odd: Flags) -> Floats:
    return np.asarray(odd[:, 0] + (odd[:, 1:] & ~odd[:, :-1]).sum(axis=1), dtype=float)


def _parted(share: Floats, expected: float) -> Floats:
    return np.where(share > 0, share * np.log(np.maximum(share, 1e-12) / expected), 0.0)


def _began(smooth: Floats, usual: Floats, deviation: Floats, scale: Floats, earliest: int) -> Rows:
    size = np.abs(deviation)
    way = (smooth[:, earliest:] - usual[:, None]) * np.sign(deviation)[:, None]
    left = way >= np.maximum(0.3 * size, np.minimum(3 * scale, 0.8 * size))[:, None]
    return np.where(left.any(axis=1), earliest + np.argmax(left, axis=1), -1)


def _present(grid: Grid, start: int) -> tuple[Flags, Rows]:
    """Which rows can be judged, and where those ended that ended: for good, or for long."""
    there = np.isfinite(grid.values)
    before, after = there[:, :start], there[:, start:]
    usual = before.mean(axis=1)
    judged = (before.sum(axis=1) >= LEAST_BEFORE) & (after.sum(axis=1) >= LEAST_AFTER) & (usual >= 0.2)
    usual_gap, _ = _longest_gap(before)
    gap, ended = _longest_gap(after)
    gone = (usual >= 0.7) & (gap > 2 * usual_gap) & (gap >= max(LEAST_AFTER, after.shape[1] / 5))
    return judged, np.where(gone, start + ended, -1)


def _longest_gap(there: Flags) -> tuple[Rows, Rows]:
    """How long, and where it begins."""
    size = there.shape[1]
    last = np.maximum.accumulate(np.where(there, np.arange(size), -1), axis=1)
    gaps = np.arange(size) - last
    ends = np.argmax(gaps, axis=1)
    longest = gaps.max(axis=1)
    return longest, ends - longest + 1
