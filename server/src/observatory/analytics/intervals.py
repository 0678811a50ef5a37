"""Intervals of shares and means: how far a number may be from the truth, given how little was seen."""

from __future__ import annotations

import math
from functools import cache

from scipy import stats

LEVEL = 0.95


def wilson(share: float, samples: int, level: float = LEVEL) -> tuple[float, float] | None:
    """Wilson's score interval of a share.

    Args:
        share: successes per sample, 0 to 1.
        samples: how many were seen.
        level: probability that the interval is to cover.

    Returns:
        Lower and upper end, both in 0 to 1; None without samples, or when `share` is no share.

    Source: E. B. Wilson, Probable inference, the law of succession, and statistical inference, JASA 22 (1927).
    """
    if samples <= 0 or not 0 <= share <= 1:
        return None
    z = _quantile(level)
    squared = z * z
    scale = 1 + squared / samples
    middle = share + squared / (2 * samples)
    reach = z * math.sqrt(share * (1 - share) / samples + squared / (4 * samples * samples))
    # Rounding must not put the share itself outside.
    return max(0.0, min(share, (middle - reach) / scale)), min(1.0, max(share, (middle + reach) / scale))


def mean(average: float, deviation: float, samples: int, level: float = LEVEL) -> tuple[float, float] | None:
    """Student's interval of a mean.

    Args:
        average: mean of the samples.
        deviation: their standard deviation (with n - 1), in the same unit.
        samples: how many were seen.
        level: probability that the interval is to cover.

    Returns:
        Lower and upper end; None for fewer than two samples, or when an argument is not finite.
    """
    if samples < 2 or not (math.isfinite(average) and math.isfinite(deviation)):
        return None
    reach = float(stats.t.ppf((1 + level) / 2, samples - 1)) * deviation / math.sqrt(samples)
    return average - reach, average + reach


@cache
def _quantile(level: float) -> float:
    return float(stats.norm.ppf((1 + level) / 2))
