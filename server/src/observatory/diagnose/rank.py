"""Who caused it: root causes ranked from series of services and from who calls whom."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from observatory.analytics.samples import Floats
from observatory.diagnose import beginning, blame, grid, signals, suspects, topology
from observatory.diagnose.grid import Grid, Numbers
from observatory.diagnose.scores import LEAST_AFTER, LEAST_BEFORE, Scores, judge
from observatory.diagnose.suspects import Suspect

# The surprise from which on something is beyond noise: where the beginning is told, and where the most striking place
# was looked for. At most one calm set in a hundred reaches it (benchmarks/rootcause).
_TOLD = 1.5
_SEARCHED = 1.9


def rank(
    metrics: Mapping[str, Mapping[str, Numbers]],
    times: Sequence[float] | Floats,
    edges: Iterable[tuple[str, str]],
    target: str,
    onset: float | None = None,
    spans: Iterable[Mapping[str, Any]] | None = None,
    logs: Iterable[Mapping[str, Any]] | None = None,
) -> list[Suspect]:
    """Ranks the services that may have caused what a service shows, the likeliest first.

    What a metric is, is told by the words of its name (`cpu`, `mem`, `latency`, `error`, `workload`, ...). Scales and
    units do not matter. No store, no clock, no chance: the same data give the same answer, whatever their order.

    Args:
        metrics: by service, by metric's name: one value for each of `times`; None, NaN and infinities are gaps.
        times: seconds since 1970.
        edges: caller and callee; empty when nobody knows. Those of spans are added.
        target: the service that was seen to be in trouble. It need not have metrics.
        onset: seconds since 1970 at which the trouble began; None: it is looked for.
        spans: `service`, `start` (seconds, milliseconds, microseconds or nanoseconds since 1970), `duration`, `status`,
            and `parent`: the parent's `id` (or `span_id`) where spans have one, else the calling service.
        logs: `service`, `time` (as `start`), `text`, `level`.

    Returns:
        Suspects; empty when nothing deviates beyond what it did by itself before, or there are too few points to tell.

    Raises:
        ValueError: `times` are no numbers, a series has another length than `times`, or holds what is no number.
    """
    calls = [(str(caller), str(callee)) for caller, callee in edges]
    more, seen = signals.read(grid.moments(times), spans or (), logs or ())
    names = sorted({target, *(each for call in (*calls, *seen) for each in call)})
    rows = grid.build(_joined(metrics, more) if more else metrics, times, names)
    if rows.times.size < LEAST_BEFORE + LEAST_AFTER:
        return []
    began = beginning.find(rows) if onset is None else int(np.searchsorted(rows.times, onset))
    start = 0 if began is None else beginning.earlier(began)
    if start < LEAST_BEFORE * rows.run or rows.times.size - start < LEAST_AFTER * rows.run or not rows.metrics:
        return []
    scores = judge(rows, start)
    web = topology.build(rows.services, (*calls, *seen))
    found = blame.weigh(rows, scores, web, rows.services.index(target))
    if not _beyond_noise(rows, scores, found, _TOLD if onset is not None else _SEARCHED):
        return []
    return suspects.listed(rows, scores, found, start)


def _joined(metrics: Mapping[str, Mapping[str, Numbers]], more: signals.Series) -> dict[str, dict[str, Numbers]]:
    found: dict[str, dict[str, Numbers]] = {service: dict(series) for service, series in metrics.items()}
    for service, series in more.items():
        found.setdefault(service, {}).update(series)
    return found


def _beyond_noise(rows: Grid, scores: Scores, found: blame.Blame, times: float) -> bool:
    return bool(found.silent.any() or scores.surprise.max(initial=0.0) >= times)
