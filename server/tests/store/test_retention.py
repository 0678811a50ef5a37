"""Days past their time are dropped, rollups by their resolution; a changed setting changes what is kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from observatory.store.retention import Retention, clauses

Elsewhere = Callable[..., dict[str, Any]]
LONG = {"raw_days": 900, "metrics_days": 900, "facts_days": 900, "rollup_10s_days": 900, "rollup_1m_days": 900}
SHORT = {"raw_days": 4, "metrics_days": 8, "facts_days": 30, "rollup_10s_days": 2, "rollup_1m_days": 500}


def test_a_shorter_retention_drops_the_days_already_stored_and_only_those(elsewhere: Elsewhere, tmp_path: Path) -> None:
    days = [0, 3, 6, 20, 40, 100]
    filled = elsewhere("fill", folder=tmp_path, days=days, oldest_days=400, retention=LONG)
    assert filled["otel_traces"][0] == filled["fact_calls"][0] == 10 * len(days)
    pending = " + ".join(
        f"(SELECT count() FROM {table} WHERE {column} < now() - INTERVAL {kept + 1} DAY)"
        for table, column, kept in (
            ("otel_traces", "Timestamp", 4),
            ("otel_logs", "Timestamp", 4),
            ("otel_metrics_sum", "TimeUnix", 8),
            ("otel_metrics_gauge", "TimeUnix", 8),
            ("otel_metrics_summary", "TimeUnix", 8),
            ("otel_metrics_histogram", "TimeUnix", 8),
            ("otel_metrics_exponential_histogram", "TimeUnix", 8),
            ("fact_calls", "Timestamp", 30),
            ("fact_points", "Timestamp", 30),
            ("rollup_services_10s", "Timestamp", 2),
        )
    )
    kept = elsewhere("reopen", folder=tmp_path, retention=SHORT, wait_empty=f"SELECT {pending}")
    days_kept = dict(kept["days"])
    assert days_kept["otel_traces"] == days_kept["otel_logs"] == 2  # 0, 3
    assert days_kept["otel_metrics_sum"] == days_kept["otel_metrics_summary"] == 3  # and 6
    assert days_kept["fact_calls"] == days_kept["fact_points"] == 4  # and 20
    assert days_kept["rollup_calls"] == 1 + len(days)  # today's 10 s, and every day's 1 m
    assert kept["rollups"] == [[10], [60]]


def test_more_days_than_an_insert_has_partitions_by_default_fit_in_one_batch(
    elsewhere: Elsewhere, tmp_path: Path
) -> None:
    filled = elsewhere("fill", folder=tmp_path, days=[*range(120)], oldest_days=400, retention=LONG, traces_only=True)
    assert filled["otel_traces"][0] == filled["fact_calls"][0] == 1_200


def test_nothing_is_altered_when_no_setting_changed(elsewhere: Elsewhere, tmp_path: Path) -> None:
    elsewhere("fill", folder=tmp_path, days=[0], retention=SHORT)
    first = elsewhere("reopen", folder=tmp_path, retention=SHORT)
    second = elsewhere("reopen", folder=tmp_path, retention=SHORT)
    assert second["changed"] == first["changed"]
    assert second["mutations"] == first["mutations"]
    changed = elsewhere("reopen", folder=tmp_path, retention=SHORT | {"facts_days": 31})
    before, after = dict(first["mutations"]), dict(changed["mutations"])
    assert {table for table in after if after[table] != before.get(table)} == {"fact_calls", "fact_points"}


def test_every_table_that_holds_telemetry_has_an_end() -> None:
    ends = clauses(Retention(), ["fact_orders"])
    assert ends["fact_orders"] == "toDateTime(Timestamp) + INTERVAL 90 DAY"
    assert ends["rollup_calls"] == "Timestamp + INTERVAL if(Resolution = 10, 7, 400) DAY"
    assert ends["cost_hours"] == ends["cost_rolls"] == "Hour + INTERVAL 400 DAY"
    assert len(ends) == 15
