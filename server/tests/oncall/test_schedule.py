"""Rotations: at every instant exactly one person, handed over at the same hour UTC whatever summer time does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from observatory.errors import InvalidRequest
from observatory.oncall import Override, Person, Schedule, on_call, schedule, shifts

HANDOVER = datetime(2026, 1, 5, 9, tzinfo=UTC)
NAMES = ("Ada", "Ben", "Cy", "Dee")
instants = st.integers(-5 * 10**8, 5 * 10**8).map(lambda each: HANDOVER + timedelta(seconds=each))


@st.composite
def rotations(draw: st.DrawFn) -> Schedule:
    people = tuple(Person(each, (f"to-{each}",)) for each in NAMES[: draw(st.integers(1, 4))])
    weeks, at = draw(st.integers(1, 3)), draw(instants)
    overrides: list[Override] = []
    for _ in range(draw(st.integers(0, 4))):
        start = at + timedelta(minutes=draw(st.integers(0, 40_000)))
        at = start + timedelta(minutes=draw(st.integers(1, 30_000)))
        overrides.append(Override(draw(st.sampled_from(people)).name, start, at))
    return Schedule("primary", "", draw(instants), weeks, people, tuple(overrides))


@settings(deadline=None)
@given(rotations(), instants, st.integers(1, 200))
def test_every_instant_has_exactly_one_person(rotation: Schedule, since: datetime, days: int) -> None:
    until = since + timedelta(days=days)
    found = shifts(rotation, since, until)
    assert found[0].starts_at <= since
    assert found[-1].ends_at >= until
    assert all(one.ends_at == other.starts_at for one, other in pairwise(found))
    for each in found:
        assert each.starts_at < each.ends_at
        middle = each.starts_at + (each.ends_at - each.starts_at) / 2
        for at in (each.starts_at, middle, each.ends_at - timedelta(microseconds=1)):
            assert on_call(rotation, at) == each


@settings(deadline=None)
@given(rotations(), instants)
def test_an_override_puts_exactly_its_person_in(rotation: Schedule, at: datetime) -> None:
    wanted = [each.person for each in rotation.overrides if each.starts_at <= at < each.ends_at]
    found = on_call(rotation, at)
    assert found.override == bool(wanted)
    assert not wanted or [found.person.name] == wanted


@settings(deadline=None)
@given(rotations(), st.integers(-300, 300))
def test_people_take_turns_in_their_order(rotation: Schedule, turn: int) -> None:
    plain = Schedule("p", "", rotation.handover_at, rotation.weeks, rotation.people)
    start = plain.handover_at + timedelta(weeks=plain.weeks) * turn
    found = on_call(plain, start)
    assert found.person == plain.people[turn % len(plain.people)]
    assert (found.starts_at, found.ends_at) == (start, start + timedelta(weeks=plain.weeks))
    before = on_call(plain, start - timedelta(microseconds=1))
    assert before.person == plain.people[(turn - 1) % len(plain.people)]


@settings(deadline=None)
@given(rotations(), instants, st.integers(-12, 14))
def test_it_does_not_matter_in_which_zone_one_asks(rotation: Schedule, at: datetime, hours: int) -> None:
    assert on_call(rotation, at.astimezone(timezone(timedelta(hours=hours)))) == on_call(rotation, at)


@pytest.mark.parametrize("change", [datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC)])
def test_summer_time_moves_no_handover(change: datetime) -> None:
    rotation = Schedule("p", "", HANDOVER, 1, (Person("Ada", ("a",)), Person("Ben", ("b",))))
    found = shifts(rotation, change - timedelta(weeks=2), change + timedelta(weeks=2))
    assert {(each.starts_at.weekday(), each.starts_at.hour) for each in found} == {(0, 9)}
    assert {each.ends_at - each.starts_at for each in found} == {timedelta(weeks=1)}
    berlin = [each.starts_at.astimezone(ZoneInfo("Europe/Berlin")).hour for each in found]
    assert set(berlin) == {10, 11}


@settings(deadline=None)
@given(rotations())
def test_what_is_kept_is_what_was(rotation: Schedule) -> None:
    assert schedule.decode("primary", schedule.encode(rotation)) == rotation


@pytest.mark.parametrize(
    ("overrides", "named"),
    [
        ([("Zoe", 0, 1)], "overrides.0.person"),
        ([("Ada", 1, 1)], "overrides.0.ends_at"),
        ([("Ada", 0, 5), ("Ben", 4, 6)], "overrides.1.starts_at"),
    ],
)
def test_overrides_that_leave_nobody_or_two_are_refused(overrides: list[tuple[str, int, int]], named: str) -> None:
    told = {
        "handover_at": HANDOVER,
        "people": [{"name": each, "channels": ["a"]} for each in ("Ada", "Ben")],
        "overrides": [
            {"person": who, "starts_at": HANDOVER + timedelta(hours=start), "ends_at": HANDOVER + timedelta(hours=end)}
            for who, start, end in overrides
        ],
    }
    with pytest.raises(InvalidRequest, match=named):
        schedule.decode("primary", told)
