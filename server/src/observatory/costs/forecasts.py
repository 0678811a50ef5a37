"""Where spending goes: to the end of the day, the week and the month, and when a budget is crossed. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from observatory.analytics import totals
from observatory.analytics.totals import Course
from observatory.costs.budgets import Projection
from observatory.costs.periods import PERIODS, around
from observatory.state import BudgetRecord

# The longest month, and the hours of a week beyond it for budgets by the week.
HORIZON_H = 31 * 24
HISTORY = timedelta(hours=totals.MOST)
LEAST_H = totals.LEAST
TESTED_H = totals.LEAST_TESTED
_HOUR = timedelta(hours=1)
_PLACES = Decimal("0.000001")
_LIKELY = 0.8


@dataclass(frozen=True, slots=True)
class Outlook:
    """How spending on a scope goes on from `at`, the end of the last whole hour that was looked at.

    Attributes:
        courses: one for each period's end, each chosen for sums of that length.
        estimated: some of what it rests on has no known amount, or an estimated one.
    """

    at: datetime
    courses: Mapping[str, Course]
    estimated: bool

    @property
    def samples(self) -> int:
        """How many hours it rests on."""
        return self.courses["month"].samples


@dataclass(frozen=True, slots=True)
class Ahead:
    """The forecast for the end of one period.

    Attributes:
        spent_usd: spent in the period so far.
        expected_usd: at its end, what was spent included; None where there is too little history.
        bands: lower and upper end by level; never below what is spent.
        course: what it rests on.
        coverage: for each level, the share of earlier forecasts of this kind that its band held.
        tests: how many earlier forecasts that is.
        tested_h: over how many hours they went.
    """

    period: str
    ends_at: datetime
    spent_usd: Decimal
    expected_usd: Decimal | None
    bands: Mapping[float, tuple[Decimal, Decimal]]
    course: Course
    coverage: Mapping[float, float]
    tests: int
    tested_h: int


def look_ahead(hours: Sequence[float | None], at: datetime, estimated: bool = False) -> Outlook:
    """The outlook from hours of spending up to `at`, oldest first; None where nothing at all was heard.

    Takes up to some seconds: it belongs in a thread.
    """
    found = {}
    for period in PERIODS:
        left = steps(at, around(period, at).end)
        found[period] = totals.course(hours, HORIZON_H if period == "month" else left, left)
    return Outlook(at, found, estimated)


def steps(at: datetime, until: datetime) -> int:
    """Hours from `at` to `until`, each begun one counted."""
    return max(0, -((at - until) // _HOUR))


def ahead(outlook: Outlook, period: str, now: datetime, spent: Decimal, spent_before: Decimal) -> Ahead:
    """The forecast for the end of the period that `now` lies in.

    Args:
        outlook: made at most some hours before.
        period: `day`, `week` or `month`.
        now: the time.
        spent: in the period up to now.
        spent_before: in the period up to the outlook's `at`.
    """
    found = around(period, now)
    # An outlook from before the period's start tells of the hours between as well; they are too few to matter.
    start = max(outlook.at, found.start)
    course = outlook.courses[period]
    if not course.path:
        return Ahead(period, found.end, spent, None, {}, course, {}, 0, 0)
    # Right after a period began the old outlook reaches to its end only; the month's goes on.
    left = steps(start, found.end)
    fitting = course if left <= len(course.path) else outlook.courses["month"]
    total = fitting.total(left)
    expected = max(spent, spent_before + _usd(total.expected))
    bands = {
        level: (max(spent, spent_before + _usd(low)), max(spent, spent_before + _usd(high)))
        for level, (low, high) in total.bands.items()
    }
    return Ahead(period, found.end, spent, expected, bands, fitting, total.coverage, total.tests, total.tested_steps)


def project(
    budget: BudgetRecord, outlook: Outlook | None, now: datetime, spent: Decimal, before: Decimal
) -> Projection:
    """What the forecast says of a budget, whose period's spending is `spent` now and was `before` at the outlook's."""
    if outlook is None or not outlook.courses["month"].path:
        return Projection(None, False, None, None)
    amount, period = budget.terms.amount_usd, budget.terms.period
    there = ahead(outlook, period, now, spent, before)
    course = outlook.courses["month"]

    def expected(hours: int) -> float:
        return course.sum(hours)

    def upper(hours: int) -> float:
        return course.total(hours).bands.get(_LIKELY, (0.0, expected(hours)))[1]

    days = [_crossed(course, path, outlook.at, now, period, amount, (spent, before)) for path in (expected, upper)]
    return Projection(there.expected_usd, there.course.enough, days[0], days[1])


def _crossed(
    course: Course,
    path: Callable[[int], float],
    at: datetime,
    now: datetime,
    period: str,
    amount: Decimal,
    spent: tuple[Decimal, Decimal],
) -> str | None:
    """The first day (UTC) on which some period's spending reaches the amount; None within the horizon.

    The path is one of sums from `at` on, so the part of a later period is a difference of two of them.
    """
    now_usd, before_usd = spent
    if now_usd >= amount:
        return now.date().isoformat()
    found = around(period, at)
    begun, base = 0.0, float(before_usd) if found == around(period, now) else 0.0
    for hour in range(1, len(course.path) + 1):
        reached = at + hour * _HOUR
        sum_ = path(hour)
        if reached > found.end:
            found, begun, base = around(period, reached - _HOUR), path(hour - 1), 0.0
        if base + sum_ - begun >= amount:
            return max(reached - _HOUR, now).date().isoformat()
    return None


def _usd(value: float) -> Decimal:
    return Decimal(repr(value)).quantize(_PLACES)
