"""Calibration against a plain reading of its definition."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from observatory.analytics import calibration

hundredths = st.integers(0, 100)
pairs = st.lists(st.tuples(hundredths, st.booleans()), min_size=1, max_size=80)


def _ece(given_pairs: list[tuple[int, bool]]) -> Fraction:
    bins: dict[int, list[tuple[int, bool]]] = {}
    for hundredth, outcome in given_pairs:
        bins.setdefault(min(hundredth // 10, 9), []).append((hundredth, outcome))
    return sum(
        (abs(sum((Fraction(each, 100) - came for each, came in members), Fraction())) for members in bins.values()),
        Fraction(),
    ) / len(given_pairs)


@given(pairs)
def test_scores_are_those_of_exact_fractions(given_pairs: list[tuple[int, bool]]) -> None:
    confidences = [each / 100 for each, _ in given_pairs]
    outcomes = [outcome for _, outcome in given_pairs]
    squares = sum(((Fraction(each, 100) - came) ** 2 for each, came in given_pairs), Fraction())
    found = calibration.score(confidences, outcomes)
    assert found is not None
    assert found.brier == pytest.approx(float(squares / len(given_pairs)), abs=1e-12)
    assert found.ece == pytest.approx(float(_ece(given_pairs)), abs=1e-12)
    assert calibration.ece(confidences, outcomes, adaptive=True) == found.ece_adaptive
    assert found.samples == len(given_pairs)


@given(pairs, st.booleans())
def test_no_pair_is_lost_in_the_curve(given_pairs: list[tuple[int, bool]], adaptive: bool) -> None:
    confidences = [each / 100 for each, _ in given_pairs]
    found = calibration.reliability(confidences, [outcome for _, outcome in given_pairs], adaptive=adaptive)
    assert sum(each.samples for each in found) == len(given_pairs)
    assert len(found) <= 10
    for each in found:
        assert each.confidence_from - 1e-9 <= each.mean_confidence <= each.confidence_to + 1e-9
        assert each.low - 1e-9 <= each.correct_ratio <= each.high + 1e-9


@given(st.lists(st.floats(0, 1), min_size=30, max_size=200, unique=True))
def test_adaptive_bins_hold_about_the_same(confidences: list[float]) -> None:
    found = calibration.reliability(confidences, [True] * len(confidences), adaptive=True)
    assert len(found) == 10
    assert max(each.samples for each in found) - min(each.samples for each in found) <= 1


def test_pairs_without_confidence_or_outcome_are_left_out() -> None:
    found = calibration.score([0.9, None, 0.5, math.nan, 1.2, -0.1], [True, True, None, True, True, False])
    assert found is not None
    assert found.samples == 1


def test_nothing_scored_is_nothing() -> None:
    assert calibration.score([], []) is None
    assert calibration.brier([None], [True]) is None
    assert calibration.ece([], []) is None
    assert calibration.reliability([], []) == []


def test_a_perfect_forecaster_errs_by_chance_as_said() -> None:
    random = np.random.default_rng(3)
    errors, said = [], []
    for _ in range(200):
        confidences = random.uniform(size=100)
        found = calibration.score(confidences.tolist(), (random.uniform(size=100) < confidences).tolist())
        assert found is not None
        errors.append(found.ece)
        said.append(found.ece_by_chance)
    assert np.mean(said) == pytest.approx(np.mean(errors), rel=0.1)
