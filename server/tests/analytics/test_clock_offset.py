"""The clock of a venue is found from lags alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from observatory.analytics import clock_offset


@given(st.integers(-5_000, 5_000), st.integers(0, 2**32 - 1))
def test_with_a_round_trip_the_offset_is_within_its_uncertainty(ahead: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    transit = 20 + random.exponential(10, 200)
    found = clock_offset.estimate((transit - ahead).tolist(), round_trip_ms=42)
    assert found is not None
    assert abs(found.ahead_ms - ahead) <= found.uncertainty_ms + 1e-6


@given(st.integers(100, 5_000), st.integers(0, 2**32 - 1))
def test_no_latency_is_negative(ahead: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    lags = (5 + random.exponential(30, 100) - ahead).tolist()
    found = clock_offset.estimate(lags)
    corrected = [clock_offset.latency_ms(lag, found) for lag in lags]
    assert found is not None
    assert all(each is not None and each >= 0 for each in corrected)
    assert np.median([each for each in corrected if each is not None]) < 60


def test_a_clock_that_may_be_right_is_left_alone() -> None:
    found = clock_offset.estimate([80.0, 45.0, 60.0, 50.0, 47.0, 44.0])
    assert found is not None
    assert found.ahead_ms == 0
    assert clock_offset.latency_ms(45.0, found) == 45


def test_one_event_from_the_future_moves_nothing() -> None:
    lags = [40.0 + place % 7 for place in range(80)]
    lags[33] = -3_600_000.0
    found = clock_offset.estimate(lags)
    assert found is not None
    assert found.ahead_ms == 0
    assert found.uncertainty_ms < 10


def test_a_drifting_clock_widens_the_uncertainty() -> None:
    still = clock_offset.estimate([-100.0 + place % 5 for place in range(80)])
    drifting = clock_offset.estimate([-100.0 + place % 5 - place for place in range(80)])
    assert still is not None
    assert drifting is not None
    assert drifting.uncertainty_ms > still.uncertainty_ms + 20


@pytest.mark.parametrize("lags", [[], [1.0] * 4, [float("nan")] * 20])
def test_too_few_lags_show_no_clock(lags: list[float]) -> None:
    assert clock_offset.estimate(lags) is None


def test_a_negative_lag_that_nothing_explains_is_no_latency() -> None:
    assert clock_offset.latency_ms(-1.0, None) is None
    assert clock_offset.latency_ms(3.0, None) == 3
