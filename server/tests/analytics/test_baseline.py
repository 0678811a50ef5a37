"""Baselines: what is usual, and at which hour."""

from __future__ import annotations

import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observatory.analytics.baseline import Season, learn

DAY_S = 86_400
MONDAY_S = 4 * DAY_S  # 1970-01-05


@given(st.lists(st.integers(-1_000, 1_000), min_size=1, max_size=60))
def test_middle_and_spread_are_those_of_the_definition(values: list[int]) -> None:
    found = learn([60.0 * place for place in range(len(values))], values)
    middle = statistics.median(values)
    assert found is not None
    assert found.overall.median == middle
    assert found.overall.deviation == pytest.approx(1.4826 * statistics.median(abs(each - middle) for each in values))
    assert found.overall.samples == len(values)


@pytest.mark.parametrize(("days", "season"), [(2, Season.NONE), (4, Season.DAY), (22, Season.WEEK)])
def test_the_season_needs_days(days: int, season: Season) -> None:
    times = [MONDAY_S + hour * 3_600.0 for hour in range(days * 24)]
    found = learn(times, [time // 3_600 % 24 for time in times])
    assert found is not None
    assert found.season is season
    night = found.at(MONDAY_S + days * DAY_S + 3 * 3_600)
    assert night.median == (11.5 if season is Season.NONE else 3)


def test_an_hour_that_was_hardly_seen_takes_what_is_usual_over_all() -> None:
    times = [MONDAY_S + day * DAY_S + hour * 3_600.0 for day in range(5) for hour in range(20)]
    found = learn([*times, MONDAY_S + 22 * 3_600], [1.0] * len(times) + [50.0])
    assert found is not None
    assert found.at(MONDAY_S + 22 * 3_600) is found.overall


def test_wild_points_move_nothing() -> None:
    values = [10.0 + place % 3 for place in range(100)]
    values[10:30] = [1e9] * 20
    found = learn(range(100), values)
    assert found is not None
    assert 10 <= found.overall.median <= 12
    distance = found.distance(0, 1e9)
    assert distance is not None
    assert distance > 100


def test_what_never_varied_has_no_distances() -> None:
    found = learn(range(10), [3.0] * 10)
    assert found is not None
    assert found.distance(0, 4.0) is None


@pytest.mark.parametrize("values", [[], [None, math.nan]])
def test_nothing_is_not_usual(values: list[float | None]) -> None:
    assert learn(range(len(values)), values) is None
