"""Periods of budgets in UTC: a day, a week from Monday, a month."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

PERIODS = ("day", "week", "month")


@dataclass(frozen=True, slots=True)
class Period:
    """One period: from `start` up to but without `end`."""

    name: str
    start: datetime
    end: datetime

    @property
    def length_s(self) -> int:
        """Its length in seconds."""
        return round((self.end - self.start).total_seconds())


def around(name: str, at: datetime) -> Period:
    """The `day`, `week` or `month` in UTC that the time `at` lies in.

    Raises:
        ValueError: another name, or a time without its zone.
    """
    if at.tzinfo is None:
        raise ValueError("a period is found around an aware time")
    day = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if name == "day":
        return Period(name, day, day + timedelta(days=1))
    if name == "week":
        monday = day - timedelta(days=day.weekday())
        return Period(name, monday, monday + timedelta(days=7))
    if name == "month":
        first = day.replace(day=1)
        return Period(name, first, (first + timedelta(days=32)).replace(day=1))
    raise ValueError(f"no period {name!r}: expected one of {', '.join(PERIODS)}")
