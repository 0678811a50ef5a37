"""Values of rows as JSON, CSV and Python give them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

# From so many on a number of seconds would be in the year 5138: it is milliseconds, and so on.
_SCALES = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3))


def first(row: Mapping[str, Any], *names: str) -> Any:
    """The value under the first of the names that has one."""
    return next((row[name] for name in names if row.get(name) not in (None, "")), None)


def number(value: Any) -> float | None:
    """A finite number, or None."""
    try:
        found = float(value)
    except (TypeError, ValueError):
        return None
    return found if math.isfinite(found) else None


def seconds(value: Any) -> float | None:
    """A time as seconds since 1970 UTC; one without a zone is UTC. None when it is no time."""
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    found = number(value)
    if found is not None:
        return next((found / scale for least, scale in _SCALES if abs(found) >= least), found)
    try:
        return seconds(datetime.fromisoformat(str(value)))
    except ValueError:
        return None
