"""Ratios of return to risk against plain Python."""

from __future__ import annotations

import math
import statistics
from datetime import date, timedelta
from itertools import accumulate

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from observatory.analytics import returns

days = st.lists(st.integers(-2_000, 2_000).map(lambda each: each / 10_000), min_size=7, max_size=60)


@given(days)
def test_sharpe_is_mean_per_deviation_of_the_year(values: list[float]) -> None:
    assume(len(set(values)) > 1)
    found = returns.sharpe(values)
    assert found is not None
    expected = statistics.fmean(values) / statistics.stdev(values) * math.sqrt(365)
    assert found.value == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert found.low <= found.value <= found.high
    assert found.samples == len(values)


@given(days)
def test_sortino_counts_losses_over_all_days(values: list[float]) -> None:
    assume(min(values) < 0)
    found = returns.sortino(values)
    below = math.sqrt(sum(min(each, 0) ** 2 for each in values) / len(values))
    assert found is not None
    assert found.value == pytest.approx(statistics.fmean(values) / below * math.sqrt(365), rel=1e-9, abs=1e-9)


def test_the_interval_of_sharpe_covers_the_truth() -> None:
    random = np.random.default_rng(5)
    truth = 0.1 * math.sqrt(365)
    # A skewed return: few large losses, many small gains.
    samples = (0.1 + (1 - random.exponential(1, (1_000, 120))) for _ in range(1))
    covered = [
        found.low <= truth <= found.high for rows in samples for row in rows if (found := returns.sharpe(row.tolist()))
    ]
    assert 0.90 <= np.mean(covered) <= 0.98


@given(st.lists(st.integers(1, 1_000), min_size=1, max_size=40))
def test_drawdown_is_the_worst_of_all_pairs(equity: list[int]) -> None:
    found = returns.max_drawdown(equity)
    worst = max((equity[i] - equity[j]) / equity[i] for i in range(len(equity)) for j in range(i, len(equity)))
    assert found is not None
    assert found.ratio == pytest.approx(worst)
    assert found.amount == equity[found.peak] - equity[found.trough]
    assert found.duration >= found.trough - found.peak


@pytest.mark.parametrize("equity", [[], [0, 1], [-5, 1], [100, float("nan")]])
def test_without_a_balance_there_is_no_drawdown(equity: list[float]) -> None:
    assert returns.max_drawdown(equity) is None


def test_equity_may_fall_below_nothing() -> None:
    found = returns.max_drawdown([100, -50])
    assert found is not None
    assert found.ratio == 1.5


@pytest.mark.parametrize("values", [[], [0.01] * 6, [0.01] * 30, [0.0] * 30])
def test_too_few_or_equal_days_have_no_sharpe(values: list[float]) -> None:
    assert returns.sharpe(values) is None


def test_what_is_no_number_is_left_out() -> None:
    with_holes = returns.sharpe([0.01, math.nan, -0.01, 0.02, 0.0, 0.01, -0.02, math.inf, 0.02])
    assert with_holes == returns.sharpe([0.01, -0.01, 0.02, 0.0, 0.01, -0.02, 0.02])


@given(st.lists(st.integers(-50, 50), min_size=1, max_size=30))
def test_flat_days_are_counted(profits: list[int]) -> None:
    first = date(2026, 2, 27)  # over the end of a month
    booked = {first + timedelta(days=place): float(profit) for place, profit in enumerate(profits) if profit}
    found = returns.daily(booked, 10_000, first, first + timedelta(days=len(profits) - 1))
    assert len(found) == len(profits)
    equity = list(accumulate(found, lambda have, share: have * (1 + share), initial=10_000.0))
    assert equity[-1] == pytest.approx(10_000 + sum(profits))


def test_days_end_where_equity_is_used_up() -> None:
    first = date(2026, 1, 1)
    assert returns.daily({first: -100.0}, 100, first, first + timedelta(days=5)) == [-1.0]


def test_no_win_is_a_rate_of_its_own() -> None:
    found = returns.win_rate([-1, -2, 0])
    assert found is not None
    assert (found.value, found.low, found.wins, found.samples) == (0, pytest.approx(0), 0, 3)


def test_the_deepest_fall_of_compounded_trades_is_as_by_hand_and_its_interval_holds_it() -> None:
    # 1 -> 1.1 -> 0.88 -> 0.968: from 1.1 to 0.88.
    found = returns.compounded_drawdown([0.1, -0.2, 0.1])
    assert found is not None
    assert (round(found.value, 12), found.interval, found.samples) == (0.2, None, 3)
    many = returns.compounded_drawdown([0.1, -0.2, 0.1, 0.05] * 5)
    assert many is not None
    assert many.interval is not None
    assert many.interval[0] <= many.value <= many.interval[1]
    assert many == returns.compounded_drawdown([0.1, -0.2, 0.1, 0.05] * 5), "the same trades give the same interval"
    assert returns.compounded_drawdown([]) is None
    assert returns.compounded_drawdown([0.1] * 12).value == 0  # type: ignore[union-attr]
    assert returns.compounded_drawdown([-1.5, 0.5]).value == 1  # type: ignore[union-attr]
