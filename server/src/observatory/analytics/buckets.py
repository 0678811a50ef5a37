"""Quantiles of values of which only counts between bounds are known."""

from __future__ import annotations

from collections.abc import Sequence


def quantile(bounds: Sequence[float], counts: Sequence[int], share: float) -> float | None:
    """A quantile, linear within its bucket.

    Args:
        bounds: upper ends of all buckets but the last, rising, in any unit.
        counts: one more than bounds; the last bucket has no end.
        share: 0 to 1, 0.95 for p95.

    Returns:
        The quantile in the unit of the bounds. In the bucket without an end it is the highest bound, in a first
        bucket that ends at or below 0 that end. None without counts.

    Source: `histogram_quantile` of Prometheus (documentation of its query functions).
    """
    total = sum(counts)
    if total <= 0 or not bounds:
        return None
    rank, upto = share * total, 0
    for place, count in enumerate(counts):
        if count > 0 and upto + count >= rank:
            if place == len(bounds):
                return bounds[-1]
            if place == 0 and bounds[0] <= 0:
                return bounds[0]
            low = bounds[place - 1] if place else 0.0
            return low + (bounds[place] - low) * (rank - upto) / count
        upto += count
    return bounds[-1]
