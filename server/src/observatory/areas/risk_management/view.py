"""What the guards show in system-health."""

from __future__ import annotations

from observatory.areas.definition import View

VIEW = View(
    numbers={
        "risk_calcs_5m": "calculations",
        "avg_calc_time_ms": "calculation_time_mean",
        "calc_time_p95_ms": "calculation_time_p95",
        "breaches_5m": "breaches",
        "near_misses_5m": "near_misses",
        "guard_checks_per_order_5m": "guard_checks_per_order",
        "correlation_age_s": "correlation_age",
    }
)
