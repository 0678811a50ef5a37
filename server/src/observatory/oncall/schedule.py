"""Weekly rotations: at every instant exactly one person is on call. Weeks are counted in UTC, which has no summer time.

A rotation has a first handover. From it on, and backwards as well, each shift lasts the same number of weeks, and
people take turns in their order. An override puts somebody else in for a while.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from observatory.errors import InvalidRequest

MOST_PEOPLE = 52
MOST_OVERRIDES = 200
MOST_WEEKS = 8
WEEK = timedelta(weeks=1)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who can be called: a name, and the channels that reach them."""

    name: str
    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Override:
    """Somebody stands in, from a time until another, the end not included."""

    person: str
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Schedule:
    """A rotation.

    Attributes:
        id: names it.
        sentence: what it is for, in words.
        handover_at: one handover; all others are whole shifts away from it.
        weeks: length of a shift.
        people: in the order of their turns; the first begins at `handover_at`.
        overrides: none of them overlap; oldest first.
    """

    id: str
    sentence: str
    handover_at: datetime
    weeks: int
    people: tuple[Person, ...]
    overrides: tuple[Override, ...] = ()


@dataclass(frozen=True, slots=True)
class Shift:
    """Who is on call from when until when, the end not included. `override`: instead of whose turn it is."""

    person: Person
    starts_at: datetime
    ends_at: datetime
    override: bool


def on_call(schedule: Schedule, at: datetime) -> Shift:
    """The one who is on call at an instant, and the stretch around it in which nobody else is."""
    at = at.astimezone(UTC)
    length = WEEK * schedule.weeks
    turn = (at - schedule.handover_at) // length
    start = schedule.handover_at + turn * length
    end = start + length
    for each in schedule.overrides:
        if each.starts_at <= at < each.ends_at:
            return Shift(_person(schedule, each.person), each.starts_at, each.ends_at, override=True)
        if each.ends_at <= at:
            start = max(start, each.ends_at)
        else:
            end = min(end, each.starts_at)
    return Shift(schedule.people[turn % len(schedule.people)], start, end, override=False)


def shifts(schedule: Schedule, since: datetime, until: datetime, most: int = 1_000) -> list[Shift]:
    """The shifts of a stretch of time, without gap or overlap; the first and the last may reach beyond it."""
    found: list[Shift] = []
    at = since
    while at < until and len(found) < most:
        found.append(on_call(schedule, at))
        at = found[-1].ends_at
    return found


def _person(schedule: Schedule, name: str) -> Person:
    return next(each for each in schedule.people if each.name == name)


def decode(schedule_id: str, told: Mapping[str, Any]) -> Schedule:
    """A schedule from JSON values; times as ISO text or aware.

    Raises:
        InvalidRequest: naming the place and what is allowed.
    """
    people = tuple(Person(each["name"], tuple(dict.fromkeys(each["channels"]))) for each in told["people"])
    names = [each.name for each in people]
    if len(set(names)) < len(names):
        raise InvalidRequest("people: two have the same name")
    overrides = tuple(sorted(map(_override, told.get("overrides", ())), key=lambda each: each.starts_at))
    _check(overrides, names)
    return Schedule(
        id=schedule_id,
        sentence=told.get("sentence", ""),
        handover_at=_time(told["handover_at"]),
        weeks=told.get("weeks", 1),
        people=people,
        overrides=overrides,
    )


def _check(overrides: Sequence[Override], names: Sequence[str]) -> None:
    for place, each in enumerate(overrides):
        if each.person not in names:
            raise InvalidRequest(f"overrides.{place}.person: {each.person!r} is none of the people of this schedule")
        if each.ends_at <= each.starts_at:
            raise InvalidRequest(f"overrides.{place}.ends_at: must lie after starts_at")
        if place and each.starts_at < overrides[place - 1].ends_at:
            raise InvalidRequest(f"overrides.{place}.starts_at: two overrides overlap, and only one person is on call")


def _override(told: Mapping[str, Any]) -> Override:
    return Override(told["person"], _time(told["starts_at"]), _time(told["ends_at"]))


def _time(told: str | datetime) -> datetime:
    at = datetime.fromisoformat(told) if isinstance(told, str) else told
    return at.astimezone(UTC)


def encode(schedule: Schedule) -> dict[str, Any]:
    """A schedule as JSON values, without its id."""
    return {
        "sentence": schedule.sentence,
        "handover_at": schedule.handover_at.isoformat(),
        "weeks": schedule.weeks,
        "people": [{"name": each.name, "channels": list(each.channels)} for each in schedule.people],
        "overrides": [
            {"person": each.person, "starts_at": each.starts_at.isoformat(), "ends_at": each.ends_at.isoformat()}
            for each in schedule.overrides
        ],
    }
