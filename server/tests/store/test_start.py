"""Opening a store again applies nothing twice and loses nothing; its views are those of the code."""

from __future__ import annotations

import importlib.resources
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from observatory.errors import MigrationError
from observatory.store import parse

Elsewhere = Callable[..., dict[str, Any]]
FACTS = """
-- table fact_orders
Timestamp DateTime64(9, 'UTC'), Environment LowCardinality(String)
-- order Timestamp
-- view fact_orders from spans_flat
SELECT Timestamp, Environment FROM spans_flat WHERE SpanName = 'order'
-- view fact_orders from logs_flat
SELECT Timestamp, Environment FROM logs_flat
-- view fact_orders from logs_flat
SELECT Timestamp, Environment FROM logs_flat WHERE EventName = 'order'
"""
PICKED_TEXT = """spans_flat
SELECT Timestamp, Environment FROM spans_flat WHERE SpanName = 'order'"""
PICKED_BLIND = """spans_picked
SELECT Timestamp, Environment FROM spans_picked"""
TWICE = """-- table fact_orders
A Int8
-- order A
-- view fact_orders from logs_flat"""
# Then the same table one version later: with a column before the others, and one with commas in type and codec.
OLD = """
-- table fact_calls_seen
Timestamp DateTime64(9, 'UTC'), Environment LowCardinality(String)
-- order Timestamp
-- view fact_calls_seen from spans_picked
SELECT Timestamp, Environment FROM spans_picked
WHERE SpanName = 'call'
"""
NEW = """
-- table fact_calls_seen
Step LowCardinality(String) DEFAULT 'call', Timestamp DateTime64(9, 'UTC'), Environment LowCardinality(String),
Paid Nullable(Decimal(38, 9)) CODEC(Delta(8), ZSTD(1)), DurationNs UInt64 CODEC(T64, ZSTD(1))
-- order Timestamp
-- view fact_calls_seen from spans_picked
SELECT Timestamp, Environment, 'seen' AS Step, toDecimal128('0.5', 9) AS Paid, Duration AS DurationNs FROM spans_picked
WHERE SpanName = 'call'
-- view fact_calls_seen from logs_flat
SELECT Timestamp, Environment, 'log' AS Step FROM logs_flat
-- view fact_calls_seen from spans_picked
SELECT Timestamp, Environment, 'other' AS Step FROM spans_picked
WHERE SpanName = 'another'
"""


