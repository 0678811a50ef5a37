"""Days and weeks: people sleep, markets do not, and a week has the work of a week."""

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from statistics import fmean

import pytest

from observatory_universe.chance import Chance
from observatory_universe.season import Season

HOUR_NS = 3_600_000_000_000
MONDAY_NS = int(datetime(2026, 3, 2, tzinfo=UTC).timestamp()) * 1_000_000_000
WEEK = [MONDAY_NS + quarter * HOUR_NS // 4 for quarter in range(7 * 24 * 4)]


def season(seed: int = 7) -> Season:
    return Season(Chance(seed))


def factors(seed: int = 7) -> tuple[Callable[[int], float], Callable[[int], float]]:
    found = season(seed)
    return found.people, found.markets


def at(factor: Callable[[int], float], day: int, hour: float) -> float:
    """The mean over many weeks of a moment of the week: without the noise of single days."""
    return fmean(factor(MONDAY_NS + round((day * 24 + week * 168 + hour) * HOUR_NS)) for week in range(100))


def test_a_week_has_the_work_of_a_week() -> None:
    for factor in factors():
        assert fmean(factor(moment) for moment in WEEK) == pytest.approx(1.0, abs=0.06)
        many = [factor(moment + week * 168 * HOUR_NS) for week in range(60) for moment in WEEK[::8]]
        assert fmean(many) == pytest.approx(1.0, abs=0.015)


def test_people_are_up_in_the_afternoon_and_evening_and_sleep_at_night() -> None:
    people = season().people
    night, afternoon, evening = at(people, 2, 3.5), at(people, 2, 15.5), at(people, 2, 19.5)
    assert night < 0.4 < 1.3 < afternoon < evening
    busiest = max(range(24), key=lambda hour: at(people, 2, hour + 0.5))
    assert busiest == 19


def test_weekends_are_quieter() -> None:
    for factor in factors():
        days = [fmean(at(factor, day, hour + 0.5) for hour in range(24)) for day in range(7)]
        assert max(days[5:]) < min(days[:5])


def test_markets_never_sleep_and_are_liveliest_while_europe_and_america_are_awake() -> None:
    markets = season().markets
    hours = [at(markets, 1, hour + 0.5) for hour in range(24)]
    assert min(hours) > 0.7
    assert hours.index(max(hours)) == 14
    assert max(hours) < 1.6


def test_it_changes_without_jumps() -> None:
    for factor in factors():
        minutes = [factor(MONDAY_NS + minute * HOUR_NS // 60) for minute in range(8 * 24 * 60)]
        assert max(abs(after - before) for before, after in pairwise(minutes)) < 0.01


def test_days_differ_a_little_and_a_seed_gives_the_same_days() -> None:
    tuesdays = [season().people(MONDAY_NS + (week * 168 + 36) * HOUR_NS) for week in range(20)]
    assert tuesdays == [season().people(MONDAY_NS + (week * 168 + 36) * HOUR_NS) for week in range(20)]
    assert tuesdays != [season(8).people(MONDAY_NS + (week * 168 + 36) * HOUR_NS) for week in range(20)]
    assert 0.01 < max(tuesdays) / min(tuesdays) - 1 < 0.4


def test_switched_off_every_moment_is_like_any_other() -> None:
    none = Season(Chance(7), enabled=False)
    assert {none.people(moment) for moment in WEEK} == {none.markets(moment) for moment in WEEK} == {1.0}


def test_there_is_a_season_at_any_time() -> None:
    for moment in (0, 1, 2**63 - 1):
        assert 0.1 < season().people(moment) < 2.5
        assert 0.5 < season().markets(moment) < 2.5
