"""How long each kind of table is kept. The store drops whole parts (days) that are past their time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from clickhouse_connect.driver.client import Client

from observatory.store import metrics


@dataclass(frozen=True, slots=True)
class Retention:
    """Days that each kind of table is kept."""

    raw_days: int = 14
    metrics_days: int = 30
    facts_days: int = 90
    rollup_10s_days: int = 7
    rollup_1m_days: int = 400
    history_10s_days: int = 2
    history_1m_days: int = 35
    history_1h_days: int = 400


def clauses(retention: Retention, facts: Sequence[str]) -> dict[str, str]:
    """The TTL clause of each table."""
    days = {"otel_traces": ("Timestamp", retention.raw_days), "otel_logs": ("TimestampTime", retention.raw_days)}
    days |= {f"otel_metrics_{kind}": ("TimeUnix", retention.metrics_days) for kind in metrics.KINDS}
    days |= dict.fromkeys(("fact_calls", "fact_points", *facts), ("Timestamp", retention.facts_days))
    simple = {table: f"toDateTime({column}) + INTERVAL {kept} DAY" for table, (column, kept) in days.items()}
    kept = f"if(Resolution = 10, {retention.rollup_10s_days}, {retention.rollup_1m_days})"
    history = (
        f"multiIf(Resolution = 10, {retention.history_10s_days}, "
        f"Resolution = 60, {retention.history_1m_days}, {retention.history_1h_days})"
    )
    return simple | {
        "rollup_calls": f"Timestamp + INTERVAL {kept} DAY",
        "cost_hours": f"Hour + INTERVAL {retention.rollup_1m_days} DAY",
        "cost_rolls": f"Hour + INTERVAL {retention.rollup_1m_days} DAY",
        "indicator_history": f"Timestamp + INTERVAL {history} DAY",
        "snapshots": f"toDateTime(Timestamp) + INTERVAL {history} DAY",
    }


def retain(client: Client, retention: Retention, facts: Sequence[str]) -> None:
    """Put each table's TTL in force where it differs from what the table has.

    The days already stored are judged anew by it, in the background: one by one that can take minutes.
    """
    rows = client.query(
        "SELECT name, create_table_query FROM system.tables WHERE database = currentDatabase()"
    ).result_rows
    made = {str(name): str(statement) for name, statement in rows}
    for table, clause in clauses(retention, facts).items():
        if _squeezed(clause) not in _squeezed(made[table]):
            client.command(f"ALTER TABLE {table} MODIFY TTL {clause} SETTINGS alter_sync = 0, mutations_sync = 0")


def _squeezed(sql: str) -> str:
    # The store writes INTERVAL 14 DAY back as toIntervalDay(14).
    return sql.replace("INTERVAL ", "toIntervalDay(").replace(" DAY", ")").replace(" ", "")
