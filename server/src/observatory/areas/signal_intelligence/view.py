"""What the signals show in system-health."""

from __future__ import annotations

from observatory.areas.definition import View

VIEW = View(
    numbers={
        "signals_generated_5m": "signals_generated",
        "delivery_success_rate": "delivery_success",
        "avg_signal_latency_ms": "latency_mean",
        "signal_latency_p50_ms": "latency_p50",
        "signal_latency_p95_ms": "latency_p95",
        "dead_letters_5m": "dead_letters",
        "avg_confidence": "confidence_mean",
        "avg_quality_score": "quality_mean",
        "win_rate_1h": "win_rate",
        "pnl_last_hour_usd": "pnl",
    }
)
