"""Conversions that a bindings file may name, from what the platform says to what a fact takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sized
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

_NS_PER_S = 1_000_000_000
_NS_PER_US = 1_000


def _divided(by: int) -> Callable[[Any], object]:
    return lambda value: value / by


def _times(by: int) -> Callable[[Any], object]:
    return lambda value: value * by


def _decimal(value: object) -> Decimal:
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, str | int | Decimal) and not isinstance(value, bool):
        return Decimal(value)
    raise TypeError(f"no amount: {type(value).__name__}")


def _cents(value: object) -> Decimal:
    return _decimal(value) / 100


def _instant(value: object) -> int:
    """A `datetime`, or its text as in RFC 3339; without an offset it is taken for UTC."""
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    if not isinstance(moment, datetime):
        raise TypeError(f"no moment: {type(value).__name__}")
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * _NS_PER_S + since.microseconds * _NS_PER_US


def _count(value: object) -> int:
    if not isinstance(value, list | tuple | dict | set | frozenset):
        raise TypeError(f"nothing to count: {type(value).__name__}")
    sized: Sized = value
    return len(sized)


def _keys(value: object) -> tuple[str, ...]:
    if not isinstance(value, dict):
        raise TypeError(f"no keys: {type(value).__name__}")
    return tuple(key for key in value if isinstance(key, str))


def _text(value: object) -> str:
    if isinstance(value, str | int | float | Decimal):
        return str(value)
    raise TypeError(f"no text: {type(value).__name__}")


def _lower(value: object) -> str:
    return _text(value).lower()


def _negated(value: object) -> object:
    if isinstance(value, bool):
        return not value
    amount = _decimal(value)
    # `-0` is no amount that anybody wrote down.
    return -amount if amount else amount


def _number(value: object) -> float:
    return float(_decimal(value))


CONVERSIONS: Mapping[str, Callable[[Any], object]] = {
    "ms_to_s": _divided(1_000),
    "s_to_ms": _times(1_000),
    "minutes_to_s": _times(60),
    "hours_to_s": _times(3_600),
    "days_to_s": _times(86_400),
    "percent_to_ratio": _divided(100),
    "bps_to_ratio": _divided(10_000),
    "ratio_to_percent": _times(100),
    "cents_to_usd": _cents,
    "time_to_unix_nano": _instant,
    "s_to_unix_nano": lambda value: int(_decimal(value) * _NS_PER_S),
    "ms_to_unix_nano": lambda value: int(_decimal(value) * 1_000_000),
    "decimal": _decimal,
    "number": _number,
    "count": _count,
    "keys": _keys,
    "text": _text,
    "lower": _lower,
    "negate": _negated,
}
