from __future__ import annotations

from typing import Any

import pytest

ORDER = {
    "exchange.id": "binance",
    "order.symbol": "BTC/USDT",
    "order.side": "buy",
    "order.type": "market",
    "order.mode": "live",
    "order.status": "filled",
    "order.quantity": 2.0,
    "order.filled_quantity": 2.0,
    "order.arrival_mid": 100.0,
    "order.average_price": 100.1,
    "order.reference_price": 100.0,
}


async def test_slippage_is_a_cost_on_both_sides(sender: Any, look: Any) -> None:
    sender.span("order.execute", **ORDER)
    sender.span("order.execute", **ORDER | {"order.side": "sell", "order.average_price": 99.7})
    view = await look("trading_execution")
    assert view["avg_slippage_bps"] == pytest.approx((10 + 30) / 2)
    assert view["slippage_p50_bps"] == pytest.approx(20)
    assert view.measured("avg_slippage_bps").samples == 2


async def test_paper_orders_never_mix_with_live_ones(sender: Any, look: Any) -> None:
    sender.span("order.execute", **ORDER)
    sender.span("order.execute", **ORDER | {"order.mode": "paper", "order.average_price": 150.0})
    view = await look("trading_execution")
    assert view["orders_executed_5m"] == 1
    assert view["paper_orders_executed_5m"] == 1
    assert view["avg_slippage_bps"] == pytest.approx(10)


async def test_denied_and_cancelled_orders_are_no_failures_of_execution(sender: Any, look: Any) -> None:
    for status in ("filled", "partially_filled", "open", "rejected", "cancelled", "denied"):
        sender.span("order.execute", **ORDER | {"order.status": status})
    view = await look("trading_execution")
    assert view["execution_success_rate"] == pytest.approx(3 / 4)
    assert view.measured("execution_success_rate").samples == 4


async def test_an_outcome_of_failure_is_a_failure_though_nothing_was_raised(sender: Any, look: Any) -> None:
    sender.span("order.execute", **ORDER)
    sender.span("order.execute", **ORDER | {"observatory.outcome": "failure"})
    assert (await look("trading_execution"))["execution_success_rate"] == pytest.approx(0.5)


async def test_a_live_request_answered_by_a_simulation_is_counted_and_is_no_execution(sender: Any, look: Any) -> None:
    sender.span("order.execute", **ORDER | {"order.simulated": True})
    view = await look("trading_execution")
    assert view["simulated_for_live_5m"] == 1
    assert view["orders_executed_5m"] == 0
    assert view["avg_slippage_bps"] is None


async def test_fills_at_zero_or_far_from_the_venues_price_are_implausible(sender: Any, look: Any) -> None:
    for price in (100.1, 0.0, 150.0):
        sender.span("order.execute", **ORDER | {"order.average_price": price})
    assert (await look("trading_execution"))["implausible_fills_5m"] == 2


async def test_an_unknown_order_ages_until_its_state_is_known(sender: Any, look: Any) -> None:
    for client_id in ("lost", "found"):
        sender.span("order.execute", ago=7_200, **ORDER | {"order.status": "unknown", "order.client_id": client_id})
    sender.log(
        "order.state.changed",
        ago=60,
        **{"order.client_id": "found", "order.state.from": "unknown", "order.state.to": "filled"},
    )
    view = await look("trading_execution")
    assert view["unknown_orders"] == 1
    assert view["unknown_order_age_max_s"] == pytest.approx(7_200)


async def test_no_unknown_orders_of_a_living_service_are_zero_and_have_no_age(look: Any) -> None:
    view = await look("trading_execution", alive={"trade_execution_service"})
    assert view["unknown_orders"] == 0
    assert view["unknown_order_age_max_s"] is None
    assert view["execution_success_rate"] is None


async def test_exchanges_are_told_apart(sender: Any, look: Any) -> None:
    sender.span("order.execute", ms=40, **ORDER)
    sender.span("order.execute", ms=4_000, **ORDER | {"exchange.id": "kraken", "order.status": "rejected"})
    view = await look("trading_execution")
    assert view.member("trading_execution.exchange_execution_success", "binance").value == 1.0
    assert view.member("trading_execution.exchange_execution_success", "kraken").value == 0.0
    assert view.member("trading_execution.exchange_latency_p95", "kraken").value == pytest.approx(4_000)
