"""What ours is held against: each is told the true beginning where it needs one, and answers with services in order."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from rootcause.generate import Case, Floats

# The middle and the spread of what was before.
Scale = Callable[[Floats], tuple[float, float]]


def robust(case: Case) -> list[str]:
    """As BARO's scorer: the greatest value after, in interquartile ranges from the median before."""
    return _by_metric(case, _quartiles)


def largest_z(case: Case) -> list[str]:
    """As N-sigma: the greatest value after, in standard deviations from the mean before."""
    return _by_metric(case, _moments)


def walk(case: Case) -> list[str]:
    """As MonitorRank: a walk over the calls, drawn to services that look like the target, that starts from it."""
    services = sorted(case.metrics)
    place = {service: n for n, service in enumerate(services)}
    odd = np.asarray([_oddest(case, service) for service in services])
    odd = np.log1p(odd)
    chances = np.full((len(services), len(services)), 1e-9)
    for caller, callee in case.edges:
        if caller in place and callee in place:
            chances[place[caller], place[callee]] += odd[place[callee]]
            chances[place[callee], place[caller]] += 0.2 * odd[place[caller]]
    for n in range(len(services)):
        chances[n, n] += max(0.0, odd[n] - chances[n].max())
    chances /= chances.sum(axis=1, keepdims=True)
    start = np.full(len(services), 1 / len(services)) if not case.edges else np.zeros(len(services))
    start[place[case.target]] += 1.0
    start /= start.sum()
    at = start
    for _ in range(200):
        at = 0.85 * at @ chances + 0.15 * start
    # Where it only begins again it has not walked to.
    at = at - 0.15 * start
    return [services[n] for n in np.argsort(-at, kind="stable")]


def _oddest(case: Case, service: str) -> float:
    scores = [_score(case, values, _quartiles) for values in case.metrics[service].values()]
    return max(0.0, *scores) if scores else 0.0


def _quartiles(before: Floats) -> tuple[float, float]:
    lower, middle, upper = (float(each) for each in np.quantile(before, (0.25, 0.5, 0.75)))
    return middle, upper - lower


def _moments(before: Floats) -> tuple[float, float]:
    return float(np.mean(before)), float(np.std(before))


def _by_metric(case: Case, scale: Scale) -> list[str]:
    best = {
        service: max((_score(case, values, scale) for values in series.values()), default=0.0)
        for service, series in case.metrics.items()
    }
    return sorted(best, key=lambda service: (-best[service], service))


def _score(case: Case, values: Floats, scale: Scale) -> float:
    start = int(np.searchsorted(case.times, case.began))
    known = _forwards(values)
    before, after = known[:start], known[start:]
    middle, spread = scale(before)
    return float((after.max() - middle) / (spread or 1.0))


def _forwards(values: Floats) -> Floats:
    known = np.isfinite(values)
    last = np.maximum.accumulate(np.where(known, np.arange(values.size), -1))
    return np.where(last >= 0, np.nan_to_num(values[last]), 0.0)
