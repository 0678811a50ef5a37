from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from observatory.analytics import buckets, prices, quiet, rate_limits
from observatory.analytics.quiet import Verdict


def test_a_market_that_slows_down_everywhere_is_never_broken() -> None:
    """Four venues of six symbols at a twentieth of their usual pace, looked at each second for an hour."""
    random = np.random.default_rng(11)
    rate, usual, hour = 0.35, 1 / 7, 25_200
    worst = 0.0
    for _ in range(6):
        trades = [np.cumsum(random.exponential(1 / rate, 2_000)) for _ in range(4)]
        for at in range(60, 3_600):
            own, *others = trades
            newest = own[np.searchsorted(own, at) - 1]
            since = sum(int(np.searchsorted(each, at) - np.searchsorted(each, newest)) for each in others)
            found = quiet.judge(at - newest, usual, hour, 3 * hour, since)
            assert found.verdict is not Verdict.BROKEN
            worst = max(worst, quiet.surprise(hour, 3 * hour, since))
    assert worst < quiet.LEAST_SURPRISE


@given(st.integers(0, 10_000), st.integers(0, 10_000), st.integers(0, 10_000))
def test_more_evidence_is_never_less_strange(events: int, before: int, since: int) -> None:
    found = quiet.surprise(events, before, since)
    assert found >= 0
    assert quiet.surprise(events + 1, before, since) >= found
    assert quiet.surprise(events, before, since + 1) >= found
    assert quiet.surprise(events, before + 1, since) <= found


def test_each_verdict_has_its_sentence() -> None:
    assert all(verdict.sentence for verdict in Verdict)


@given(st.lists(st.floats(0.001, 90, allow_nan=False), min_size=1, max_size=300), st.sampled_from([0.5, 0.95, 0.99]))
def test_a_quantile_of_buckets_lies_in_the_bucket_of_the_exact_one(values: list[float], share: float) -> None:
    bounds = [0.0, 0.005, 0.1, 1.0, 5.0, 60.0]
    counts = np.bincount(np.searchsorted(bounds, values, side="left"), minlength=7).tolist()
    found = buckets.quantile(bounds, counts, share)
    exact = float(np.quantile(values, share, method="inverted_cdf"))
    place = int(np.searchsorted(bounds, exact, side="left"))
    assert found is not None
    assert bounds[place - 1] <= found <= bounds[min(place, 5)]


@given(st.dictionaries(st.sampled_from("abcdef"), st.floats(0.01, 1e6)))
def test_deviations_stand_on_both_sides_of_the_median(told: dict[str, float]) -> None:
    found = prices.deviations_bps(told)
    assert set(found) == set(told)
    assert sum(each > 1e-6 for each in found.values()) <= len(found) / 2
    assert sum(each < -1e-6 for each in found.values()) <= len(found) / 2


def test_headroom_is_what_is_left() -> None:
    assert rate_limits.headroom(900, 1_200) == pytest.approx(0.25)
    assert rate_limits.headroom(10, 0) is None
