"""The detector: what it must see, what it must not, and its stated rate of false alarms."""

from __future__ import annotations

import math
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from observatory.analytics.anomaly import ALARM, FALSE_ALARMS, LEAST_POINTS, Detector, Persistence

MINUTE_S = 60.0


def _scores(values: np.ndarray, step_s: float = MINUTE_S, detector: Detector | None = None) -> np.ndarray:
    found = detector or Detector()
    return np.array([found.update(place * step_s, float(value)) for place, value in enumerate(values)])


def _noise(kind: str, random: np.random.Generator, count: int) -> np.ndarray:
    if kind == "memory":
        found = np.zeros(count)
        for place, each in enumerate(random.normal(size=count)):
            found[place] = 0.9 * found[place - 1] + each
        return found
    season = 12 + 10 * np.sin(2 * np.pi * np.arange(count) / 1_440)
    return {
        "normal": lambda: random.normal(size=count),
        "student": lambda: random.standard_t(3, size=count),
        "lognormal": lambda: random.lognormal(0, 1, count),
        "counts": lambda: random.poisson(3, count).astype(float),
        "rare": lambda: random.poisson(0.01, count).astype(float),
        "season": lambda: season * random.lognormal(0, 0.3, count),
        "constant": lambda: np.full(count, 7.0),
    }[kind]()


@pytest.mark.parametrize("kind", ["normal", "student", "lognormal", "counts", "rare", "memory", "season", "constant"])
def test_false_alarms_are_at_most_as_stated(kind: str) -> None:
    scores = np.concatenate([_scores(_noise(kind, np.random.default_rng(seed), 4_320)) for seed in range(3)])
    # Three standard errors of the count are allowed for.
    expected = FALSE_ALARMS * scores.size
    assert (scores > ALARM).sum() <= expected + 3 * math.sqrt(expected)


@pytest.mark.parametrize("kind", ["normal", "student", "lognormal", "counts", "memory", "season"])
def test_false_alarms_are_at_most_as_stated_in_the_first_hours(kind: str) -> None:
    scores = np.concatenate([_scores(_noise(kind, np.random.default_rng(seed), 300)) for seed in range(40)])
    expected = FALSE_ALARMS * scores.size
    assert (scores > ALARM).sum() <= expected + 3 * math.sqrt(expected)


@pytest.mark.parametrize("kind", ["student", "lognormal", "memory"])
def test_an_alert_by_persistence_is_quiet_for_days(kind: str) -> None:
    alert = Persistence()
    fired = [alert.update(score) for score in _scores(_noise(kind, np.random.default_rng(9), 4_320))]
    assert not any(fired)


@pytest.mark.parametrize("kind", ["normal", "counts", "memory"])
@pytest.mark.parametrize("height", [12.0, -12.0])
def test_a_spike_is_seen_at_once(kind: str, height: float) -> None:
    values = _noise(kind, np.random.default_rng(3), 1_000)
    values[900] += height * values.std()
    assert _scores(values)[900] > ALARM


def test_a_new_level_is_seen_and_then_usual() -> None:
    values = np.random.default_rng(4).normal(size=2_000)
    values[1_000:] += 10
    scores = _scores(values)
    assert (scores[1_000:1_005] > ALARM).any()
    assert (scores[1_100:] > ALARM).mean() < 0.01


def test_a_fault_does_not_hide_the_next_one() -> None:
    values = np.random.default_rng(11).normal(size=8_000)
    begins = (500, 2_500, 4_500, 6_500)
    for begin in begins:
        values[begin : begin + 60] += 12
    scores = _scores(values)
    assert all((scores[begin : begin + 10] > ALARM).any() for begin in begins)


def test_a_slow_drift_is_seen_before_it_is_the_usual() -> None:
    values = np.random.default_rng(12).normal(size=6_000)
    values[5_500:5_700] += np.linspace(0, 15, 200)
    scores = _scores(values)
    assert (scores[5_500:5_700] > ALARM).any()
    assert np.diff(values[5_500:5_700]).max() < 6, "no step of it is unusual by itself"


@pytest.mark.parametrize(("share", "within"), [(5.0, 30), (0.03, 200)])
def test_noise_that_became_larger_or_smaller_is_seen(share: float, within: int) -> None:
    values = np.random.default_rng(13).normal(100, 5, 6_000)
    values[5_500:] = 100 + share * (values[5_500:] - 100)
    assert (_scores(values)[5_500 : 5_500 + within] > ALARM).any()


