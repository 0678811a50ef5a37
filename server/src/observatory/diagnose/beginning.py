"""When something began, read from all series together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from observatory.analytics.samples import Floats
from observatory.diagnose.grid import Flags, Grid, Rows
from observatory.diagnose.scores import LEAST_AFTER, LEAST_BEFORE, calm, judge

# A step below so many usual ones of its series says nothing, and none says more than this much (natural logarithm).
_USUAL = 5.0
_LOUDEST = 7.0
# Of normal noise the median of absolute values is so many times their quantile of 0.3.
_LOW = 1.75
# What stood still and then did not counts as so many times what is loud: held, and a few events only.
_HELD = 20.0
_LONE = 3.0
_MOST_PEAKS = 3
_MOST_JUDGED = 60
_MOST_WITNESSES = 20
# A level so many times the noise away from where a series came from has left it.
_CLEARLY = 4.0


def find(grid: Grid) -> int | None:
    """The position at which most series took a step that they do not take otherwise; None for too few points.

    Each series is held against its own steps, as in multivariate change point scans over standardised series. Of the
    places where many series, or one of them very loudly, step, the one is taken from which on most is beyond noise.
    """
    raw = grid.filled
    size = raw.shape[1]
    width = max(LEAST_AFTER, min(size // 24, 40), 2 * grid.run)
    wide = max(width, size // 10)
    first, last = max(LEAST_BEFORE * grid.run, size // 5, width), size - width
    if not raw.shape[0] or last < first:
        return None
    smooth = calm(raw)
    places = np.arange(first, last + 1, max(1, width // 4))
    said = np.max([_said(raw, smooth, places, each) for each in (width, wide)], axis=0)
    apart = max(1, wide // max(1, width // 4))
    found = {
        _position(smooth, said[:, peak], int(places[peak]), wide)
        for heard in (said.sum(axis=0), said.max(axis=0))
        for peak in _peaks(heard, apart)
    }
    loudest = np.sort(np.argsort(-said.max(axis=1), kind="stable")[:_MOST_JUDGED])
    return _clearest(grid.only(loudest), found | _ends(grid), places)


def earlier(began: int) -> int:
    """A little before: what is noticed is noticed late, and usual points after the beginning do no harm."""
    return min(began, max(LEAST_BEFORE, began - began // 12))


def _clearest(grid: Grid, found: Iterable[int], places: Rows) -> int:
    """The place from which on most is beyond noise; the earlier one of two alike."""
    best, place = (0.0, 0.0), int(places[places.size // 2])
    for each in sorted(found):
        if not LEAST_BEFORE <= each <= grid.times.size - LEAST_AFTER:
            continue
        scores = judge(grid, earlier(each))
        beyond = np.log(np.maximum(scores.surprise, 1.0)).sum() + 3.0 * np.count_nonzero(scores.gone)
        value = (float(beyond), float(scores.surprise.max()))
        if value > best:
            best, place = value, each
    return place


def _ends(grid: Grid) -> set[int]:
    """Where series end that do not go on."""
    there = np.isfinite(grid.values)
    last = there.shape[1] - np.argmax(there[:, ::-1], axis=1)
    ended = np.sort(last[there.any(axis=1) & (last < there.shape[1] - LEAST_AFTER)])
    return {int(ended[0]), int(ended[ended.size // 2])} if ended.size else set()


def _peaks(heard: Floats, apart: int) -> list[int]:
    left, found = heard.copy(), list[int]()
    while len(found) < _MOST_PEAKS and left.max() > 0:
        found.append(int(np.argmax(left)))
        left[max(0, found[-1] - apart) : found[-1] + apart + 1] = 0.0
    return found


def _position(smooth: Floats, said: Floats, place: int, width: int) -> int:
    witnesses = np.argsort(-said, kind="stable")[:_MOST_WITNESSES]
    seen = _Seen(smooth[witnesses], said[witnesses], place, width)
    left = _departed(seen)
    return left if left is not None else _exactly(seen)


@dataclass(frozen=True, slots=True)
class _Seen:
    """The series that stepped most at a place, and how much they say."""

    smooth: Floats
    weights: Floats
    place: int
    width: int


def _departed(seen: _Seen) -> int | None:
    """When the loudest series had left where they came from; None where that is not clear.

    So the beginning of a slope is found and not its middle, and of what has ended the beginning and not the end.
    """
    early = seen.smooth[:, : max(LEAST_BEFORE, seen.place // 3)]
    home = np.median(early, axis=1)
    noise = np.maximum(np.quantile(np.abs(early - home[:, None]), 0.95, axis=1), 1e-3 * np.abs(home))
    from_, to = seen.place - seen.width, seen.place + seen.width
    way = np.abs(seen.smooth[:, :to] - home[:, None])
    before, after = np.median(way[:, from_ : seen.place], axis=1), np.median(way[:, seen.place :], axis=1)
    reached = np.maximum(before, after)
    sure = (seen.weights > 0.3 * seen.weights.max()) & (reached > _CLEARLY * noise)
    if not sure.any():
        return None
    # Up to where it is surely away: the end where it returned, the place's far side where it did not.
    away = way >= np.maximum(0.2 * reached, np.minimum(2 * noise, 0.8 * reached))[:, None]
    left = [
        _last_home(row, seen.place if back else to)
        for row, back in zip(away[sure], (before > after)[sure], strict=True)
    ]
    return max(int(np.sort(left)[len(left) // 4]), LEAST_BEFORE)


def _last_home(away: Flags, to: int) -> int:
    """The beginning of the longest stretch that is away, in which single points may be at home."""
    home = np.flatnonzero(~away[:to] & ~np.roll(away, -1)[:to])
    if not home.size:
        return 0
    ends = np.append(home[1:], to)
    longest = int(np.argmax(ends - home))
    return int(home[longest]) + 2 if ends[longest] - home[longest] > 2 else to


def _said(raw: Floats, smooth: Floats, places: Rows, width: int) -> Floats:
    """How much louder than usual each series steps at each place, between the `width` points before and after it."""
    steps, plain = _steps(smooth, places, width), _steps(raw, places, width)
    noise = 1.4826 * np.median(np.abs(np.diff(raw, axis=1)), axis=1) / np.sqrt(2)
    usual = np.maximum(_LOW * np.quantile(steps, 0.3, axis=1), 0.7 * noise * np.sqrt(2 / width))
    usual = np.maximum(usual, 0.002 * np.abs(np.median(raw, axis=1)))
    # What stands still has no usual step; lone events are hardly a step, what is held is.
    still, greatest = usual == 0, plain.max(axis=1)
    held = steps.max(axis=1) >= 0.5 * greatest
    usual = np.where(still, greatest / (_USUAL * np.where(held, _HELD, _LONE)), usual)
    loud = np.where(still[:, None], plain, steps) / np.where(usual > 0, usual, 1.0)[:, None]
    return np.minimum(np.log(np.maximum(loud / _USUAL, 1.0)), _LOUDEST) ** 2


def _steps(values: Floats, places: Rows, width: int) -> Floats:
    sums = np.cumsum(np.pad(values - values[:, :1], ((0, 0), (1, 0))), axis=1)
    ends = np.minimum(places + width, values.shape[1])
    before = (sums[:, places] - sums[:, places - width]) / width
    after = (sums[:, ends] - sums[:, places]) / (ends - places)
    # At the end there are fewer points after, whose mean has more noise.
    return np.asarray(np.abs(after - before) * np.sqrt((ends - places) / width), dtype=float)


def _exactly(seen: _Seen) -> int:
    """The lower quartile of when the witnesses left their old level."""
    from_, to = max(0, seen.place - seen.width), min(seen.smooth.shape[1], seen.place + seen.width)
    old = np.median(seen.smooth[:, max(0, from_ - seen.width) : max(from_, 1)], axis=1)
    new = np.median(seen.smooth[:, seen.place : to], axis=1)
    way = np.abs(seen.smooth[:, from_:to] - old[:, None]) >= 0.4 * np.abs(new - old)[:, None]
    # Held from there on for three points, so that a lone one does not count.
    held = way[:, :-2] & way[:, 1:-1] & way[:, 2:]
    sure = held.any(axis=1) & (seen.weights > 0.3 * seen.weights.max()) & (new != old)
    if not sure.any():
        return seen.place
    left = np.sort(from_ + np.argmax(held[sure], axis=1))
    return max(int(left[left.size // 4]), LEAST_BEFORE)
