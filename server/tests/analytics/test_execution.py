"""Costs of execution against the same formulas in exact decimals."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observatory.analytics import execution

prices = st.decimals("0.0001", "100000", places=4)
sides = st.sampled_from(["buy", "sell"])


def _exact(side: str, benchmark: Decimal, price: Decimal) -> Decimal:
    return (1 if side == "buy" else -1) * (price - benchmark) / benchmark * 10_000


@given(sides, prices, prices)
def test_slippage_delay_and_markout_are_exact(side: str, benchmark: Decimal, price: Decimal) -> None:
    expected = pytest.approx(float(_exact(side, benchmark, price)), rel=1e-6, abs=1e-6)
    assert execution.arrival_slippage_bps(side, price, benchmark) == expected
    assert execution.delay_cost_bps(side, benchmark, price) == expected
    assert execution.markout_bps(side, benchmark, price) == expected


@given(sides, prices, prices, prices, st.integers(0, 20), st.decimals("-10", "10", places=2))
def test_shortfall_is_the_money_lost_against_paper(
    side: str, decision: Decimal, average: Decimal, horizon: Decimal, filled: int, fee: Decimal
) -> None:
    sign = 1 if side == "buy" else -1
    lost = sign * (average - decision) * filled + fee + sign * (horizon - decision) * (20 - filled)
    found = execution.implementation_shortfall(side, decision, average, filled, 20, fee, horizon)
    assert found is not None
    assert found.total_bps == pytest.approx(float(lost / (decision * 20) * 10_000), rel=1e-6, abs=1e-4)


@given(prices, prices)
def test_a_sale_costs_what_a_purchase_gains(benchmark: Decimal, price: Decimal) -> None:
    bought = execution.arrival_slippage_bps("buy", price, benchmark)
    sold = execution.arrival_slippage_bps("sell", price, benchmark)
    assert bought is not None
    assert sold == -bought


@pytest.mark.parametrize("price", [None, 0, -1.0, float("nan"), float("inf")])
def test_without_a_price_there_is_no_measure(price: float | None) -> None:
    assert execution.arrival_slippage_bps("buy", 100, price) is None
    assert execution.arrival_slippage_bps("buy", price, 100) is None
    assert execution.delay_cost_bps("sell", price, 100) is None
    assert execution.markout_bps("sell", 100, price) is None
    assert execution.implementation_shortfall("buy", price, 100, 1, 1) is None


def test_an_unknown_fee_leaves_the_total_unknown() -> None:
    found = execution.implementation_shortfall("buy", 100, 101, 1, 1, None)
    assert found is not None
    assert (found.execution_bps, found.fee_bps, found.total_bps) == (pytest.approx(100), None, None)


def test_more_filled_than_ordered_has_nothing_unfilled() -> None:
    found = execution.implementation_shortfall("buy", 100, 101, 3, 2)
    assert found is not None
    assert found.opportunity_bps == 0
    assert execution.fill_ratio(3, 2) == 1.5
