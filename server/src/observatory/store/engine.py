"""Opening the telemetry store: database, migrations, views, a writer per signal, a few readers, retention."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

from clickhouse_connect import get_client
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from observatory.errors import StoreError
from observatory.otlp.signals import Signal
from observatory.selfwatch import Selfwatch
from observatory.store.by_user import project
from observatory.store.facts import FactTable, FactView
from observatory.store.history import History
from observatory.store.insert import Writer
from observatory.store.migrations import lay_views, migrate
from observatory.store.query import Reader, ask
from observatory.store.retention import Retention, retain
from observatory.store.views import Limits

DATABASE = "observatory"
_ONLY_READS = {"max_execution_time": 5, "max_memory_usage": 256 << 20, "max_result_rows": 1_000, "readonly": 1}


@dataclass(frozen=True, slots=True)
class Plan:
    """What a store is opened with.

    Attributes:
        dsn: `chdb:///path` or `clickhouse://…`.
        folder: where the store keeps schema files.
        limits: what ingest keeps and rejects.
        retention: how long each kind of table is kept.
        readers: connections that read.
        query_timeout_s, query_memory_bytes, query_rows: bounds of one read.
        tables, views: the areas' facts.
    """

    dsn: str
    folder: Path
    limits: Limits = field(default_factory=Limits)
    retention: Retention = field(default_factory=Retention)
    readers: int = 4
    query_timeout_s: int = 20
    query_memory_bytes: int = 2 << 30
    query_rows: int = 100_000
    tables: Sequence[FactTable] = field(default_factory=tuple)
    views: Sequence[FactView] = field(default_factory=tuple)

    @property
    def embedded(self) -> bool:
        """True when the engine runs inside this process."""
        return self.dsn.startswith("chdb:")


class Store:
    """An open telemetry store. One process may open one embedded store."""

    def __init__(
        self,
        writers: Mapping[Signal, Writer],
        reader: Reader,
        ticking: Reader,
        guarded: Reader,
        history: History,
        control: Client,
        embedded: bool,
    ) -> None:
        self.writers = writers
        self.reader = reader
        self.ticking = ticking
        self.guarded = guarded
        self.history = history
        self.embedded = embedded
        self._control = control
        # A connection runs one statement at a time.
        self._controlling = Lock()

    def command(self, sql: str) -> None:
        """Run a statement of maintenance (freeze, attach, drop) on a connection of its own.

        Raises:
            StoreError: if the store refuses it.
        """
        with self._controlling:
            try:
                self._control.command(sql)
            except ClickHouseError as error:
                raise StoreError(str(error)) from error

    def rows(self, sql: str) -> Sequence[Sequence[Any]]:
        """Read for maintenance: on the connection of `command`, without a reader's limits.

        Raises:
            StoreError: if the store refuses it.
        """
        with self._controlling:
            return ask(self._control, sql).rows

    def close(self) -> None:
        """Close every connection; the embedded engine ends with the last of them."""
        self.reader.close()
        self.ticking.close()
        self.guarded.close()
        self.history.close()
        for writer in self.writers.values():
            writer.close()
        self._control.close()


def open_store(plan: Plan, selfwatch: Selfwatch) -> Store:
    """Open the store, bring its tables up to date and lay its views.

    Raises:
        MigrationError: naming what could not be applied.
    """
    if plan.embedded:
        Path(plan.dsn.removeprefix("chdb://")).mkdir(parents=True, exist_ok=True)
    first = _connect(plan, database=None)
    first.command(f"CREATE DATABASE IF NOT EXISTS {DATABASE}")
    control = _connect(plan)
    migrate(control, plan.tables)
    project(control, ["fact_calls", *(table.name for table in plan.tables)])
    lay_views(control, plan.limits, plan.views)
    retain(control, plan.retention, [table.name for table in plan.tables])
    bounds = _read_bounds(plan)
    reader = Reader([_connect(plan, settings=bounds) for _ in range(plan.readers)], selfwatch)
    # The tick's many short queries are cheaper on one thread each, and never wait behind somebody's long read.
    ticking = Reader([_connect(plan, settings=bounds | {"max_threads": 1}) for _ in range(2)], selfwatch)
    # For questions that are not ours. readonly comes last: from then on no setting can be changed, nor files be read.
    guarded = Reader([_connect(plan, settings=_guarded(bounds))], selfwatch)
    # A connection per signal: planning the metrics' views must not hold up traces. Where traces and logs fill the same
    # fact table, each batch is known by its own token.
    writers = {signal: Writer(_connect(plan), plan.embedded, plan.folder / "schema") for signal in Signal}
    history = History(_connect(plan))
    store = Store(writers, reader, ticking, guarded, history, control, plan.embedded)
    first.close()
    return store


def _connect(plan: Plan, database: str | None = DATABASE, settings: Mapping[str, Any] | None = None) -> Client:
    names: dict[str, Any] = {"database": database} if database else {}
    # Times come back aware: a naive one compares with nothing that the rest of the server has.
    return get_client(dsn=plan.dsn, settings=dict(settings or {}), tz_mode="aware", **names)


def _guarded(bounds: Mapping[str, Any]) -> dict[str, Any]:
    others = {name: value for name, value in bounds.items() if name not in _ONLY_READS}
    return {**others, "max_threads": 1, **_ONLY_READS}


def _read_bounds(plan: Plan) -> dict[str, Any]:
    return {
        "max_execution_time": plan.query_timeout_s,
        "max_memory_usage": plan.query_memory_bytes,
        "max_result_rows": plan.query_rows,
        "readonly": 2,
        # A query that comes every few seconds was compiled at its third run, for up to two seconds, and was no faster.
        "compile_expressions": 0,
        "compile_aggregate_expressions": 0,
    }
