from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observatory.analytics import divergence

PRICES = st.floats(0.01, 1e6)
SHARES = st.floats(0, 1)


@given(st.sampled_from(["buy", "sell"]), PRICES, PRICES, PRICES, SHARES, PRICES, PRICES, SHARES, st.floats(-0.9, 5))
def test_the_parts_add_up_to_the_difference_of_what_the_modes_gained(
    side: str,
    decision: float,
    live: float,
    live_mid: float,
    live_filled: float,
    paper: float,
    paper_mid: float,
    paper_filled: float,
    returned: float,
) -> None:
    found = divergence.decompose(side, decision, live, live_mid, live_filled, paper, paper_mid, paper_filled, returned)
    assert found is not None
    assert found.total_bps is not None
    sign = 1 if side == "buy" else -1
    gains = [
        filled * (returned - sign * (price - decision) / decision) * 10_000
        for price, filled in ((paper, paper_filled), (live, live_filled))
    ]
    scale = 1 + max(map(abs, (live, live_mid, paper, paper_mid))) / decision * 10_000
    assert found.total_bps == pytest.approx(gains[0] - gains[1], rel=1e-9, abs=1e-9 * scale)


def test_what_is_not_known_of_a_price_is_not_made_up() -> None:
    found = divergence.decompose("buy", 100, 101, None, 1, 100, 100, 1)
    assert found == divergence.Divergence(None, None, None, 0.0, 0.0)
    assert divergence.decompose("hold", 100, 101, 100, 1, 100, 100, 1) is None
    assert divergence.decompose("buy", 100, 101, 100, None, 100, 100, 1) is None
    assert divergence.decompose("buy", float("nan"), 101, 100, 1, 100, 100, 1) is None


def test_the_interval_of_random_differences_holds_their_mean() -> None:
    found = divergence.compare([3.0, -1.0, 2.0, None, 4.0])
    assert found is not None
    assert found.samples == 4
    assert found.mean == 2.0
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.mean < found.high
