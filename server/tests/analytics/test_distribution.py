"""Histograms, quantiles and the stability index against brute force."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from observatory.analytics import distribution

numbers = st.lists(st.integers(-50, 50), min_size=1, max_size=60)


@given(numbers, st.lists(st.integers(-40, 40), min_size=2, max_size=8, unique=True))
def test_a_histogram_loses_nothing(values: list[int], edges: list[int]) -> None:
    edges = sorted(edges)
    found = distribution.histogram(values, edges)
    expected = [
        sum(low <= each < high or (last and each == high) for each in values)
        for low, high, last in zip(edges, edges[1:], [False] * (len(edges) - 2) + [True], strict=False)
    ]
    assert list(found.counts) == expected
    assert found.below + sum(found.counts) + found.above == found.samples == len(values)


@pytest.mark.parametrize("edges", [[], [1], [1, 1], [2, 1]])
def test_edges_must_rise(edges: list[float]) -> None:
    with pytest.raises(ValueError, match="edges"):
        distribution.histogram([1], edges)


@given(numbers, numbers)
def test_the_index_is_never_negative_and_never_infinite(one: list[int], other: list[int]) -> None:
    found = distribution.psi(one, other)
    assert found is not None
    assert 0 <= found < 100
    assert distribution.psi(one, one) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    ("before", "after"), [([5] * 40, [4] * 40), ([5] * 40, [6] * 40), ([0] * 30 + [1] * 10, [-1] * 40)]
)
def test_the_index_sees_both_sides_of_an_atom(before: list[int], after: list[int]) -> None:
    found = distribution.psi(before, after)
    assert found is not None
    assert found > 1


def test_the_index_by_chance_is_what_equal_populations_give() -> None:
    random = np.random.default_rng(1)
    found = [distribution.psi(random.normal(size=400), random.normal(size=300)) for _ in range(400)]
    bound = distribution.psi_by_chance(400, 300)
    assert bound is not None
    assert 0.92 <= np.mean([each < bound for each in found if each is not None]) <= 0.99
    assert distribution.psi_by_chance(0, 10) is None


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=80), st.floats(0, 1))
def test_a_quantile_is_that_of_numpy_within_its_interval(values: list[float], share: float) -> None:
    found = distribution.quantile(values, share)
    assert found is not None
    assert found.value == pytest.approx(float(np.quantile(values, share)))
    assert found.low is None or found.low <= found.value + 1e-9
    assert found.high is None or found.high >= found.value - 1e-9


@pytest.mark.parametrize("share", [0.5, 0.95])
def test_the_interval_of_a_quantile_covers(share: float) -> None:
    random = np.random.default_rng(2)
    truth = -math.log(1 - share)
    found = [distribution.quantile(random.exponential(size=150), share) for _ in range(500)]
    covered = [
        (each.low is None or each.low <= truth) and (each.high is None or truth <= each.high) for each in found if each
    ]
    assert np.mean(covered) >= 0.94


def test_nothing_has_no_distribution() -> None:
    assert distribution.psi([], [1]) is None
    assert distribution.psi([1], [math.nan]) is None
    assert distribution.quantile([], 0.5) is None
    assert distribution.histogram([], [0, 1]).samples == 0
