"""Flapping: how often something changed its state within a short time, wherever that time lies."""

from __future__ import annotations

from collections.abc import Sequence


def most(times: Sequence[float], within_s: float) -> int:
    """Most changes that lie within any stretch of so many seconds.

    Args:
        times: when each change happened, in seconds, in any order.
        within_s: length of the stretch in seconds; changes exactly as far apart as that lie within it.

    Returns:
        How many; 0 without changes.
    """
    ordered = sorted(times)
    found, first = 0, 0
    for last, at in enumerate(ordered):
        while at - ordered[first] > within_s:
            first += 1
        found = max(found, last - first + 1)
    return found
