"""Sums of what comes: they are near, their bands hold as often as they say, and little history is no history."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from observatory.analytics import totals


def season(days: int, seed: int = 1) -> list[float]:
    hours = np.arange(24 * days)
    noise = np.random.default_rng(seed).gamma(20, 1 / 20, hours.size)
    found: list[float] = ((2 + np.sin(2 * math.pi * hours / 24)) * noise).tolist()
    return found


def test_what_repeats_by_the_day_is_added_up_by_the_hour_of_the_day() -> None:
    values = season(14)
    found = totals.course(values[:-24], 24, 12)
    morning, day = found.total(12), found.total(24)
    assert morning.expected == pytest.approx(sum(values[-24:-12]), rel=0.15)
    assert day.expected == pytest.approx(sum(values[-24:]), rel=0.15)
    assert found.enough
    assert found.samples == 13 * 24
    assert found.error is not None
    assert found.error < 0.2


def test_the_bands_widen_with_their_level_and_their_coverage_was_counted() -> None:
    total = totals.course(season(21), 24).total(24)
    widths = [high - low for low, high in (total.bands[level] for level in totals.LEVELS)]
    assert widths == sorted(widths)
    assert total.tests >= 10
    assert all(0 <= share <= 1 for share in total.coverage.values())
    assert total.coverage[0.95] >= total.coverage[0.5]


def test_what_is_farther_than_could_be_tested_says_how_far_it_was() -> None:
    total = totals.course(season(7), 744).total(744)
    assert total.tested_steps == 7 * 24 // 6


def lasting(days: int, seed: int) -> list[float]:
    """A level that moves by days, so that the errors of all its hours go together."""
    steps = np.random.default_rng(seed).normal(0, 1, 24 * days)
    level = np.zeros(steps.size)
    for at in range(1, steps.size):
        level[at] = 0.995 * level[at - 1] + 0.1 * steps[at]
    found: list[float] = (3 * np.exp(0.5 * level)).tolist()
    return found


def test_the_band_of_a_longer_sum_narrows_as_the_errors_of_its_own_past_did() -> None:
    def narrowing(values: list[float]) -> float:
        found = totals.course(values, 744)
        (near, far) = (found.total(steps) for steps in (found.total(744).tested_steps, 744))
        shares = [(each.bands[0.8][1] - each.expected) / each.expected for each in (near, far)]
        return shares[1] / shares[0]

    by_themselves = [narrowing(season(21, seed)) for seed in range(3)]
    together = [narrowing(lasting(21, seed)) for seed in range(3)]
    assert max(by_themselves) < min(together)
    # By the root at most, and never wider as a share.
    assert min(by_themselves) >= 0.9 * math.sqrt(21 * 24 // 6 / 744)
    assert max(together) <= 1.2


def test_little_history_is_wide_and_less_is_nothing() -> None:
    assert totals.course([1.0, 2.0], 24) == totals.NOTHING
    assert totals.NOTHING.total(24).bands == {}
    wide = totals.course([1.0, 2.0, 1.5, 1.0], 24)
    assert (wide.enough, wide.method) == (False, "mean")
    low, high = wide.total(24).bands[0.8]
    assert low < 0.7 * 33 < 33 < high


def test_hours_that_nobody_heard_of_are_filled_from_the_day_before() -> None:
    values: list[float | None] = list(season(10))
    values[100:110] = [None] * 10
    values[:3] = [None, None, math.nan]
    found = totals.course(values, 24)
    assert found.samples == 237
    assert found.total(24).expected == pytest.approx(48, rel=0.2)


hours = some.none() | some.floats(0, 1e6, allow_nan=False) | some.just(0.0)


@settings(max_examples=15, deadline=None)
@given(some.lists(hours, max_size=60), some.integers(1, 48))
def test_whatever_the_history_is_the_sum_is_finite_and_inside_its_bands(values: list[float | None], left: int) -> None:
    total = totals.course(values, left).total(left)
    assert math.isfinite(total.expected)
    assert total.expected >= 0
    for low, high in total.bands.values():
        assert 0 <= low <= total.expected * (1 + 1e-9) + 1e-9
        assert total.expected <= high * (1 + 1e-9) + 1e-9
