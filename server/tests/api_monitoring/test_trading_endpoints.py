"""`trading` and `trading/execution` as a reader of the API meets them."""

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
    "order.decision_price": 100.0,
    "order.arrival_mid": 100.0,
    "order.average_price": 100.1,
    "order.reference_price": 100.0,
    "order.fee_usd": "0.04",
}


@pytest.mark.parametrize("path", ["/trading", "/trading/execution"])
async def test_an_empty_store_answers_null_in_every_section(server: Any, sender: Any, told: Any, path: str) -> None:
    sender.heartbeat("health_monitor")
    await told()
    answer = await server.read(path, environment=sender.environment)
    assert answer.status_code == 200
    for name, section in answer.json().items():
        if isinstance(section, dict) and "items" in section:
            assert section["items"] == [], name
        elif isinstance(section, dict):
            assert {value for field, value in section.items() if field != "provenance"} == {None}, name


async def test_live_orders_are_told_venue_by_venue_with_their_intervals(server: Any, sender: Any, told: Any) -> None:
    for number in range(4):
        sender.span("order.execute", ms=100, **ORDER | {"order.client_id": f"c{number}"})
    refused = {"order.status": "rejected", "order.reject_reason": "insufficient_funds", "order.filled_quantity": 0.0}
    sender.span("order.execute", ms=300, **ORDER | refused | {"order.client_id": "c4"})
    sender.span("order.execute", **ORDER | {"order.mode": "paper", "exchange.id": "paper", "order.client_id": "p"})
    await told()
    answer = (await server.read("/trading", environment=sender.environment)).json()
    (venue,) = answer["exchanges"]["items"]
    assert venue["execution_success_rate"] == pytest.approx(0.8)
    low, high = venue["provenance"]["execution_success_rate"]["interval"]
    assert (low, high) == pytest.approx((0.3755, 0.9638), abs=1e-3)
    assert (venue["orders"], venue["orders_executed"], venue["fees_usd"]) == (5, 4, pytest.approx(0.2))
    assert (venue["latency_p50_ms"], venue["reject_rate"]) == (pytest.approx(100), pytest.approx(0.2))
    assert answer["execution"]["shortfall_p50_bps"] == pytest.approx(10 + 0.04 / 200 * 10_000)
    costs = {(row["measure"], row["exchange"]): row for row in answer["costs"]["items"]}
    assert costs["shortfall_fee", "binance"]["mean_bps"] == pytest.approx(2)
    assert sum(part["count"] for part in costs["arrival_slippage", ""]["histogram"]) == 5
    quick = (await server.read("/trading/execution", environment=sender.environment, exchange="binance")).json()
    assert [(row["exchange"], row["mode"], row["symbol"]) for row in quick["markets"]["items"]] == [
        ("binance", "live", "BTC/USDT")
    ]
    (refusal,) = quick["refusals"]["items"]
    assert (refusal["reason"], refusal["orders"], refusal["of"]) == ("insufficient_funds", 1, 5)


async def test_the_flow_of_orders_is_told_by_mode_strategy_side_and_type(server: Any, sender: Any, told: Any) -> None:
    for number, mode in enumerate(("live", "live", "paper")):
        known = {"order.id": f"o{number}", "order.client_id": f"c{number}", "strategy.id": "trend"}
        sizes = {"position.size.intended": 2.0, "position.size.allowed": 2.0}
        sender.span("position.size", ago=12, **known, **sizes)
        sender.span("order.execute", **ORDER | known | {"order.mode": mode})
    await told()
    answer = (await server.read("/trading", environment=sender.environment, section="order_flow")).json()
    rows = {row["mode"]: row for row in answer["order_flow"]["items"]}
    assert {mode: (row["intended"], row["filled"], row["strategy"]) for mode, row in rows.items()} == {
        "live": (2, 2, "trend"),
        "paper": (1, 1, "trend"),
    }
    assert "execution" not in answer


async def test_suspect_fills_are_listed_with_their_trace(server: Any, sender: Any, told: Any) -> None:
    sender.span("order.execute", **ORDER | {"order.simulated": True, "order.client_id": "s"})
    sender.span("order.execute", ago=20, **ORDER | {"order.average_price": 0.0, "order.client_id": "z"})
    await told()
    answer = (await server.read("/trading", environment=sender.environment)).json()
    kinds = {row["order_id"]: row["kind"] for row in answer["suspect_fills"]["items"]}
    assert kinds == {"s": "simulated", "z": "implausible_price"}
    assert all(row["trace_id"] for row in answer["suspect_fills"]["items"])
    assert answer["execution"]["simulated_for_live"] == 1
