"""What the safety systems show in system-health."""

from __future__ import annotations

from observatory.areas.definition import View

VIEW = View(
    numbers={
        "activations_5m": "activations",
        "security_events_5m": "security_events",
        "breaker_trips_5m": "breaker_trips",
        "breakers_open": "breakers_open",
        "failovers_5m": "failovers",
        "failovers_failed_5m": "failovers_failed",
        "degradations_5m": "degradations",
    }
)
