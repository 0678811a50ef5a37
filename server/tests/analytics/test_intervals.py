"""Intervals hold what they promise, and say nothing where nothing was seen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from observatory.analytics import intervals


@given(st.integers(1, 10_000), st.data())
def test_a_share_lies_in_its_interval_and_the_interval_among_shares(samples: int, data: st.DataObject) -> None:
    share = data.draw(st.integers(0, samples)) / samples
    found = intervals.wilson(share, samples)
    assert found is not None
    assert 0 <= found[0] <= share <= found[1] <= 1


def test_more_samples_make_it_narrower() -> None:
    widths = [high - low for low, high in (intervals.wilson(0.9, n) or (0, 1) for n in (10, 100, 1_000))]
    assert widths == sorted(widths, reverse=True)


@pytest.mark.parametrize(("share", "samples"), [(0.05, 40), (0.5, 25), (0.97, 60)])
def test_it_covers_the_truth_about_as_often_as_it_says(share: float, samples: int) -> None:
    seen = np.random.default_rng(7).binomial(samples, share, 4_000) / samples
    ends = [intervals.wilson(float(each), samples) or (1.0, 0.0) for each in seen]
    assert 0.92 <= np.mean([low <= share <= high for low, high in ends]) <= 0.99


@pytest.mark.parametrize(("share", "samples"), [(0.5, 0), (0.5, -1), (1.5, 10), (-0.1, 10), (float("nan"), 10)])
def test_what_is_no_share_has_none(share: float, samples: int) -> None:
    assert intervals.wilson(share, samples) is None


def test_a_mean_needs_two_samples_and_finite_numbers() -> None:
    assert intervals.mean(1.0, 0.5, 1) is None
    assert intervals.mean(1.0, float("nan"), 5) is None
    low, high = intervals.mean(1.0, 0.5, 4) or (0.0, 0.0)
    assert (low, high) == pytest.approx((1 - 3.182446305 * 0.25, 1 + 3.182446305 * 0.25))
