"""Which services' trouble is their own: what their callees explain is taken off, what explains others is added."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from observatory.analytics.samples import Floats
from observatory.diagnose.grid import Flags, Grid, Rows
from observatory.diagnose.kinds import Kind
from observatory.diagnose.scores import Scores
from observatory.diagnose.topology import Topology

# What a metric's deviation says of a cause: risen, fallen. Chosen before any data, from what the kinds mean.
_SAYS = {
    Kind.RESOURCE: (1.0, 0.4),
    Kind.HELD: (0.9, 0.4),
    Kind.SELF: (1.0, 0.4),
    Kind.LATENCY: (0.95, 0.35),
    Kind.ERROR: (0.9, 0.2),
    Kind.TRAFFIC: (0.35, 0.4),
    Kind.OTHER: (0.8, 0.6),
}
# How much of a deviation the trouble of a callee can take off.
_EXPLAINED = {
    Kind.RESOURCE: 0.15,
    Kind.HELD: 0.4,
    Kind.SELF: 0.2,
    Kind.LATENCY: 0.7,
    Kind.ERROR: 0.7,
    Kind.TRAFFIC: 0.5,
    Kind.OTHER: 0.5,
}
# What is passed on to callers says no more by being greater still: a caller with more traffic has more failures.
_MOST = {kind: 10.0 if kind is Kind.RESOURCE else 5.0 for kind in Kind}
# A service that tells nothing any more, as a strength.
SILENT = 6.0
# A callee that adds this share of what its caller adds explains it as well as one can; one that adds less, at least so.
_AS_MUCH = 0.7
_LESS = 0.4
# How well trouble of another kind explains failures where the callee counts none.
_BLIND = 0.8
_SECOND = 0.2
_COVER = 0.4
_ELSEWHERE = 0.8
# A callee whose trouble is this many points later explains less.
_LATER_POINTS = 3
_LATER = 0.6


@dataclass(frozen=True, slots=True)
class Blame:
    """Of each service.

    Attributes:
        score: how likely it is the cause, 0 and more; comparable between services only.
        trouble: how far it deviates, whoever is the cause.
        explained: share of its trouble that its callees explain.
        row: its row that says most of a cause; -1 when none does.
        silent: it tells nothing any more.
        weight: of each row, what it says of a cause.
    """

    score: Floats
    trouble: Floats
    explained: Floats
    row: Rows
    silent: Flags
    weight: Floats


def weigh(grid: Grid, scores: Scores, topology: Topology, target: int | None) -> Blame:
    """Ranks by the trouble that is a service's own and by how much of all trouble it would explain.

    Deviations seldom grow on their way to the callers, so a callee explains as much of its caller as it deviates itself
    (K. Budhathoki and others, ICML 2022; N. Okati and others, arXiv 2406.05014). Resources are nobody's answer and
    hardly explained by callees; traffic is the callers' doing.
    """
    said = _said(grid, scores)
    silent = _silent(grid, scores)
    trouble = _greatest(grid, np.where(grid.of(Kind.TRAFFIC), 0.0, said))
    trouble = np.maximum(trouble, np.where(silent, SILENT, 0.0))
    taken = _taken(grid, scores, topology, said, trouble, silent)
    weight = said * (1 - taken)
    own, row = _own(grid, weight * _felt(grid, topology, trouble))
    own = np.where(silent, np.maximum(own, SILENT * (1 - _silenced(topology, silent))), own)
    score = own * (1 - _COVER + _COVER * _covered(topology, trouble))
    if target is not None:
        score = score * _near(topology, target)
    explained = np.zeros(own.size)
    has = row >= 0
    explained[has] = taken[row[has]]
    return Blame(score, trouble, np.where(silent, _silenced(topology, silent), explained), row, silent, weight)


def _said(grid: Grid, scores: Scores) -> Floats:
    risen = np.asarray([_SAYS[kind][0] for kind in grid.kinds])
    fallen = np.asarray([_SAYS[kind][1] for kind in grid.kinds])
    most = np.asarray([_MOST[kind] for kind in grid.kinds])
    said = most * np.tanh(scores.strength / most) * np.where(scores.up, risen, fallen)
    return np.asarray(said * _not_of_load(grid, scores), dtype=float)


def _not_of_load(grid: Grid, scores: Scores) -> Floats:
    """Resources that follow the service's own traffic are half explained by it."""
    traffic = np.zeros(len(grid.services))
    rows = np.flatnonzero(grid.of(Kind.TRAFFIC))
    np.maximum.at(traffic, grid.owner[rows], np.where(scores.up[rows], scores.change[rows], 0.0))
    follows = grid.of(Kind.RESOURCE, Kind.HELD) & scores.up & (traffic[grid.owner] > 0.1)
    share = np.minimum(1.0, 1.5 * traffic[grid.owner] / np.maximum(scores.change, 1e-9))
    return np.where(follows, 1 - 0.6 * share**2, 1.0)


