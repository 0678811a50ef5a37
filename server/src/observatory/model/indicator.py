"""What an indicator is. Its numbers and queries are data in `areas/<area>/indicators.yaml`."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from observatory.model.measurement import Value


class Comparison(StrEnum):
    """How a value is held against a bound; true means beyond it."""

    ABOVE = ">"
    AT_LEAST = ">="
    BELOW = "<"
    AT_MOST = "<="


_COMPARE: Mapping[Comparison, Callable[[Value, Value], bool]] = {
    Comparison.ABOVE: operator.gt,
    Comparison.AT_LEAST: operator.ge,
    Comparison.BELOW: operator.lt,
    Comparison.AT_MOST: operator.le,
}


@dataclass(frozen=True, slots=True)
class Bound:
    """A bound and the side of it that is bad: `> 5000`, `< 0.95`."""

    comparison: Comparison
    value: float

    def broken_by(self, value: Value) -> bool:
        """Whether `value` lies beyond the bound."""
        return _COMPARE[self.comparison](value, self.value)

    def __str__(self) -> str:
        return f"{self.comparison} {self.value:g}"

    @property
    def upward(self) -> bool:
        """Whether larger values are the bad ones."""
        return self.comparison in (Comparison.ABOVE, Comparison.AT_LEAST)


@dataclass(frozen=True, slots=True)
class Indicator:
    """One indicator's definition.

    Attributes:
        id: `<area>.<name>`, unique.
        area: id of its area.
        sentence: what is measured, in words, without the value.
        unit: unit of the value, as in `Measurement.unit`.
        window_s: seconds of event time it looks at.
        group_by: columns whose values name its members; empty: one value for the area.
        reads: table, or name of a sub-select of the same file, that it reads; for a derived one its origin in words.
        source: the same for people: the tables, and the rule by which their rows are read.
        value: SQL aggregate of the value; empty when the area derives it from other readings.
        samples: SQL aggregate that counts what the value rests on.
        judged_if: SQL condition under which a bound may be held against it.
        needs_s: SQL number of seconds for which the server must have listened before a value beyond a bound, or none,
            is taken for the truth: what did not come while nobody listened is not missing.
        estimated_if: SQL condition under which the value is marked as estimated.
        warn: beyond it the area is degraded; None: not judged.
        crit: beyond it the area is critical; None: never critical.
        least_samples: fewer samples than this are not judged.
        bound_source: where the bounds come from.
        zero_from: services whose fresh heartbeat turns "nothing seen" into a measured 0.
        interval: how its 95 % interval is made: `wilson` of a share and its samples, SQL of the lower and the
            upper end, or nothing.
    """

    id: str
    area: str
    sentence: str
    unit: str
    window_s: int
    group_by: tuple[str, ...]
    reads: str
    source: str
    value: str
    samples: str
    judged_if: str
    needs_s: str
    estimated_if: str
    warn: Bound | None
    crit: Bound | None
    least_samples: int
    bound_source: str
    zero_from: tuple[str, ...]
    interval: tuple[str, ...] = ()

    @property
    def bounded(self) -> bool:
        """Whether the indicator can change its area's health."""
        return self.warn is not None or self.crit is not None

    @property
    def direction(self) -> str:
        """`lower_is_better`, `higher_is_better`, or `informational` without bounds."""
        bound = self.warn or self.crit
        if bound is None:
            return "informational"
        return "lower_is_better" if bound.upward else "higher_is_better"
