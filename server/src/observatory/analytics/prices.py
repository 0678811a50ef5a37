"""Prices of one thing at several venues."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping


def deviations_bps(prices: Mapping[str, float]) -> dict[str, float]:
    """How far each venue's price is from the median of all of them.

    The median is moved by no single venue; of two venues nobody can say which one errs, and both are shown as far.

    Args:
        prices: by venue, above 0; others are left out.

    Returns:
        Signed basis points by venue; above the median is positive.
    """
    known = {venue: price for venue, price in prices.items() if math.isfinite(price) and price > 0}
    if not known:
        return {}
    middle = statistics.median(known.values())
    return {venue: (price / middle - 1) * 10_000 for venue, price in known.items()}
