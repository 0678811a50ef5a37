"""When an incident was: its start, its end, and as long before it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from observatory.incidents.model import Case

LONGEST = timedelta(days=7)
SHORTEST = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Interval:
    """A stretch of time, its end not included. `by` is what its start was taken from."""

    start: datetime
    end: datetime
    by: str = ""

    @property
    def length_s(self) -> float:
        """Its length."""
        return (self.end - self.start).total_seconds()


def started(case: Case) -> tuple[datetime, str]:
    """When the trouble began and how that is known: the change point, else the first bad observation."""
    if case.incident.first_deviation_at is not None:
        return case.incident.first_deviation_at, "change_point"
    return min(each.started_at for each in case.members), "first_bad_observation"


def of(case: Case, now: datetime) -> Interval:
    """From its start to its end or now; of a long one the first days only, and never less than some minutes."""
    start, by = started(case)
    end = min(case.incident.resolved_at or now, start + LONGEST)
    return Interval(start, max(end, start + SHORTEST), by)


def before(interval: Interval) -> Interval:
    """As long before it."""
    return Interval(interval.start - (interval.end - interval.start), interval.start)
