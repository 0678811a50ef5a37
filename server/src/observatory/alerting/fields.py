"""Reading one entry of a rule file or request field by field; every refusal names the field."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from observatory.areas import Definition
from observatory.catalogue import Catalogue
from observatory.errors import ObservatoryError
from observatory.model import Bound, Comparison, Indicator

_LENGTH = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3_600, "d": 86_400}
_BOUND = re.compile(r"(>=|<=|>|<)\s*(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)")
LONGEST_S = 31 * 86_400.0
TEXT = 2_000

Choice = TypeVar("Choice", bound=StrEnum)


class RuleError(ObservatoryError):
    """A rule that cannot be taken. The message names the place, the field and what is allowed.

    Args:
        message: what is wrong.
        field: the field that is wrong, a path with dots; empty for the whole entry.
    """

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True)
class Known:
    """What a rule may name.

    Attributes:
        indicators: by id.
        services: ids of the catalogue's services.
        areas: ids of its areas.
        sql: whether the rule comes from a file on the server's disk, and so may hold SQL.
    """

    indicators: Mapping[str, Indicator]
    services: Collection[str]
    areas: Collection[str]
    sql: bool = False


def known(definitions: Iterable[Definition], catalogue: Catalogue) -> Known:
    """What rules may name, from the areas and the catalogue."""
    return Known(
        {name: each for definition in definitions for name, each in definition.indicators.items()},
        tuple(service.id for service in catalogue.services),
        tuple(area.id for area in catalogue.areas),
    )


class Fields:
    """One mapping, whose fields are read one by one; `done` refuses those that nobody asked for.

    Args:
        values: as they were parsed.
        known: what may be named.
        prefix: what stands before a field's name in a refusal.
    """

    def __init__(self, values: object, known: Known, prefix: str = "") -> None:
        if not isinstance(values, Mapping):
            raise RuleError(f"{prefix.rstrip('.') or 'the rule'} must be a mapping", prefix.rstrip("."))
        self.known = known
        self._values: Mapping[str, Any] = values
        self._prefix = prefix
        self._asked: set[str] = set()

    def refuse(self, name: str, message: str) -> RuleError:
        """The error that says what is wrong with a field."""
        return RuleError(f"{self._prefix}{name}: {message}", f"{self._prefix}{name}")

    def has(self, name: str) -> bool:
        """Whether the field is there."""
        return self._values.get(name) is not None

    def below(self, name: str) -> Fields:
        """The mapping in a field."""
        self._asked.add(name)
        return Fields(self._values.get(name), self.known, f"{self._prefix}{name}.")

    def text(self, name: str, default: str | None = None, most: int = TEXT) -> str:
        """A text; refused when it is missing and there is no default."""
        value = self._take(name)
        if value is None and default is not None:
            return default
        if not isinstance(value, str) or not value.strip() or len(value) > most or "\0" in value:
            raise self.refuse(name, f"must be a text of 1 to {most} characters")
        return value.strip()

    def one_of(self, name: str, allowed: Collection[str], default: str | None = None) -> str:
        """One of some texts."""
        value = self.text(name, default)
        if value not in allowed:
            raise self.refuse(name, f"must be one of {', '.join(allowed)}, not {value[:64]!r}")
        return value

    def choice(self, name: str, kind: type[Choice], default: Choice | None = None) -> Choice:
        """A member of an enumeration."""
        return kind(self.one_of(name, [each.value for each in kind], default))

    def texts(self, name: str, most: int = 64) -> tuple[str, ...]:
        """A list of texts; one text stands for a list of one."""
        value = self._take(name)
        values = [] if value is None else [value] if isinstance(value, str) else value
        if not isinstance(values, list | tuple) or len(values) > most:
            raise self.refuse(name, f"must be a list of at most {most} texts")
        if not all(isinstance(each, str) and 0 < len(each) <= 256 for each in values):
            raise self.refuse(name, "must hold texts of 1 to 256 characters")
        return tuple(values)

    def mapping(self, name: str, most: int = 32) -> dict[str, str]:
        """Texts by name."""
        value = self._take(name)
        found = {} if value is None else value
        if not isinstance(found, Mapping) or len(found) > most:
            raise self.refuse(name, f"must be a mapping of at most {most} texts")
        if not all(isinstance(key, str) and isinstance(each, str | int | float) for key, each in found.items()):
            raise self.refuse(name, "must hold texts by name")
        if not all(0 < len(key) <= 64 and len(str(each)) <= 256 for key, each in found.items()):
            raise self.refuse(name, "must hold names of 1 to 64 and texts of at most 256 characters")
        return {key: str(each) for key, each in found.items()}

    def seconds(self, name: str, default: float) -> float:
        """A length such as `30s`, `5m` or `500ms`, or a plain number of seconds; at most 31 days."""
        value = self._take(name)
        if value is None:
            return default
        found = math.nan
        if isinstance(value, int | float) and not isinstance(value, bool):
            found = float(value)
        elif isinstance(value, str) and (match := _LENGTH.fullmatch(value.strip())):
            found = float(match[1]) * _SECONDS[match[2]]
        if not 0 <= found <= LONGEST_S:
            raise self.refuse(name, "must be a length from 0s to 31d, such as 30s, 5m or 1h")
        return found

    def whole(self, name: str, default: int, least: int = 0, most: int = 10**9) -> int:
        """A whole number."""
        value = self._take(name)
        if value is None:
            return default
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise self.refuse(name, f"must be a whole number from {least} to {most}")
        return value

    def yes(self, name: str, default: bool) -> bool:
        """True or false."""
        value = self._take(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.refuse(name, "must be true or false")
        return value

    def bound(self, name: str) -> Bound | None:
        """A bound such as `> 5`; None without the field."""
        value = self._take(name)
        if value is None:
            return None
        match = _BOUND.fullmatch(value.strip()) if isinstance(value, str) else None
        if match is None or not math.isfinite(float(match[2])):
            raise self.refuse(name, "must be a bound such as '> 5' or '< 0.95'")
        return Bound(Comparison(match[1]), float(match[2]))

    def indicator(self, name: str) -> Indicator:
        """An indicator by its id."""
        value = self.text(name, most=256)
        found = self.known.indicators.get(value)
        if found is None:
            raise self.refuse(name, f"no indicator {value[:64]!r}")
        return found

    def done(self) -> None:
        """Refuse what nobody asked for: a misspelt field must not be taken for its default."""
        unknown = sorted(str(name)[:64] for name in self._values if name not in self._asked)
        if unknown:
            raise self.refuse(unknown[0], f"unknown field; there are {', '.join(sorted(self._asked))}")

    def _take(self, name: str) -> Any:
        self._asked.add(name)
        return self._values.get(name)
