"""Numbers and reasons in words, for sentences that people read at night."""

from __future__ import annotations

from datetime import UTC, datetime

from observatory.model import Bound, Comparison, Value

_BEYOND = {
    Comparison.ABOVE: "above",
    Comparison.AT_LEAST: "at or above",
    Comparison.BELOW: "below",
    Comparison.AT_MOST: "at or below",
}


def number(value: Value, unit: str) -> str:
    """`value` with its unit as people read it: `1,200 ms`, `98 %`, `$12.34`."""
    if unit == "ratio":
        return f"{_plain(value * 100)} %"
    if unit == "usd":
        return f"{'-' if value < 0 else ''}${abs(value):,.2f}"
    if unit == "s":
        return span(float(value))
    if unit == "1" or unit.startswith("{"):
        return _plain(value)
    return f"{_plain(value)} {unit}"


def bound(limit: Bound, unit: str, kind: str) -> str:
    """`above the warning bound of 5,000 ms`."""
    return f"{_BEYOND[limit.comparison]} the {kind} bound of {number(limit.value, unit)}"


def samples(count: int) -> str:
    """`1 sample`, `1,200 samples`."""
    return "1 sample" if count == 1 else f"{count:,} samples"


def moment(at: datetime) -> str:
    """`14:33:10 UTC`."""
    return f"{at.astimezone(UTC):%H:%M:%S} UTC"


def span(seconds: float) -> str:
    """A duration in its two largest units: `42 s`, `3 min 5 s`, `2 h`."""
    whole = round(seconds)
    if whole < 60:
        return f"{_plain(seconds)} s"
    for size_s, unit, rest_s, rest_unit in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size_s:
            rest = whole % size_s // rest_s
            return f"{whole // size_s} {unit}" + (f" {rest} {rest_unit}" if rest else "")
    return f"{whole} s"


def window(seconds: int) -> str:
    """`5 min`, `1 h`, `1 d`."""
    return span(float(seconds))


def _plain(value: Value) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    size = abs(float(value))
    if 0 < size < 0.1:
        # Two decimals would cut away what there is.
        return f"{float(value):.2g}"
    digits = 0 if size >= 1_000 else 1 if size >= 100 else 2
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
