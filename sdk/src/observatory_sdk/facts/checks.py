"""Values held against the declaration of their attribute."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation

from observatory_sdk.conventions import Attribute, Type, common
from observatory_sdk.errors import FactError
from observatory_sdk.guard import LOSSES

AttributeValue = str | bool | int | float | Sequence[str]
Money = Decimal | int
"""An exact amount. A float is taken too, as the shortest decimal that reads back as it."""
Number = float | int | Decimal
Check = Callable[[Attribute, object], AttributeValue]

MAX_TEXT = 4096
MAX_TEXTS = 256
_MONEY_LIMIT = Decimal(10) ** 20


def checked(values: Iterable[tuple[Attribute, object]]) -> dict[str, AttributeValue]:
    """The attributes to send. None is left out. A refused value is left out, named in `observatory.invalid`, counted.

    The fact goes out without it: a lost field is a smaller loss than a lost order. Strict mode raises `FactError`.
    """
    accepted: dict[str, AttributeValue] = {}
    refused: list[str] = []
    for attribute, value in values:
        if value is None:
            continue
        try:
            accepted[attribute.name] = CHECKS[attribute.type](attribute, value)
        except (FactError, TypeError, ValueError, OverflowError, InvalidOperation) as error:
            refused.append(refuse(attribute, error))
    if refused:
        accepted[common.INVALID.name] = refused
    return accepted


def refuse(attribute: Attribute, error: Exception) -> str:
    """Count a refused value; never its text, which may be a secret."""
    if LOSSES.strict:
        raise error if isinstance(error, FactError) else FactError(f"{attribute}: {error}") from error
    LOSSES.count("value refused", attribute.name)
    return attribute.name


def is_instant(value: object) -> bool:
    """Whether a value can go out as a time: one that cannot would spoil the batch it is sent with."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63


def _text(attribute: Attribute, value: object) -> str:
    if not isinstance(value, str):
        raise FactError(f"{attribute} takes text, not {type(value).__name__}")
    if attribute.values and value not in attribute.values:
        raise FactError(f"{attribute} takes one of {', '.join(attribute.values)}")
    if type(value) is str and len(value) <= MAX_TEXT:
        return value
    # StrEnum members and other subclasses go out as plain text.
    return str.__str__(value)[:MAX_TEXT]


def _texts(attribute: Attribute, value: object) -> Sequence[str]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise FactError(f"{attribute} takes a list of texts")
    return tuple(_text(attribute, item) for item in list(value)[:MAX_TEXTS])


def _integer(attribute: Attribute, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise FactError(f"{attribute} takes a whole number, not {type(value).__name__}")
    if not -(2**63) <= value < 2**63:
        raise FactError(f"{attribute} takes a 64-bit number")
    _within(attribute, value)
    return value


def _number(attribute: Attribute, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise FactError(f"{attribute} takes a number, not {type(value).__name__}")
    result = float(value)
    if not math.isfinite(result):
        raise FactError(f"{attribute} takes a finite number")
    _within(attribute, result)
    return result


def _within(attribute: Attribute, value: float) -> None:
    low, high = attribute.minimum, attribute.maximum
    if (low is not None and value < low) or (high is not None and value > high):
        raise FactError(f"{attribute} takes values from {low} to {high}")


def _flag(attribute: Attribute, value: object) -> bool:
    if not isinstance(value, bool):
        raise FactError(f"{attribute} takes true or false, not {type(value).__name__}")
    return value


def _money(attribute: Attribute, value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, Decimal | int | float):
        raise FactError(f"{attribute} takes a decimal amount, not {type(value).__name__}")
    amount = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    if not amount.is_finite() or abs(amount) >= _MONEY_LIMIT:
        raise FactError(f"{attribute} takes a finite amount below 10^20")
    return format(amount, "f")


CHECKS: Mapping[Type, Check] = {
    Type.TEXT: _text,
    Type.TEXTS: _texts,
    Type.INTEGER: _integer,
    Type.INSTANT: _integer,
    Type.NUMBER: _number,
    Type.FLAG: _flag,
    Type.MONEY: _money,
}
