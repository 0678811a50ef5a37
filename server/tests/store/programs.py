"""What needs a store of its own runs here, in a process of its own: the embedded engine opens one data path a process.

Run by `elsewhere` as `python -m store.programs <name>` with its arguments as JSON on stdin; answers JSON on stdout.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import threading
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from observatory.errors import StoreError
from observatory.otlp.signals import Signal
from observatory.selfwatch import Selfwatch
from observatory.store import (
    Batch,
    Kept,
    Limits,
    Plan,
    Point,
    Retention,
    Store,
    freeze,
    open_store,
    parse,
    restore,
)

from . import requests

DAY_NS = 86_400 * 10**9
KINDS = ("gauge", "sum", "histogram", "exponential_histogram", "summary")
TABLES = (
    "otel_traces",
    "otel_logs",
    *(f"otel_metrics_{kind}" for kind in KINDS),
    "fact_calls",
    "fact_points",
    "rollup_calls",
    "indicator_history",
    "snapshots",
    "cost_hours",
    "cost_rolls",
)


def opened(folder: str, **plan: Any) -> Store:
    return open_store(Plan(f"chdb://{folder}/store", Path(folder), **plan), Selfwatch())


def rows(store: Store, sql: str) -> list[list[Any]]:
    found = asyncio.run(store.reader.read(sql))
    return [list(row) for row in found.rows]


def insert(store: Store, signal: Signal, message: Any, arrival: int, folder: str) -> None:
    path = Path(folder) / f"{signal}.pb"
    path.write_bytes(message.SerializeToString())
    store.writers[signal].insert(Batch(signal, uuid.uuid4().hex, arrival, path))


def fill(
    folder: str,
    days: list[int],
    oldest_days: int = 35,
    retention: dict[str, int] | None = None,
    traces_only: bool = False,
) -> dict[str, Any]:
    """Ten spans, records and points of each kind on each of the days ago."""
    limits = Limits(oldest_s=oldest_days * 86_400 + 3_600)
    store = opened(folder, limits=limits, retention=Retention(**(retention or {})))
    now = time.time_ns()
    times = [now - day * DAY_NS - number * 10**6 for day in days for number in range(10)]
    insert(store, Signal.TRACES, requests.traces("production", times), now, folder)
    if traces_only:
        return closed(store, fingerprint(store))
    insert(store, Signal.LOGS, requests.logs("production", [(at, at) for at in times]), now, folder)
    insert(store, Signal.METRICS, requests.metrics("production", times), now, folder)
    _remember(store, [datetime.fromtimestamp(at // 10**9, UTC) for at in times])
    return closed(store, fingerprint(store))


def _remember(store: Store, times: list[datetime]) -> None:
    for place, at in enumerate(times):
        store.history.record(at, [Point("production", "ai_systems.calls", "", float(place), place, 300, False)])
        store.history.keep(at, [Kept("production", "{}", "[]", "{}")])


def fingerprint(store: Store) -> dict[str, Any]:
    """Rows of each table and a hash of all of them, whatever their order."""
    asked = {
        table: rows(store, f"SELECT count(), sum(cityHash64(formatRow('RowBinary', *))) FROM {table}")
        for table in TABLES
    }
    return {table: answer[0] for table, answer in asked.items()}


def closed(store: Store, answer: dict[str, Any]) -> dict[str, Any]:
    store.close()
    return answer


def reopen(
    folder: str,
    retention: dict[str, int] | None = None,
    facts: str = "",
    wait_empty: str = "",
    forget_migrations: bool = False,
) -> dict[str, Any]:
    """Open what is there, and say what the store has."""
    if forget_migrations:
        first = opened(folder)
        first.command("TRUNCATE TABLE migrations SYNC")
        first.close()
    tables, views = parse(facts, "facts.sql")
    store = opened(folder, retention=Retention(**(retention or {})), tables=tables, views=views)
    if wait_empty:
        _wait(lambda: not rows(store, wait_empty)[0][0])
    return closed(
        store,
        {
            "migrations": rows(store, "SELECT Name, toString(AppliedAt) FROM migrations ORDER BY Name"),
            "changed": rows(
                store,
                "SELECT name, toString(metadata_modification_time) FROM system.tables "
                "WHERE database = currentDatabase() AND engine LIKE '%MergeTree' ORDER BY name",
            ),
            "mutations": rows(store, "SELECT table, count() FROM system.mutations GROUP BY table ORDER BY table"),
            "views": rows(store, "SELECT name FROM system.tables WHERE engine = 'MaterializedView' ORDER BY name"),
            "days": rows(
                store,
                "SELECT table, count(DISTINCT partition) FROM system.parts WHERE active AND rows > 0 "
                "AND database = currentDatabase() AND table != 'migrations' GROUP BY table ORDER BY table",
            ),
            "rollups": rows(store, "SELECT DISTINCT Resolution FROM rollup_calls ORDER BY Resolution"),
            "fingerprint": fingerprint(store),
        },
    )


def take(folder: str, facts: str, asked: str) -> list[list[Any]]:
    """Open with these facts, take five spans and five records in, and answer what is asked."""
    tables, views = parse(facts, "facts.sql")
    store = opened(folder, tables=tables, views=views)
    now = time.time_ns()
    times = [now - number * 10**6 for number in range(5)]
    insert(store, Signal.TRACES, requests.traces("production", times), now, folder)
    insert(store, Signal.LOGS, requests.logs("production", [(at, at) for at in times]), now, folder)
    return closed(store, rows(store, asked))


def _wait(done: Any) -> None:
    until = time.monotonic() + 90
    while not done() and time.monotonic() < until:
        time.sleep(0.1)


def back_up(folder: str, target: str) -> dict[str, Any]:
    """Back up while a writer inserts, and say what was there before and what is in the backup."""
    store = opened(folder)
    before = fingerprint(store)
    stop = threading.Event()
    written: list[int] = []

    def write() -> None:
        while not stop.is_set():
            now = time.time_ns()
            insert(store, Signal.TRACES, requests.traces("later", [now - at for at in range(50)]), now, folder)
            written.append(50)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        _wait(lambda: len(written) >= 2)
        manifest = freeze(store, Path(target), datetime.now(UTC))
        during = len(written)
        _wait(lambda: len(written) >= during + 2)
    finally:
        stop.set()
        writer.join()
    shadow = [path.name for path in Path(folder, "store", "shadow").iterdir() if path.is_dir()]
    answer = {"before": before, "rows": {table: manifest.rows(table) for table in manifest.tables}, "shadow": shadow}
    return closed(store, answer | {"after": fingerprint(store)})


def hash_early(folder: str) -> dict[str, Any]:
    """As `fingerprint`, of what was there before the writer of `back_up` began, and how many rows it added."""
    store = opened(folder)
    sql = "SELECT count(), sum(cityHash64(formatRow('RowBinary', *))) FROM {} WHERE Environment = 'production'"
    late = "SELECT count() FROM {} WHERE Environment = 'later'"
    # The list of rolled hours is one for all environments.
    told = [table for table in TABLES if table != "cost_rolls"]
    answer = {table: rows(store, sql.format(table))[0] + rows(store, late.format(table))[0] for table in told}
    return closed(store, answer)


def bring_back(folder: str, source: str) -> dict[str, Any]:
    """Restore into a new store, insert once more, and say what is there."""
    store = opened(folder)
    manifest = restore(store, Path(source))
    restored = fingerprint(store)
    now = time.time_ns()
    insert(store, Signal.TRACES, requests.traces("after", [now]), now, folder)
    more = rows(store, "SELECT count() FROM fact_calls WHERE Environment = 'after'")[0][0]
    made = {table: manifest.rows(table) for table in manifest.tables}
    return closed(store, {"restored": restored, "manifest": made, "inserted_after": more})


def refusals(folder: str, sources: dict[str, str], target: str) -> dict[str, Any]:
    """Why each source is not restored into one store, and why `target` takes no backup of it."""
    store = opened(folder)
    answers = {name: _refusal(lambda source=source: restore(store, Path(source))) for name, source in sources.items()}
    answers["target"] = _refusal(lambda: freeze(store, Path(target), datetime.now(UTC)))
    return closed(store, answers)


def _refusal(step: Callable[[], object]) -> str:
    try:
        step()
    except StoreError as refusal:
        return str(refusal)
    return ""


def limits(folder: str) -> dict[str, Any]:
    """What a reader with tight limits answers to each statement."""
    store = opened(folder, query_timeout_s=1, query_rows=1_000, query_memory_bytes=64 << 20)
    answers = {}
    for name, sql in {
        "slow": "SELECT max(cityHash64(number, number)) FROM numbers(100000000000)",
        "rows": "SELECT number FROM numbers(5000)",
        "memory": "SELECT length(groupArray(number)) FROM numbers(100000000)",
        "write": "INSERT INTO migrations (Name) VALUES ('x')",
        "drop": "DROP TABLE fact_calls",
        "free": "SET readonly = 0",
        "nonsense": "SELEKT 1",
        "good": "SELECT 1",
    }.items():
        try:
            answers[name] = rows(store, sql)
        except StoreError as error:
            answers[name] = [[str(error)]]
    return closed(store, answers)


def leftovers(folder: str) -> dict[str, Any]:
    """What one connection answers after queries that failed when part of their answer was written."""
    store = opened(folder, readers=1)
    answers: dict[str, Any] = {}
    for name, condition in {"early": "number = 1500", "late": "number = 90000"}.items():
        failing = f"SELECT number, throwIf({condition}) FROM numbers(95000) SETTINGS max_block_size = 1000"
        for read in (lambda sql: rows(store, sql), lambda sql: [list(row) for row in store.rows(sql)]):
            with contextlib.suppress(StoreError):
                answers["not refused"] = len(read(failing))
            answers.setdefault(name, []).append(read("SELECT 42 AS answer"))
    return closed(store, answers)


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](**json.load(sys.stdin))))
