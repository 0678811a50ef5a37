"""Numbered migrations for what holds data; views and Null tables are made anew at every start."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib import resources

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from observatory.errors import MigrationError
from observatory.store import own
from observatory.store.facts import FactTable, FactView
from observatory.store.views import Limits, pipeline

# Every table that an insert reaches: on disk when acknowledged, and the same block twice is stored once.
# Statistics of every column cost each insert and no query here uses them. Merging twelve parts at a time and not five
# writes each row less often: a fifth less CPU per span at full rate, merges included.
DURABLE = (
    "fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 10000, "
    "auto_statistics_types = '', ttl_only_drop_parts = 1, materialize_ttl_recalculate_only = 1, "
    "min_bytes_for_wide_part = 67108864, "
    "merge_selector_base = 12"
)
_WORDS = {
    "merge_tree": "ENGINE = MergeTree",
    "aggregating": "ENGINE = AggregatingMergeTree",
    "durable": DURABLE,
    "weight": own.WEIGHT["Weight"][1],
}
_LEDGER = (
    "CREATE TABLE IF NOT EXISTS migrations (Name String, AppliedAt DateTime64(3, 'UTC') DEFAULT now64(3)) "
    "ENGINE = MergeTree ORDER BY Name SETTINGS fsync_after_insert = 1, fsync_part_directory = 1"
)


def migrate(client: Client, facts: Sequence[FactTable]) -> list[str]:
    """Apply what has not been applied yet and return its names.

    A migration may have been cut short by the end of the process, so each statement must bear to be run again.

    Raises:
        MigrationError: naming the migration and what the store said.
    """
    client.command(_LEDGER)
    done = {row[0] for row in client.query("SELECT Name FROM migrations").result_rows}
    applied = []
    for name, statements in _steps():
        if name in done:
            continue
        for statement in statements:
            _run(client, name, statement)
        client.command("INSERT INTO migrations (Name) VALUES ({name:String})", parameters={"name": name})
        applied.append(name)
    for table in facts:
        _run(client, table.name, table.ddl(DURABLE))
        _add_columns(client, table)
    return applied


def lay_views(client: Client, limits: Limits, facts: Sequence[FactView]) -> None:
    """Drop every view and Null table and make them from what the code says now.

    Raises:
        MigrationError: naming the view and what the store said.
    """
    existing = client.query(
        "SELECT name, engine FROM system.tables WHERE database = currentDatabase() "
        "AND engine IN ('MaterializedView', 'Null') ORDER BY engine"
    ).result_rows
    for name, _ in existing:
        _run(client, name, f"DROP TABLE {name} SYNC")
    tables, views = pipeline(limits, facts)
    for table in tables:
        _run(client, table.name, table.ddl)
    for view in views:
        _run(client, view.name, view.ddl)


def _steps() -> list[tuple[str, list[str]]]:
    folder = resources.files("observatory.store") / "migrations"
    files = sorted((each for each in folder.iterdir() if each.name.endswith(".sql")), key=lambda each: each.name)
    return [(each.name, _statements(each.read_text(encoding="utf-8"))) for each in files]


def _statements(text: str) -> list[str]:
    plain = re.sub(r"^--.*$", "", text, flags=re.MULTILINE)
    filled = re.sub(r"\{\{(\w+)\}\}", lambda word: _WORDS[word.group(1)], plain)
    return [each.strip() for each in filled.split(";\n") if each.strip()]


def _add_columns(client: Client, table: FactTable) -> None:
    rows = client.query(
        f"SELECT name FROM system.columns WHERE database = currentDatabase() AND table = '{table.name}'"
    )
    there = {str(row[0]) for row in rows.result_rows}
    for column, statement in table.additions().items():
        if column not in there:
            _run(client, table.name, statement)


def _run(client: Client, name: str, statement: str) -> None:
    try:
        client.command(statement)
    except ClickHouseError as error:
        raise MigrationError(f"{name}: {error}") from error
