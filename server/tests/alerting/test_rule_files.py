"""Rule files: what is refused, with file and line; what a reload keeps; what SQL may ask."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from observatory import alerting
from observatory.alerting import decode, files
from observatory.alerting.fields import RuleError
from observatory.alerting.files import FileRefused
from observatory.alerting.rulebook import Rulebook
from observatory.clock import HeldClock
from observatory.errors import InvalidRequest, NotFound
from observatory.state import State, open_store

GOOD = """rules:
  - id: own.slow
    sentence: models answer slowly
    severity: warning
    for: 30s
    condition: {kind: bound, indicator: ai_systems.latency_p95, level: warning, bound: "> 100"}
"""
SQL = """rules:
  - id: own.sql
    sentence: orders
    severity: info
    condition:
      kind: sql
      says: "$value orders"
      query: QUERY
"""


@pytest.fixture
async def state(tmp_path: Path) -> AsyncIterator[State]:
    opened = await open_store(f"sqlite+aiosqlite:///{tmp_path / 'state.db'}")
    yield opened
    await opened.close()


@pytest.fixture
def clock() -> HeldClock:
    return HeldClock(datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC))


def refusal(text: str, known: alerting.Known) -> FileRefused:
    with pytest.raises(FileRefused) as refused:
        list(files.parse(text, "own.yaml", known))
    return refused.value


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        (GOOD.replace("severity: warning", "severity: dire"), 4, "severity: must be one of critical, warning, info"),
        (GOOD.replace("for: 30s", "for: soon"), 5, "for: must be a length"),
        (GOOD.replace("for: 30s", "fro: 30s"), 5, "fro: unknown field"),
        (GOOD.replace("ai_systems.latency_p95", "ai_systems.nothing"), 6, "no indicator 'ai_systems.nothing'"),
        (GOOD.replace("> 100", "more"), 6, "must be a bound"),
        (GOOD.replace("kind: bound", "kind: magic"), 6, "condition.kind: must be one of"),
        (GOOD.replace("own.slow", "Own Slow"), 2, "id: must begin with"),
        (GOOD.replace("    sentence: models answer slowly\n", ""), 2, "sentence: must be a text"),
        ("rules: [", 1, "no YAML"),
        ("rules:\n  - just a text\n", 2, "a rule must be a mapping"),
        ("regeln: []\n", 1, "must hold a list under rules"),
        ("- a\n- b\n", 1, "must hold a list under rules"),
        ("rules:\n  - {id: !!python/object:os.system x}\n", 2, "no YAML"),
    ],
)
def test_a_bad_file_is_refused_with_line_and_reason(text: str, line: int, reason: str, known: alerting.Known) -> None:
    refused = refusal(text, known)
    assert reason in refused.reason
    assert (refused.file, refused.line) == ("own.yaml", line)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM file('/etc/passwd')",
        "SELECT file('/etc/passwd') AS member FROM fact_orders",
        "SELECT FILE ('/etc/passwd') AS member FROM fact_orders",
        "SELECT file/**/('/etc/passwd') AS member FROM fact_orders",
        "SELECT '/*', file('/etc/passwd'), '*/' FROM fact_orders",
        "SELECT 'a\\'', file('/etc/passwd'), '' FROM fact_orders",
        "SELECT `file`('/etc/passwd') FROM fact_orders",
        'SELECT "file"(1) FROM fact_orders',
        "SELECT * FROM fact_orders, url('http://127.0.0.1/', 'CSV', 'a Int32')",
        "SELECT * FROM fact_orders, remote('127.0.0.1', 'system.one')",
        "SELECT * FROM fact_orders, executable('x', 'CSV', 'a Int32')",
        "SELECT * FROM fact_orders, system.processes",
        "SELECT * FROM fact_orders INTO OUTFILE '/tmp'",
        "SELECT * FROM fact_orders SETTINGS max_execution_time = 0",
        "SELECT 1; DROP TABLE fact_orders",
        "INSERT INTO fact_orders VALUES (1)",
        "DROP TABLE fact_orders",
        "SELECT $secret FROM fact_orders",
        "SELECT 1",
    ],
)
def test_a_question_that_is_none_about_facts_is_refused(query: str, known: alerting.Known) -> None:
    text = SQL.replace("QUERY", "|\n        " + query)
    trusted = alerting.Known(known.indicators, known.services, known.areas, sql=True)
    refused = refusal(text, trusted)
    assert "condition.query" in refused.reason
    assert refused.line == 8


def test_sql_comes_only_from_the_servers_disk(known: alerting.Known) -> None:
    refused = refusal(SQL.replace("QUERY", "SELECT 1 FROM fact_orders"), known)
    assert "only from files on the server's disk" in refused.reason


async def test_a_reload_takes_what_changed_and_keeps_the_rest(
    known: alerting.Known, state: State, clock: HeldClock, tmp_path: Path
) -> None:
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "own.yaml").write_text(GOOD)
    book = Rulebook(known, state, clock, folder)
    await book.load()
    first = book.in_force["own.slow"].rule
    assert (first.origin, first.since) == ("file", clock.now())
    assert not book.reread()
    clock.advance(60)
    (folder / "own.yaml").write_text(
        GOOD.replace("for: 30s", "for: 2m") + GOOD.split("\n", 1)[1].replace("slow", "two")
    )
    assert book.reread()
    assert book.in_force["own.slow"].rule.for_s == 120
    assert book.in_force["own.slow"].rule.since == clock.now()
    (folder / "own.yaml").write_text(GOOD.replace("severity: warning", "severity: dire"))
    assert not book.reread()
    assert book.in_force["own.slow"].rule.for_s == 120
    (refused,) = book.refused
    assert (refused.place, refused.line) == ("own.yaml", 4)
    (folder / "own.yaml").unlink()
    assert book.reread()
    assert book.refused == ()
    assert "own.slow" not in book.in_force


async def test_a_file_cannot_stand_in_for_a_shipped_rule(
    known: alerting.Known, state: State, clock: HeldClock, tmp_path: Path
) -> None:
    (tmp_path / "own.yaml").write_text(GOOD.replace("own.slow", "service.down"))
    book = Rulebook(known, state, clock, tmp_path)
    await book.load()
    assert "stands in services.yaml" in book.refused[0].reason
    assert book.in_force["service.down"].rule.origin == "shipped"


async def test_changes_of_a_shipped_rule_last_and_can_be_taken_back(
    known: alerting.Known, state: State, clock: HeldClock
) -> None:
    book = Rulebook(known, state, clock)
    await book.load()
    changed = await book.change("service.down", {"for": "2m", "enabled": False}, "token:1", "too nervous")
    assert (changed.rule.for_s, changed.rule.enabled, changed.rule.origin) == (120, False, "overridden")
    again = Rulebook(known, state, clock)
    await again.load()
    assert again.in_force["service.down"].rule.for_s == 120
    assert again.export()[0]["id"] == "service.down"
    await again.remove("service.down", "token:1", "")
    assert again.in_force["service.down"].rule.origin == "shipped"
    with pytest.raises(InvalidRequest, match=r"stands in services\.yaml"):
        await again.remove("service.down", "token:1", "")
    with pytest.raises(NotFound):
        await again.remove("nothing", "token:1", "")


async def test_an_indicators_bound_can_be_changed_for_a_rule(
    known: alerting.Known, state: State, clock: HeldClock
) -> None:
    book = Rulebook(known, state, clock)
    changed = await book.change("ai_systems.latency_p95.critical", {"condition": {"bound": "> 30000"}}, "token:1", "")
    condition: Any = changed.rule.condition
    assert condition.held_to.value == 30_000


@pytest.mark.parametrize(
    "change",
    [
        {"id": "other"},
        {"condition": {"kind": "told"}},
        {"condition": {"query": "SELECT 1"}},
        {"for": -1},
        {"nothing": 1},
    ],
)
async def test_a_change_that_makes_no_sense_is_refused(
    change: dict[str, Any], known: alerting.Known, state: State, clock: HeldClock
) -> None:
    book = Rulebook(known, state, clock)
    with pytest.raises(RuleError):
        await book.change("security.event", change, "token:1", "")
    assert book.in_force["security.event"].rule.origin == "shipped"


async def test_what_is_exported_is_a_file_that_can_be_read(
    known: alerting.Known, state: State, clock: HeldClock
) -> None:
    import yaml

    book = Rulebook(known, state, clock)
    entry = yaml.safe_load(GOOD)["rules"][0]
    await book.create(entry, "token:1", "")
    text = yaml.safe_dump({"rules": book.export()})
    (found,) = files.parse(text, "exported.yaml", known)
    assert decode.rule(found.entry, known).for_s == 30
