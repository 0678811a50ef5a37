"""What the orders show in system-health: live orders, unless a name says paper."""

from __future__ import annotations

from observatory.areas.definition import View

VIEW = View(
    numbers={
        "orders_executed_5m": "orders_executed",
        "execution_success_rate": "execution_success",
        "avg_slippage_bps": "slippage_mean",
        "slippage_p50_bps": "slippage_p50",
        "slippage_p95_bps": "slippage_p95",
        "market_order_latency_p95_ms": "market_order_latency_p95",
        "fill_ratio": "fill_ratio",
        "unknown_orders": "unknown_orders",
        "unknown_order_age_max_s": "unknown_age",
        "simulated_for_live_5m": "simulated_for_live",
        "implausible_fills_5m": "implausible_fills",
        "paper_orders_executed_5m": "paper_orders_executed",
    }
)
