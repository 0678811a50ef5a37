"""What the strategies show in system-health."""

from __future__ import annotations

from observatory.areas.definition import View

VIEW = View(
    numbers={
        "executions_5m": "executions",
        "execution_success_rate": "execution_success",
        "active_strategies_1h": "active_strategies",
        "strategies_per_user_1h": "strategies_per_user",
        "activations_1h": "activations",
        "downloads_1h": "downloads",
        "submissions_waiting": "submissions_waiting",
        "oldest_submission_age_s": "oldest_submission_age",
        "test_time_p95_ms": "test_time_p95",
    }
)
