"""Live trades against what their backtests let one expect, against plain formulas and by simulation."""

from __future__ import annotations

import math
from statistics import fmean

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from observatory.analytics import expectation

RETURNS = st.floats(-0.5, 1.0)
BACKTESTS = st.lists(st.tuples(RETURNS, st.integers(0, 40)), max_size=12)


@given(BACKTESTS)
def test_an_expectation_is_the_weighted_mean_and_spread_of_the_trades(backtests: list[tuple[float, int]]) -> None:
    found = expectation.expect([each for each, _ in backtests], [count for _, count in backtests])
    told = [(math.log(1 + each), count) for each, count in backtests if count]
    if len(told) < 3:
        assert found is None
        return
    assert found is not None
    mean = sum(log for log, _ in told) / sum(count for _, count in told)
    spread = sum(count * (log / count - mean) ** 2 for log, count in told) / (len(told) - 1)
    assert found.mean == pytest.approx(mean, abs=1e-12)
    assert found.deviation == pytest.approx(math.sqrt(spread), abs=1e-9)


@given(st.lists(RETURNS, min_size=1, max_size=30), st.floats(0.001, 0.1), st.integers(3, 20))
def test_the_band_is_a_prediction_interval(live: list[float], deviation: float, backtests: int) -> None:
    found = expectation.hold(0.002, deviation, 10 * backtests, backtests, live)
    assert found is not None
    count = len(live)
    reach = stats.t.ppf(0.975, backtests - 1) * deviation * math.sqrt(count + count**2 / (10 * backtests))
    assert found.total == pytest.approx(math.prod(1 + each for each in live) - 1, abs=1e-9)
    assert found.low == pytest.approx(math.exp(0.002 * count - reach) - 1)
    assert found.high == pytest.approx(math.exp(0.002 * count + reach) - 1)
    assert found.low <= found.expected <= found.high


def test_looking_after_each_trade_raises_no_false_alarm_but_finds_a_strategy_that_lost_its_edge() -> None:
    chance = np.random.default_rng(7)
    alarms, found = 0, []
    for _ in range(200):
        logs = chance.normal(0.001, 0.01, size=(20, 20))
        told = expectation.expect(np.expm1(logs.sum(axis=1)).tolist(), [20] * 20)
        assert told is not None
        usual, worse = (np.expm1(chance.normal(mean, 0.01, 300)).tolist() for mean in (0.001, -0.005))
        standings = [
            expectation.hold(told.mean, told.deviation, told.trades, told.backtests, live) for live in (usual, worse)
        ]
        alarms += standings[0] is not None and standings[0].outside is not None
        found.append(standings[1].outside if standings[1] else None)
    assert alarms <= 200 * 0.05
    seen = [each for each in found if each is not None]
    assert len(seen) >= 190
    assert fmean(seen) < 150


def test_the_band_covers_as_often_as_it_says() -> None:
    chance = np.random.default_rng(11)
    covered = 0
    for _ in range(1_000):
        logs = chance.normal(0.001, 0.01, size=(10, 20))
        told = expectation.expect(np.expm1(logs.sum(axis=1)).tolist(), [20] * 10)
        assert told is not None
        live = np.expm1(chance.normal(0.001, 0.01, 50)).tolist()
        standing = expectation.hold(told.mean, told.deviation, told.trades, told.backtests, live)
        covered += standing is not None and standing.low <= standing.total <= standing.high
    assert 925 <= covered <= 975
