"""Numbers as people read them: the unit is the last part of a field's name, nothing measured is a dash."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

UNKNOWN = "—"

_UNITS: dict[str, Callable[[float], str]] = {
    "_ms": lambda value: f"{_plain(value)} ms",
    "_s": lambda value: f"{_plain(value)} s",
    "_bps": lambda value: f"{_plain(value)} bps",
    "_usd": lambda value: f"${value:,.2f}",
    "_bytes": lambda value: _bytes(value),
    "_ratio": lambda value: _percent(value),
}
# Names of shares in the contract that do not end in `_ratio`; shown as percent to people, kept as 0 to 1 in JSON.
_SHARE = re.compile(r"(^|_)(error|success|hit|win)_rate(_|$)|_share$|_uptime$")


def label(field: str) -> str:
    """`response_time_p95_ms` as `response time p95`."""
    # `fill_ratio` without its last word would be another thing; the other units are said by the number.
    unit = next((unit for unit in _UNITS if field.endswith(unit) and unit != "_ratio"), "")
    return field.removesuffix(unit).replace("_", " ")


def figure(field: str, value: object) -> str:
    """The value of a field with its unit; a dash when there is none."""
    if value is None:
        return UNKNOWN
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return _number(field, value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {figure(field, each)}" for name, each in value.items()) or "none"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(figure(field, each) for each in value) or "none"
    return str(value)


def span(seconds: float) -> str:
    """A length of time in its largest whole unit: `45 s`, `5 m`, `3 h`, `2 d`."""
    for size_s, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if abs(seconds) >= size_s:
            return f"{seconds / size_s:.0f} {unit}"
    return f"{seconds:.0f} s"


def age(at: object, now: datetime) -> str:
    """How long ago an RFC 3339 time was; a dash when it is none."""
    passed_s = age_s(at, now)
    return UNKNOWN if passed_s is None else f"{span(passed_s)} ago"


def age_s(at: object, now: datetime) -> float | None:
    """Seconds since an RFC 3339 time, not negative; None when it is none."""
    if not isinstance(at, str | datetime):
        return None
    try:
        then = at if isinstance(at, datetime) else datetime.fromisoformat(at)
    except ValueError:
        return None
    return None if then.tzinfo is None else max(0.0, (now - then).total_seconds())


def _number(field: str, value: float) -> str:
    if not math.isfinite(value):
        return UNKNOWN
    if _SHARE.search(field):
        return _percent(value)
    write = next((write for unit, write in _UNITS.items() if field.endswith(unit)), _plain)
    return write(value)


def _plain(value: float) -> str:
    if isinstance(value, int) or value.is_integer() or abs(value) >= 1_000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 100 else f"{value:.3g}"


def _percent(value: float) -> str:
    # What is not quite 1 is not shown as 100 %: it gets as many digits as that takes.
    for digits in range(3, 12):
        shown = f"{value * 100:.{digits}g}"
        if value >= 1 or shown != "100":
            break
    return f"{shown} %"


def _bytes(value: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(value) < 1_024:
            return f"{value:.3g} {unit}"
        value /= 1_024
    return f"{value:.3g} TiB"
