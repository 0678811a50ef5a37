"""Rate limits of venues: how much is left, and how soon it is gone."""

from __future__ import annotations


def headroom(used: float, limit: float) -> float | None:
    """Unused share of a limit.

    Args:
        used: weight used in the venue's present window.
        limit: weight that it allows; 0 or less: none.

    Returns:
        0 to 1; below 0 once more was used than is allowed; None without a limit.
    """
    return None if limit <= 0 else 1 - used / limit


def minutes_to_limit(used: float, limit: float, per_minute: float) -> float | None:
    """Minutes until a limit of so much weight a minute is used up.

    Args:
        used: weight used in the present window.
        limit: weight allowed a minute.
        per_minute: weight used a minute, at the present pace.

    Returns:
        Minutes, 0 once it is used up; None when the pace stays within the limit: the window begins anew before it is
        gone.
    """
    if limit <= 0 or per_minute <= limit:
        return None
    return max(0.0, limit - used) / per_minute