def _weeks(weeks: int, random: np.random.Generator) -> np.ndarray:
    """Five busy days and two quiet ones, a point each five minutes from a Thursday on (the epoch's first day)."""
    places = np.arange(weeks * 2_016)
    busy = np.where((places // 288 + 3) % 7 < 5, 300.0, 120.0)
    return busy + random.normal(0, 10, places.size)


def test_weekends_become_usual_and_a_quiet_wednesday_does_not() -> None:
    values = _weeks(6, np.random.default_rng(14))
    wednesday = 5 * 2_016 + 6 * 288 + 100
    values[wednesday : wednesday + 24] -= 180
    scores = _scores(values, 300.0)
    assert (scores[3 * 2_016 : wednesday] > ALARM).mean() <= 3 * FALSE_ALARMS
    assert (scores[wednesday : wednesday + 24] > ALARM).any()


@pytest.mark.parametrize("wrong", [{"season_s": 0}, {"season_s": (60.0, -1.0)}, {"false_alarms": 0.0}])
def test_what_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be"):
        Detector(**wrong)
    with pytest.raises(ValueError, match="6 of 5"):
        Persistence(needed=6, of=5)


def test_a_value_that_got_stuck_is_seen() -> None:
    values = np.random.default_rng(5).normal(size=600)
    values[500:] = values[500]
    assert (_scores(values)[500:510] > ALARM).any()


def test_a_night_at_noon_is_seen() -> None:
    random = np.random.default_rng(6)
    values = 50 + 30 * np.sin(2 * np.pi * np.arange(6 * 1_440) / 1_440) + random.normal(size=6 * 1_440)
    noon = 5 * 1_440 + 360
    values[noon : noon + 10] = 20  # as low as every night
    scores = _scores(values)
    assert (scores[noon : noon + 10] > ALARM).sum() >= 3
    assert (scores[3 * 1_440 : noon] > ALARM).mean() <= 3 * FALSE_ALARMS


def test_a_series_that_never_moved_is_seen_moving() -> None:
    assert _scores(np.array([100.0] * 200 + [150.0]))[-1] > ALARM


def test_nothing_is_said_before_enough_is_known() -> None:
    scores = _scores(np.array([1.0] * (LEAST_POINTS - 1) + [1e9]))
    assert not scores.any()


@given(st.lists(st.one_of(st.none(), st.floats(), st.integers(-(10**6), 10**6)), max_size=120))
@settings(deadline=None)
def test_any_value_has_a_score(values: list[float | None]) -> None:
    detector = Detector()
    assert all(0 <= detector.update(place, value) <= 1 for place, value in enumerate(values))


@pytest.mark.parametrize("missing", [None, math.nan, math.inf, -math.inf])
def test_what_is_missing_teaches_nothing(missing: float | None) -> None:
    values = np.random.default_rng(7).normal(size=300).tolist()
    plain, holed = Detector(), Detector()
    for place, value in enumerate(values):
        assert holed.update(place, missing) == 0
        assert holed.update(place, value) == plain.update(place, value)


def test_after_a_long_gap_it_is_as_careful_as_at_the_beginning() -> None:
    random = np.random.default_rng(8)
    with_gap, without = Detector(), Detector()
    for place, value in enumerate(random.normal(size=500)):
        with_gap.update(place * 60, float(value))
        without.update(place * 60, float(value))
    assert with_gap.update(500 * 60 + 86_400, 4.2) <= without.update(500 * 60, 4.2)


def test_its_memory_does_not_grow() -> None:
    random = np.random.default_rng(10)
    detector, sizes = Detector(), []
    for place in range(6_000):
        detector.update(place * 60, float(random.normal()))
        if place in (2_999, 5_999):
            sizes.append(len(pickle.dumps(detector)))
    assert sizes[1] <= sizes[0] + 64


def test_an_alert_needs_persistence_and_calm() -> None:
    alert = Persistence(needed=3, of=5, calm=3)
    scores = [1, 0, 1, 0, 0, 1, 1, 1, 0, 0, 0, 0]
    assert [alert.update(score) for score in scores] == [False] * 6 + [True] * 4 + [False] * 2
