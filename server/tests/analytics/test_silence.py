"""Silence: chance is told from a stop."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from observatory.analytics.silence import Verdict, judge


def _ages(random: np.random.Generator, gaps: np.ndarray) -> list[Verdict]:
    """The verdict at the end of each gap, from the thirty before it: all of these sources work."""
    return [judge(gaps[place - 30 : place].tolist(), float(gaps[place])).verdict for place in range(30, gaps.size)]


@pytest.mark.parametrize(("kind", "most"), [("poisson", 0.02), ("regular", 0.02), ("bursts", 0.05)])
def test_a_working_source_is_hardly_ever_silent(kind: str, most: float) -> None:
    random = np.random.default_rng(4)
    gaps = {
        "poisson": random.exponential(10, 2_000),
        "regular": random.normal(10, 1, 2_000),
        "bursts": np.where(random.uniform(size=2_000) < 0.9, 0.1, random.exponential(100, 2_000)),
    }[kind]
    found = _ages(random, gaps)
    assert found.count(Verdict.SILENT) / len(found) <= most


def test_a_regular_source_is_silent_after_three_gaps() -> None:
    gaps = [60.0, 61.0, 59.0] * 5
    assert judge(gaps, 179).verdict is Verdict.FLOWING
    assert judge(gaps, 190).verdict is Verdict.SILENT


def test_one_outage_before_does_not_hide_the_next() -> None:
    assert judge([10.0] * 30 + [7_200.0], 60).verdict is Verdict.SILENT


@given(st.lists(st.floats(0, 1e5), max_size=40), st.floats(0, 1e6), st.floats(0, 1e6))
def test_the_older_the_rarer(gaps: list[float], age: float, more: float) -> None:
    one, other = judge(gaps, age), judge(gaps, age + more)
    assert one.verdict.sentence
    assert one.samples == other.samples <= len(gaps)
    if one.probability is None or other.probability is None:
        assert one.verdict is Verdict.UNKNOWN
    else:
        assert 0 <= other.probability <= one.probability + 1e-9 <= 1 + 1e-9


@pytest.mark.parametrize("gaps", [[], [1.0] * 4, [0.0] * 20, [math.nan] * 20])
def test_too_little_is_unknown(gaps: list[float]) -> None:
    assert judge(gaps, 1e6).verdict is Verdict.UNKNOWN


def test_of_poisson_gaps_the_probability_is_that_of_no_event() -> None:
    found = judge([10.0] * 7, 50)
    assert found.probability == pytest.approx((70 / 120) ** 7)
