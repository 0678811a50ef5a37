"""When the trouble began: read from the subject's own series, else from all of them together. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from observatory.analytics import change
from observatory.diagnose import beginning
from observatory.diagnose.deviation import Deviation, judge
from observatory.diagnose.frame import Frame
from observatory.diagnose.grid import build
from observatory.diagnose.measures import Series
from observatory.diagnose.scores import LEAST_AFTER, LEAST_BEFORE

# Of several changes the first counts that is at least this much of the greatest.
_FIRST = 0.6
_MOST_SERIES = 800


def of_subject(series: Iterable[Series], frame: Frame) -> int | None:
    """The position at which one of the subject's series left what was usual; None when none did."""
    found: list[tuple[float, int]] = []
    for each in series:
        for place in _places(each, frame):
            judged = judge(each, at(frame, place))
            # What gets better is no trouble.
            if judged is not None and _bad(judged):
                found.append((judged.surprise * judged.change, min(place, judged.place)))
    if not found:
        return None
    most = max(weight for weight, _ in found)
    return min(place for weight, place in found if weight >= _FIRST * most)


def of_all(series: Sequence[Series], frame: Frame) -> int | None:
    """The position at which most series took a step that they do not take otherwise; None when there is none."""
    rows: dict[str, dict[str, list[float | None]]] = {}
    for each in series[:_MOST_SERIES]:
        values = _values(each)
        rows.setdefault(f"{each.kind}/{each.member}/{each.source}", {})[each.measure.name] = values
    if not rows:
        return None
    return beginning.find(build(rows, frame.times))


def at(frame: Frame, place: int) -> Frame:
    """The same steps with the window beginning at a position; as it is when the two parts do not touch."""
    if frame.baseline[1] != frame.window[0]:
        return frame
    start = frame.times[place] if place < len(frame.times) else frame.window[1]
    return replace(frame, baseline=(frame.baseline[0], start), window=(start, frame.window[1]))


def ended(series: Iterable[Series], frame: Frame) -> int:
    """The position after which the subject is as it was; the number of steps when it is not."""
    size = len(frame.times)
    found = [judged for each in series if (judged := judge(each, frame)) is not None and _bad(judged)]
    if not found:
        return size
    worst = max(found, key=lambda each: (each.surprise, each.series.measure.name))
    values = np.asarray([np.nan if each is None else each for each in _values(worst.series)])
    usual = np.nanmean(values[: frame.split]) if np.isfinite(values[: frame.split]).any() else 0.0
    window = values[frame.split :]
    far = np.nanmax(np.abs(window - usual))
    away = np.flatnonzero(np.abs(window - usual) >= 0.3 * far)
    last = frame.split + int(away[-1]) + 1 if away.size else size
    return last if size - last >= LEAST_AFTER and last - frame.split >= LEAST_AFTER else size


def _places(series: Series, frame: Frame) -> list[int]:
    found = {frame.split, *change.points(_values(series))}
    return sorted(place for place in found if LEAST_BEFORE <= place <= len(frame.times) - LEAST_AFTER)


def _bad(found: Deviation) -> bool:
    return bool(found.series.measure.up if found.up else found.series.measure.down)


def _values(series: Series) -> list[float | None]:
    return [
        float(number / count) if count > 0 else None
        for number, count in zip(series.numbers, series.counts, strict=True)
    ]