@pytest.fixture(scope="module")
def folder(elsewhere: Elsewhere, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("start")
    elsewhere("fill", folder=path, days=[0, 1])
    return path


def test_reopening_applies_nothing_and_keeps_every_row(elsewhere: Elsewhere, folder: Path) -> None:
    first, second = (elsewhere("reopen", folder=folder) for _ in range(2))
    assert second["migrations"] == first["migrations"]
    written = importlib.resources.files("observatory.store") / "migrations"
    assert [name for name, _ in first["migrations"]] == sorted(
        each.name for each in written.iterdir() if each.name.endswith(".sql")
    )
    assert second["fingerprint"] == first["fingerprint"]
    assert second["fingerprint"]["otel_traces"][0] == 20


def test_views_come_and_go_with_the_code(elsewhere: Elsewhere, folder: Path) -> None:
    plain = elsewhere("reopen", folder=folder)
    more = elsewhere("reopen", folder=folder, facts=FACTS)
    again = elsewhere("reopen", folder=folder)
    ours = {"fact_orders_from_spans", "fact_orders_from_logs", "fact_orders_from_logs_2"}
    assert {name for (name,) in more["views"]} - {name for (name,) in plain["views"]} == ours
    assert again["views"] == plain["views"]
    assert again["fingerprint"] == plain["fingerprint"]


def test_a_store_of_an_earlier_version_gets_the_new_columns_of_a_fact_table_and_keeps_its_rows(
    elsewhere: Elsewhere, tmp_path: Path
) -> None:
    before = elsewhere("take", folder=tmp_path, facts=OLD, asked="SELECT count() FROM fact_calls_seen")
    asked = "SELECT Step, toString(Paid), DurationNs, count() FROM fact_calls_seen GROUP BY ALL ORDER BY ALL"
    after = elsewhere("take", folder=tmp_path, facts=NEW, asked=asked)
    again = elsewhere("take", folder=tmp_path, facts=NEW, asked=asked)
    assert before == [[5]]
    # What was there before says of the new columns what is said of nothing: their defaults.
    second = 1_000_000_000
    assert after == [["call", None, 0, 5], ["log", None, 0, 5], ["seen", "0.5", second, 5]]
    assert again == [["call", None, 0, 5], ["log", None, 0, 10], ["seen", "0.5", second, 10]]


def test_a_migration_cut_short_before_it_was_written_down_is_run_again(elsewhere: Elsewhere, folder: Path) -> None:
    before = elsewhere("reopen", folder=folder)
    after = elsewhere("reopen", folder=folder, forget_migrations=True)
    assert [name for name, _ in after["migrations"]] == [name for name, _ in before["migrations"]]
    assert after["fingerprint"] == before["fingerprint"]


def test_a_view_that_the_store_refuses_stops_the_start_and_is_named(elsewhere: Elsewhere, tmp_path: Path) -> None:
    broken = FACTS.replace("WHERE SpanName = 'order'", "WHERE NoSuchColumn = 1")
    with pytest.raises(AssertionError, match=r"MigrationError: fact_orders_from_spans: .*NoSuchColumn"):
        elsewhere("reopen", folder=tmp_path, facts=broken)


@pytest.mark.parametrize(
    ("line", "replacement", "reason"),
    [
        ("-- table fact_orders", "", "facts.sql:3: SQL before the first '-- table'"),
        ("-- table fact_orders", "-- table fact orders", "facts.sql:2: 'fact orders' is no name of a table"),
        ("-- order Timestamp", "", "facts.sql:2: no '-- order <columns>' after the columns of fact_orders"),
        ("-- order Timestamp", "-- order A\n-- order B", "facts.sql:5: '-- order' without a table before it"),
        ("-- order Timestamp", "-- order A\nTimestamp", "facts.sql:5: SQL after '-- order', which starts no block"),
        ("-- view fact_orders from spans_flat", "-- view fact_orders from spans", "facts.sql:5: '-- view fact_orders"),
        ("-- view fact_orders from spans_flat", "-- view fact_fills from spans_flat", "facts.sql:5: view into fact_fi"),
        ("FROM spans_flat WHERE", "FROM otel_traces WHERE", "facts.sql:5: the view does not read spans_flat"),
        ("SELECT Timestamp, Environment FROM spans_flat WHERE SpanName = 'order'", "", "facts.sql:5: no SQL below"),
        (PICKED_TEXT, PICKED_BLIND, "facts.sql:5: a view from spans_picked needs a WHERE right after it"),
        ("-- view fact_orders from logs_flat", TWICE, "facts.sql:7: fact_orders is made twice"),
    ],
)
def test_a_broken_facts_file_is_refused_with_file_and_line(line: str, replacement: str, reason: str) -> None:
    with pytest.raises(MigrationError) as refusal:
        parse(FACTS.replace(line, replacement, 1), "facts.sql")
    assert reason in str(refusal.value)


def test_a_facts_file_is_its_tables_and_views() -> None:
    (table,), views = parse(FACTS, "facts.sql")
    assert (table.name, table.order) == ("fact_orders", "Timestamp")
    assert table.columns == "Timestamp DateTime64(9, 'UTC'), Environment LowCardinality(String)"
    assert [view.source for view in views] == ["spans_flat", "logs_flat", "logs_flat"]
    assert {view.target for view in views} == {"fact_orders"}


def test_a_file_of_comments_is_no_facts() -> None:
    assert parse("-- nothing here yet\n\n", "facts.sql") == ([], [])
