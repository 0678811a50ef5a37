"""Two groups of traces held against each other, place by place: what is new, gone, slower, or done more often.

differences = compare(usual, now)      # each a sequence of traces, each of these a sequence of spans

A place is the way to a span from its root, by service and operation. Whether a place is slower is asked of its time per
trace: what one call took times how often it was made. Chance is held against all places at once (Benjamini and
Hochberg, J. R. Stat. Soc. B 57, 1995), so that a hundred equal places are not five findings.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median

import numpy as np
from scipy import stats

from observatory.explore.model import Key, Span
from observatory.explore.paths import Tree, self_times, tree

Place = tuple[tuple[str, str], ...]
# A place deeper than this is told as one with what is above it.
DEEPEST = 32
MOST_PLACES = 1_000
# With fewer traces in a group than this, any difference may be chance.
LEAST_TRACES = 8
_CHANCE = 0.01
# A difference that is sure may still be too small to matter.
_SHARE = 0.1
_RATIO = 1.2
_MS = 0.1
_NS = 1e6


class Change(StrEnum):
    """What became of a place."""

    ADDED = "added"
    MISSING = "missing"
    SLOWER = "slower"
    FASTER = "faster"
    MORE_OFTEN = "more_often"
    LESS_OFTEN = "less_often"
    FAILING = "failing"
    SAME = "same"
    TOO_FEW = "too_few"


@dataclass(frozen=True, slots=True)
class Seen:
    """A place in one group.

    Attributes:
        traces: in how many traces of the group it is.
        traces_ratio: the same as a share of all of the group's.
        calls_per_trace: how often it is in a trace, over all traces; None without traces.
        duration_ms_p50: median duration of a call; None where it is not.
        duration_ms_p95: 95th percentile.
        self_ms_per_trace: time of its own in a trace, over all traces; None without traces.
        failed_ratio: share of its calls that failed; None where it is not.
    """

    traces: int
    traces_ratio: float | None
    calls_per_trace: float | None
    duration_ms_p50: float | None
    duration_ms_p95: float | None
    self_ms_per_trace: float | None
    failed_ratio: float | None


@dataclass(frozen=True, slots=True)
class Difference:
    """A place in both groups.

    Attributes:
        place: service and operation of each span from the root to it.
        change: what became of it.
        usual: in the first group.
        now: in the second.
        added_ms: time of its own that a trace of the second group has more than one of the first, mean; None when one
            group is empty. Over all places these add up to the difference of the traces' own time.
        chance: probability that a difference like this is chance, corrected for all places; None for too few traces.
    """

    place: Place
    change: Change
    usual: Seen
    now: Seen
    added_ms: float | None
    chance: float | None


@dataclass(slots=True)
class _Cells:
    """What one group has at one place: per trace its calls and its own time in ms, per call its duration in ms."""

    calls: list[int]
    self_ms: list[float]
    durations_ms: list[float]
    failed: int = 0


@dataclass(slots=True)
class _Group:
    traces: int
    places: dict[Place, _Cells]

    def own_ms(self, place: Place) -> float:
        cells = self.places.get(place)
        return math.fsum(cells.self_ms) if cells else 0.0


def places(made: Tree) -> dict[Key, Place]:
    """By span, the way to it from its root."""
    found: dict[Key, Place] = {}
    for key in made.spans:
        way: list[Key] = []
        above: Key | None = key
        while above is not None and above not in found:
            way.append(above)
            parent = made.parents.get(above)
            above = parent.key if parent else None
        place = found[above] if above is not None else ()
        for each in reversed(way):
            span = made.spans[each]
            place = place if len(place) >= DEEPEST else (*place, (span.service, span.name))
            found[each] = place
    return found


def compare(usual: Iterable[Sequence[Span]], now: Iterable[Sequence[Span]]) -> list[Difference]:
    """Hold two groups of traces against each other.

    Args:
        usual: the traces that are as they should be.
        now: the traces in question.

    Returns:
        A difference for each place of either group, those with the most time of their own between the groups first. Of
        more than `MOST_PLACES` places those with the least time of their own are left out.
    """
    first, second = _read(usual), _read(now)
    names = sorted(
        {*first.places, *second.places}, key=lambda place: (-first.own_ms(place) - second.own_ms(place), place)
    )
    names = names[:MOST_PLACES]
    pairs = [(place, first.places.get(place), second.places.get(place)) for place in names]
    chances = _corrected([_chance(first, second, left, right) for _, left, right in pairs])
    found = [
        _difference(place, _seen(first, left), _seen(second, right), min(first.traces, second.traces), chance)
        for (place, left, right), chance in zip(pairs, chances, strict=True)
    ]
    found.sort(key=lambda each: (-abs(each.added_ms or 0.0), each.place))
    return found


def _read(traces: Iterable[Sequence[Span]]) -> _Group:
    cells: dict[Place, _Cells] = {}
    count = 0
    for spans in traces:
        made = tree(spans)
        if not made.spans:
            continue
        count += 1
        own = self_times(made)
        here: dict[Place, list[Key]] = defaultdict(list)
        for key, place in places(made).items():
            here[place].append(key)
        for place, keys in here.items():
            cell = cells.setdefault(place, _Cells([], [], []))
            cell.calls.append(len(keys))
            cell.self_ms.append(sum(own[key] for key in keys) / _NS)
            cell.durations_ms += [made.spans[key].duration_ns / _NS for key in keys]
            cell.failed += sum(made.spans[key].failed for key in keys)
    return _Group(count, cells)


def _seen(group: _Group, cells: _Cells | None) -> Seen:
    if cells is None:
        zero = 0.0 if group.traces else None
        return Seen(0, zero, zero, None, None, zero, None)
    return Seen(
        len(cells.calls),
        len(cells.calls) / group.traces,
        sum(cells.calls) / group.traces,
        median(cells.durations_ms),
        float(np.percentile(cells.durations_ms, 95)),
        math.fsum(cells.self_ms) / group.traces,
        cells.failed / len(cells.durations_ms),
    )


def _chance(first: _Group, second: _Group, left: _Cells | None, right: _Cells | None) -> float | None:
    """Of what sets the two apart most: in how many traces it is, how often in one, how long a call takes, failures."""
    if min(first.traces, second.traces) < LEAST_TRACES:
        return None
    here, there = len(left.calls) if left else 0, len(right.calls) if right else 0
    found = [_shares(here, first.traces, there, second.traces)]
    if left and right:
        found.append(_ranks(left.durations_ms, right.durations_ms))
        found.append(_ranks(left.calls, right.calls))
        found.append(_shares(left.failed, len(left.durations_ms), right.failed, len(right.durations_ms)))
    # Asked in several ways, the best of them is that much easier to get by chance.
    return min(1.0, min(found) * len(found))


def _shares(here: int, of_here: int, there: int, of_there: int) -> float:
    if here * of_there == there * of_here:
        return 1.0
    return float(stats.fisher_exact([[here, of_here - here], [there, of_there - there]]).pvalue)


def _ranks(left: Sequence[float], right: Sequence[float]) -> float:
    if min(left) == max(left) == min(right) == max(right):
        return 1.0
    return float(stats.mannwhitneyu(left, right, method="asymptotic").pvalue)


def _corrected(chances: Sequence[float | None]) -> list[float | None]:
    known = [place for place, chance in enumerate(chances) if chance is not None]
    if not known:
        return list(chances)
    corrected = stats.false_discovery_control([chances[place] for place in known])
    found: list[float | None] = [None] * len(chances)
    for place, value in zip(known, corrected, strict=True):
        found[place] = float(value)
    return found


def _difference(place: Place, usual: Seen, now: Seen, traces: int, chance: float | None) -> Difference:
    before, after = usual.self_ms_per_trace, now.self_ms_per_trace
    added = None if before is None or after is None else after - before
    return Difference(place, _change(usual, now, traces, chance), usual, now, added, chance)


def _change(usual: Seen, now: Seen, traces: int, chance: float | None) -> Change:
    if traces < LEAST_TRACES or chance is None:
        return Change.TOO_FEW
    if chance > _CHANCE:
        return Change.SAME
    if not usual.traces or not now.traces:
        return Change.MISSING if usual.traces else Change.ADDED
    if (now.failed_ratio or 0.0) - (usual.failed_ratio or 0.0) >= _SHARE:
        return Change.FAILING
    if slower := _longer(usual.duration_ms_p50, now.duration_ms_p50):
        return Change.SLOWER if slower > 0 else Change.FASTER
    calls = _longer(usual.calls_per_trace, now.calls_per_trace, 0.0)
    if calls:
        return Change.MORE_OFTEN if calls > 0 else Change.LESS_OFTEN
    return Change.SAME


def _longer(usual: float | None, now: float | None, least: float = _MS) -> int:
    """1 when it is longer now by more than matters, -1 when it is shorter, else 0."""
    if usual is None or now is None or abs(now - usual) <= least:
        return 0
    if now > usual * _RATIO:
        return 1
    return -1 if usual > now * _RATIO else 0


def told(differences: Iterable[Difference]) -> Mapping[Change, int]:
    """How many places became what."""
    counts: dict[Change, int] = {}
    for each in differences:
        counts[each.change] = counts.get(each.change, 0) + 1
    return counts
