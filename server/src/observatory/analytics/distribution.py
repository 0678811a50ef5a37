"""Distributions: histograms, quantiles with their intervals, and how far one population has moved from another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from observatory.analytics import intervals
from observatory.analytics.samples import Floats, finite

BINS = 10
# What each bin is given beforehand, so that one empty bin does not make the index infinite (Jeffreys).
SMOOTHING = 0.5


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts between edges; `counts[i]` is of `edges[i] <= value < edges[i + 1]`, the last holds its upper edge too."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    below: int
    above: int
    samples: int


@dataclass(frozen=True, slots=True)
class Quantile:
    """A quantile with the order statistics that bracket it; an end is None where samples do not reach so far out."""

    value: float
    low: float | None
    high: float | None
    samples: int


def psi(expected: Sequence[float], actual: Sequence[float], bins: int = BINS) -> float | None:
    """Population stability index of two samples: sum over bins of (a - e) ln(a / e), of the shares in each bin.

    The bins are cut at the quantiles of `expected` (equal ones once; a bin of its own for what lies below an atom at
    the minimum), open to both sides. Each bin of each sample is given 0.5 beforehand.

    Args:
        expected: the earlier population, in any unit.
        actual: the population to compare, in the same unit.
        bins: how many bins, before equal edges are dropped.

    Returns:
        0 and more; by usage below 0.1 is stable, above 0.25 has moved. `psi_by_chance` says what small samples give by
        themselves. None when one of the samples is empty.

    Source: N. Siddiqi, Credit risk scorecards (2006), ch. 9.
    """
    before, after = finite(expected), finite(actual)
    if before.size == 0 or after.size == 0:
        return None
    edges = _edges(before, bins)
    one, other = _shares(before, edges), _shares(after, edges)
    return float(((other - one) * np.log(other / one)).sum())


def psi_by_chance(expected_samples: int, actual_samples: int, bins: int = BINS, level: float = 0.95) -> float | None:
    """The index that two samples of one population stay below with probability `level`.

    Args:
        expected_samples: size of the earlier sample.
        actual_samples: size of the sample compared.
        bins: bins of the index.
        level: probability.

    Returns:
        The index; None when a sample is empty or there is a single bin.

    Source: B. Yurdakul, Statistical properties of population stability index, Western Michigan University (2018):
    (1/n + 1/m) times chi-squared of bins - 1.
    """
    if expected_samples < 1 or actual_samples < 1 or bins < 2:
        return None
    return float(stats.chi2.ppf(level, bins - 1)) * (1 / expected_samples + 1 / actual_samples)


def histogram(values: Sequence[float], edges: Sequence[float]) -> Histogram:
    """Counts of values between edges; nothing is lost: what lies outside is counted below and above.

    Args:
        values: in any unit; those that are not finite are left out.
        edges: at least two, rising, in the same unit.

    Returns:
        One count fewer than there are edges, with the counts outside.
    """
    cuts = np.asarray(edges, dtype=float)
    if cuts.size < 2 or not (np.diff(cuts) > 0).all():
        raise ValueError("a histogram needs at least two edges that rise")
    found = finite(values)
    counts, _ = np.histogram(found, cuts)
    return Histogram(
        edges=tuple(cuts.tolist()),
        counts=tuple(int(each) for each in counts),
        below=int((found < cuts[0]).sum()),
        above=int((found > cuts[-1]).sum()),
        samples=int(found.size),
    )


def quantile(values: Sequence[float], share: float, level: float = intervals.LEVEL) -> Quantile | None:
    """A quantile (linear between order statistics) with an interval that assumes nothing about the distribution.

    Args:
        values: in any unit; those that are not finite are left out.
        share: 0 to 1, 0.95 for p95.
        level: probability that the interval is to cover at least.

    Returns:
        The quantile with the order statistics that bracket it; None without values.

    Source: G. Hahn, W. Meeker, Statistical intervals (1991), section 5.2.
    """
    found = np.sort(finite(values))
    if found.size == 0 or not 0 <= share <= 1:
        return None
    tail = (1 - level) / 2
    count = int(found.size)
    # How many samples lie below the true quantile is binomial. `low` may be that many or fewer, `high` more than it.
    low = int(stats.binom.ppf(tail, count, share)) - 1
    high = int(stats.binom.ppf(1 - tail, count, share))
    value = float(np.quantile(found, share))
    return Quantile(
        value=value,
        low=min(value, float(found[low])) if low >= 0 else None,
        high=max(value, float(found[high])) if high < count else None,
        samples=count,
    )


def _edges(before: Floats, bins: int) -> Floats:
    shares = np.arange(1, bins) / bins
    cuts = np.unique(np.quantile(before, shares, method="inverted_cdf"))
    lowest = float(before.min())
    # Right-closed bins: without this cut a fall below an atom at the minimum could not be seen.
    below = [math.nextafter(lowest, -math.inf)] if cuts.size == 0 or cuts[0] == lowest else []
    return np.concatenate([below, cuts])


def _shares(values: Floats, edges: Floats) -> Floats:
    counts = np.bincount(np.searchsorted(edges, values, side="left"), minlength=edges.size + 1) + SMOOTHING
    shares: Floats = counts / counts.sum()
    return shares