def _greatest(grid: Grid, values: Floats) -> Floats:
    found = np.zeros(len(grid.services))
    np.maximum.at(found, grid.owner, values)
    return found


def _silent(grid: Grid, scores: Scores) -> Flags:
    """All that a service tells has ended; not where most have fallen silent, which is the collection's doing."""
    number = len(grid.services)
    rows = np.bincount(grid.owner, minlength=number)
    # Without calls there is no latency, so that of latencies and errors alone an end says little.
    own = ~grid.of(Kind.LATENCY, Kind.ERROR, Kind.SELF)
    owns = np.bincount(grid.owner[own], minlength=number)
    ended = np.bincount(grid.owner[scores.gone], minlength=number)
    found = (rows > 0) & (owns > 0) & (ended >= 0.9 * rows)
    return np.asarray(found & (found.sum() <= max(1, 0.4 * np.count_nonzero(rows))), dtype=bool)


def _silenced(topology: Topology, silent: Flags) -> Floats:
    """Who calls one that is silent as well may be silent because of it."""
    return np.asarray(0.5 * (topology.explains * silent[None, :]).max(axis=1, initial=0.0), dtype=float)


def _taken(grid: Grid, scores: Scores, topology: Topology, said: Floats, trouble: Floats, silent: Flags) -> Floats:
    """Of each row, the share that others explain."""
    began = _beginnings(grid, scores, said)
    most = np.asarray([_EXPLAINED[kind] for kind in grid.kinds])
    reach = topology.explains * np.where(began[None, :] > began[:, None] + _LATER_POINTS, _LATER, 1.0)
    alike = np.minimum(1.0, trouble[None, :] / np.maximum(said, 1e-9)[:, None]) ** 2
    alike = np.maximum(alike, _unseen(grid, scores)) * _added(grid, scores)
    of_callees = reach[grid.owner] * alike
    taken = most * of_callees.max(axis=1, initial=0.0) * _narrow(topology, trouble)[grid.owner]
    of_traffic = np.maximum(taken, _from_callers(grid, scores, topology, said))
    return np.asarray(np.where(grid.of(Kind.TRAFFIC), of_traffic, taken), dtype=float)


def _added(grid: Grid, scores: Scores) -> Floats:
    """Time that is waited for below is waited for above: who adds less than its caller explains less of it."""
    found = np.ones((len(grid.metrics), len(grid.services)))
    names = np.asarray(grid.metrics)
    for name in sorted({grid.metrics[row] for row in np.flatnonzero(grid.of(Kind.LATENCY))}):
        rows = np.flatnonzero(names == name)
        more = np.maximum(0.0, scores.level - scores.usual)[rows]
        share = more[None, :] / np.maximum(more, 1e-300)[:, None]
        found[np.ix_(rows, grid.owner[rows])] = np.clip(share / _AS_MUCH, _LESS, 1.0)
    return found


def _unseen(grid: Grid, scores: Scores) -> Floats:
    """Of failures, how well a service that is surely in trouble and tells of no failures explains them."""
    counts, sure = np.zeros((2, len(grid.services)), dtype=bool)
    counts[grid.owner[grid.of(Kind.ERROR)]] = True
    sure[grid.owner[(scores.surprise >= 1) & scores.up & ~grid.of(Kind.TRAFFIC)]] = True
    return np.where(grid.of(Kind.ERROR)[:, None] & (sure & ~counts)[None, :], _BLIND, 0.0)


