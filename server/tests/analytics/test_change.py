"""Change points are found where they were put, and hardly where none were."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from observatory.analytics import change


@given(st.lists(st.one_of(st.none(), st.integers(-5, 5), st.just(math.nan), st.just(math.inf)), max_size=60))
@settings(deadline=None)
def test_any_values_have_an_answer_and_always_the_same(values: list[float | None]) -> None:
    found = change.points(values)
    assert found == change.points(values)
    assert found == sorted(set(found))
    assert all(0 < each < len(values) for each in found)


@given(st.integers(10, 60), st.integers(10, 60), st.sampled_from([-20.0, 6.0, 1000.0]), st.integers(0, 999))
@settings(deadline=None)
def test_a_shift_is_found_where_it_is(before: int, after: int, jump: float, seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=before + after)
    values[before:] += jump * 2
    found = change.points(values.tolist())
    assert any(abs(each - before) <= 1 for each in found)
    assert len(found) <= 2


@pytest.mark.parametrize("kind", ["normal", "laplace", "student", "lognormal", "poisson", "rare", "likeness"])
def test_noise_hardly_ever_changes(kind: str) -> None:
    random = np.random.default_rng(7)

    def noise(count: int) -> np.ndarray:
        plain = {
            "normal": random.normal(size=count),
            "laplace": random.laplace(size=count),
            "student": random.standard_t(3, size=count),
            "lognormal": random.lognormal(0, 1, count),
            "poisson": random.poisson(3, count),
            "rare": random.poisson(0.2, count),
            "likeness": random.normal(size=count),
        }[kind]
        return np.convolve(plain, [1, 0.6, 0.36])[:count] if kind == "likeness" else plain

    found = [bool(change.points(noise(150).tolist())) for _ in range(80)]
    assert np.mean(found) <= 0.08


@pytest.mark.parametrize("values", [[], [1.0], [1.0] * 100, [None] * 50, [1.0, 9.0] * 3])
def test_short_and_constant_series_have_none(values: list[float | None]) -> None:
    assert change.points(values) == []
    assert change.onset(values, len(values)) is None


def test_a_single_wild_point_is_no_level() -> None:
    assert change.points([0.0] * 50 + [1e6] + [0.0] * 50) == []


def test_steps_without_noise_are_found_exactly() -> None:
    assert change.points([0] * 20 + [3] * 20 + [0] * 20) == [20, 40]


def test_missing_values_do_not_move_the_place() -> None:
    values: list[float | None] = [1.0, None, 1.2, 0.9] * 10 + [None] * 5 + [8.0, 8.1, None, 7.9] * 10
    assert change.points(values) == [45]


def test_the_onset_is_the_last_change_before() -> None:
    values = [0.0, 0.1] * 20 + [5.0, 5.1] * 20 + [9.0, 9.1] * 20
    assert change.onset(values, 100) == 80
    assert change.onset(values, 60) == 40
    assert change.onset(values, 20) is None


def test_the_onset_of_a_slope_is_its_beginning() -> None:
    random = np.random.default_rng(1)
    values = np.concatenate([np.zeros(60), np.linspace(0, 30, 40), np.full(50, 30.0)]) + random.normal(size=150)
    found = change.onset(values.tolist(), 120)
    assert found is not None
    assert 60 <= found <= 70


def test_long_series_are_taken_together() -> None:
    values = np.random.default_rng(3).normal(size=50_000)
    values[30_000:] += 3
    assert any(abs(each - 30_000) <= 25 for each in change.points(values.tolist()))
