"""How fast incidents were seen, taken and over; which come back, at which time of day, with which root. Pure."""

from __future__ import annotations

import statistics as plain
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

from observatory.incidents.interval import started
from observatory.incidents.model import Case, Member

LEAST_AGAIN = 2


@dataclass(frozen=True, slots=True)
class Times:
    """One of the four times over some incidents.

    Attributes:
        id: `mttd`, `mtta`, `mttr`, `mtbf`.
        sentence: from what to what it goes.
        mean_s, median_s: None without samples.
        samples: incidents (of `mtbf`: pauses between two) that it rests on.
        missing: incidents of which one of the two ends is not known, or not there yet.
        estimated: samples whose start is the first bad observation, because no change point was found.
    """

    id: str
    sentence: str
    mean_s: float | None
    median_s: float | None
    samples: int
    missing: int
    estimated: int


@dataclass(frozen=True, slots=True)
class Recurrence:
    """One trouble that came more than once.

    Attributes:
        root: rule and member of the root.
        incidents: ids, oldest first.
        mean_gap_s, median_gap_s: between their starts.
        mean_length_s: from start to end of those that are over; None without one.
    """

    rule: str
    member: str
    incidents: tuple[str, ...]
    first_at: datetime
    last_at: datetime
    mean_gap_s: float
    median_gap_s: float
    mean_length_s: float | None


@dataclass(frozen=True, slots=True)
class Similar:
    """An earlier incident that looks like another.

    Attributes:
        case: it.
        likeness: share of what the two are marked by that both have, 0 to 1.
        shared: what both have.
    """

    case: Case
    likeness: float
    shared: tuple[str, ...]


def times(cases: Sequence[Case]) -> tuple[Times, ...]:
    """The four times. An incident that was merged into another does not count by itself."""
    own = [case for case in cases if case.incident.merged_into is None]
    return (
        _times("mttd", "from the change point of the first indicator to the first alert", own, _detected),
        _times("mtta", "from the first alert to somebody's first acknowledgement", own, _taken),
        _times("mttr", "from the start of an incident to the end of its last alert", own, _over),
        _between(own),
    )


def _times(name: str, sentence: str, cases: Sequence[Case], measure: Callable[[Case], float | None]) -> Times:
    found = [(case, seconds) for case in cases if (seconds := measure(case)) is not None]
    values = [seconds for _, seconds in found]
    guessed = sum(started(case)[1] != "change_point" for case, _ in found) if name == "mttr" else 0
    return Times(name, sentence, _mean(values), _median(values), len(values), len(cases) - len(values), guessed)


def _between(cases: Sequence[Case]) -> Times:
    starts = sorted((started(case)[0], started(case)[1]) for case in cases)
    gaps = [(after[0] - before[0]).total_seconds() for before, after in pairwise(starts)]
    guessed = sum(by != "change_point" for _, by in starts[1:])
    told = "from the start of one incident to the start of the next"
    return Times("mtbf", told, _mean(gaps), _median(gaps), len(gaps), 0, guessed)


def _detected(case: Case) -> float | None:
    start = case.incident.first_deviation_at
    return None if start is None else max(0.0, (case.incident.opened_at - start).total_seconds())


def _taken(case: Case) -> float | None:
    # That it came again, and was to be taken again, does not undo that it was taken. Older ones know only the newest.
    taken = case.incident.first_acknowledged_at or case.incident.acknowledged_at
    # One that was split off was taken as a part of another, before it began itself.
    return (
        None if taken is None or taken < case.incident.opened_at else (taken - case.incident.opened_at).total_seconds()
    )


def _over(case: Case) -> float | None:
    ended = case.incident.resolved_at
    return None if ended is None else (ended - started(case)[0]).total_seconds()


def root_of(case: Case) -> Member:
    """The alert that is thought to be the first cause."""
    return next((each for each in case.members if each.alert == case.incident.root), case.members[0])


def recurrences(cases: Iterable[Case]) -> list[Recurrence]:
    """Roots of more than one incident, the most frequent first."""
    by: dict[tuple[str, str], list[Case]] = {}
    for case in cases:
        found = root_of(case)
        by.setdefault((found.rule, found.member), []).append(case)
    again = [
        _recurrence(rule, member, sorted(of, key=lambda case: case.incident.opened_at))
        for (rule, member), of in by.items()
        if len(of) >= LEAST_AGAIN
    ]
    return sorted(again, key=lambda each: (-len(each.incidents), each.rule, each.member))


def _recurrence(rule: str, member: str, cases: Sequence[Case]) -> Recurrence:
    starts = [started(case)[0] for case in cases]
    gaps = [(after - before).total_seconds() for before, after in pairwise(sorted(starts))]
    lengths = [seconds for case in cases if (seconds := _over(case)) is not None]
    return Recurrence(
        rule=rule,
        member=member,
        incidents=tuple(case.incident.id for case in cases),
        first_at=min(starts),
        last_at=max(starts),
        mean_gap_s=plain.fmean(gaps),
        median_gap_s=plain.median(gaps),
        mean_length_s=_mean(lengths),
    )


def hours(cases: Iterable[Case]) -> Mapping[int, int]:
    """Incidents by the hour of the day, UTC, at which they began; every hour is there."""
    found = Counter(started(case)[0].astimezone(UTC).hour for case in cases)
    return {hour: found[hour] for hour in range(24)}


def weekdays(cases: Iterable[Case]) -> Mapping[int, int]:
    """Incidents by the day of the week, UTC, Monday 0; every day is there."""
    found = Counter(started(case)[0].astimezone(UTC).weekday() for case in cases)
    return {day: found[day] for day in range(7)}


def tally(cases: Iterable[Case], names: Callable[[Case], Iterable[str]]) -> list[tuple[str, int]]:
    """How many incidents concern each name, most first."""
    found = Counter(name for case in cases for name in set(names(case)))
    return sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))


def marks(case: Case) -> frozenset[str]:
    """What an incident is known by: the rules and members that fired, the services, its root."""
    found = {f"rule {each.rule}" for each in case.members}
    found |= {f"member {each.member}" for each in case.members if each.member}
    found |= {f"service {each}" for each in case.incident.services}
    root = root_of(case)
    return frozenset(found | {f"root {root.rule}"})


def similar(case: Case, others: Iterable[Case], most: int = 5, least: float = 0.3) -> list[Similar]:
    """Earlier incidents that look like one, most alike first (Jaccard index of their marks)."""
    own = marks(case)
    found: list[Similar] = []
    for other in others:
        if other.incident.id == case.incident.id or other.incident.opened_at > case.incident.opened_at:
            continue
        theirs = marks(other)
        likeness = len(own & theirs) / len(own | theirs)
        if likeness >= least:
            found.append(Similar(other, round(likeness, 3), tuple(sorted(own & theirs))))
    found.sort(key=lambda each: (-each.likeness, -each.case.incident.opened_at.timestamp(), each.case.incident.id))
    return found[:most]


def _mean(values: Sequence[float]) -> float | None:
    return plain.fmean(values) if values else None


def _median(values: Sequence[float]) -> float | None:
    return plain.median(values) if values else None
