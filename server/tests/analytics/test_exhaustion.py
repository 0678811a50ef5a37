"""The time to exhaustion against lines of which it is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from observatory.analytics.exhaustion import time_to


@given(st.integers(1, 1_000), st.integers(8, 200), st.integers(1, 60))
def test_a_line_meets_its_limit_when_it_does(slope: int, count: int, step: int) -> None:
    times = [1e9 + place * step for place in range(count)]
    used = [slope * place * step / 100 for place in range(count)]
    found = time_to(times, used, used[-1] + 50)
    assert found is not None
    assert found.seconds == pytest.approx(50 / (slope / 100), rel=0.05)
    assert found.low <= found.seconds <= found.high


def test_wild_points_do_not_hide_the_trend() -> None:
    random = np.random.default_rng(1)
    used = 0.2 + 0.001 * np.arange(300) + random.normal(0, 0.005, 300)
    used[::15] = 0.95
    found = time_to(range(300), used.tolist(), 1.0)
    assert found is not None
    assert found.seconds == pytest.approx(500, rel=0.15)


def test_noise_alone_is_hardly_ever_a_trend() -> None:
    random = np.random.default_rng(2)
    found = [time_to(range(100), random.normal(0.5, 0.1, 100).tolist(), 1.0) for _ in range(200)]
    assert sum(each is not None for each in found) <= 12


def test_only_what_came_after_a_restart_counts() -> None:
    used = [0.5 + place * 0.01 for place in range(40)] + [0.1 + place * 0.01 for place in range(40)]
    found = time_to(range(80), used, 1.0)
    assert found is not None
    assert found.samples == 40
    assert found.seconds == pytest.approx(51, rel=0.02)


@pytest.mark.parametrize("used", [[], [1.0] * 50, [50.0 - place for place in range(50)], [1.0, 2.0, 3.0]])
def test_what_does_not_grow_is_not_exhausted(used: list[float]) -> None:
    assert time_to(range(len(used)), used, 100.0) is None


def test_points_of_one_moment_are_no_trend() -> None:
    assert time_to([5.0] * 20, [float(place) for place in range(20)], 100.0) is None