def _beginnings(grid: Grid, scores: Scores, said: Floats) -> Floats:
    found = np.full(len(grid.services), np.inf)
    sure = (scores.surprise >= 1) & (scores.began >= 0) & (said > 0)
    np.minimum.at(found, grid.owner[sure], scores.began[sure].astype(float))
    return found


def _narrow(topology: Topology, trouble: Floats) -> Floats:
    """All callees in trouble at once are rather their one caller's doing: then they explain half as much."""
    number = topology.calls.sum(axis=1)
    troubled = (topology.calls & (trouble[None, :] >= 0.4 * np.maximum(trouble, 1e-9)[:, None])).sum(axis=1)
    return np.where((number >= 2) & (troubled >= 0.7 * number), 0.5, 1.0)


def _felt(grid: Grid, topology: Topology, trouble: Floats) -> Floats:
    """A service whose answers are late or wrong is felt by its callers: where most of several feel nothing, hardly."""
    tells = np.zeros(len(grid.services), dtype=bool)
    tells[grid.owner[grid.of(Kind.LATENCY, Kind.ERROR, Kind.OTHER)]] = True
    callers = (topology.calls & tells[:, None]).astype(float)
    number = callers.sum(axis=0)
    feel = (callers * (trouble[:, None] >= 0.2 * trouble[None, :])).sum(axis=0)
    share = np.where(number >= 2, feel / np.maximum(1.0, number), 1.0)
    answers = grid.of(Kind.LATENCY, Kind.ERROR)
    return np.where(answers, 0.7 + 0.3 * share[grid.owner], 1.0)


def _from_callers(grid: Grid, scores: Scores, topology: Topology, said: Floats) -> Floats:
    """Traffic that moves as that of a caller does, or that nobody here causes, is not the service's own."""
    moved = np.zeros((2, len(grid.services)))
    rows = np.asarray(grid.of(Kind.TRAFFIC), dtype=bool)
    for way in (0, 1):
        mine = rows & (scores.up == bool(way))
        np.maximum.at(moved[way], grid.owner[mine], said[mine])
    callers = np.where(topology.calls[:, :, None], moved.T[:, None, :], 0.0).max(axis=0, initial=0.0)
    entry = np.asarray(~topology.calls.any(axis=0), dtype=bool)
    of_row = callers[grid.owner, scores.up.astype(int)] >= 0.5 * np.maximum(said, 1e-9)
    return np.where(of_row | entry[grid.owner], 0.6, 0.0)


def _own(grid: Grid, weight: Floats) -> tuple[Floats, Rows]:
    """The row that says most, and something for each further kind that says so too."""
    number = len(grid.services)
    best = np.zeros((number, len(Kind)))
    kinds = np.asarray([list(Kind).index(kind) for kind in grid.kinds], dtype=np.int64)
    np.maximum.at(best, (grid.owner, kinds), weight)
    ranked = -np.sort(-best, axis=1)
    own = ranked[:, 0] + _SECOND * ranked[:, 1] + _SECOND / 2 * ranked[:, 2]
    row = np.full(number, -1, dtype=np.int64)
    for n in np.argsort(weight, kind="stable"):
        if weight[n] > 0:
            row[grid.owner[n]] = n
    return own, row


def _covered(topology: Topology, trouble: Floats) -> Floats:
    """Share of all trouble that a service would explain as the cause: its own, its callers', half of its callees'."""
    whole = float(trouble.sum())
    if whole == 0 or not topology.known:
        return np.ones(trouble.size)
    above = (topology.explains > 0).T | np.eye(trouble.size, dtype=bool)
    callees = topology.calls & ~above
    return np.asarray((above @ trouble + 0.5 * (callees @ trouble)) / whole, dtype=float)


def _near(topology: Topology, target: int) -> Floats:
    """Whom the target does not call, nor is called by, is less likely its cause."""
    if not topology.known or not (topology.below[target].any() or topology.below[:, target].any()):
        return np.ones(topology.calls.shape[0])
    near = topology.below[target] | topology.below[:, target]
    near[target] = True
    return np.where(near, 1.0, _ELSEWHERE)
