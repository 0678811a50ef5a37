"""Numbers and names as venues and ccxt write them, read without losing a digit and without trust."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

MAX_ID = 128
_MOST = Decimal(10) ** 20
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_UNITS = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
_WHOLE = re.compile(r"\d{1,19}")
_MOST_NS = 2**63 - 1


def exact(value: object) -> Decimal | None:
    """A number, or text that is one, as the decimal it says; None when it is none, is below 0 or is beyond reason."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return None
    if isinstance(value, str) and (not value.isascii() or "_" in value):
        return None
    try:
        # A float is meant as the shortest decimal that reads back as it.
        found = value if isinstance(value, Decimal) else Decimal(str(value).strip()[:64])
    except InvalidOperation:
        return None
    return found if found.is_finite() and 0 <= found < _MOST else None


def short(value: object) -> str | None:
    """An id or a word: text that is not empty, or a whole number, cut to a length no id reaches."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return value.strip()[:MAX_ID] or None if isinstance(value, str) else None


def whole(value: object) -> int | None:
    """A whole number of 0 or more, also as text."""
    if type(value) is int:
        return value if 0 <= value < 2**63 else None
    return int(value) if type(value) is str and _WHOLE.fullmatch(value) else None


def instant_ns(value: object, unit: str = "ms") -> int | None:
    """A moment in nanoseconds since 1970 UTC. `unit`: `s`, `ms`, `us`, `ns`, or `iso` for a date and time as text."""
    if unit == "iso":
        return _iso_ns(value)
    found = whole(value)
    if found is None:
        # Seconds and milliseconds come with a point, too.
        said = exact(value)
        found_ns = 0 if said is None else int(said * _UNITS[unit])
    else:
        found_ns = found * _UNITS[unit]
    return found_ns if 0 < found_ns <= _MOST_NS else None


def _iso_ns(value: object) -> int | None:
    if not isinstance(value, str):
        return None
    try:
        said = datetime.fromisoformat(value)
        found = (said if said.tzinfo else said.replace(tzinfo=UTC)) - _EPOCH
    except (ValueError, OverflowError):
        return None
    found_ns = found // _MICROSECOND * 1_000
    return found_ns if 0 < found_ns <= _MOST_NS else None


def fields(value: object) -> Mapping[str, Any]:
    """A dictionary as it is, and an empty one for anything else."""
    return value if isinstance(value, dict) else {}
