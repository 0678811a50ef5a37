"""PostgreSQL: its own statistics, by the names of the Collector's PostgreSQL receiver where it has one."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, ClassVar, Final, Literal

import asyncpg  # type: ignore[import-untyped]  # the package has no types

from observatory.clock import NS_PER_S
from observatory.collect.metrics import Metrics
from observatory.collect.postgres import Database, connected, failure, reading
from observatory.collect.target import Target, Tools

_MOST_ROWS: Final = 200
# Whose type is hidden from us still shows whose it is and where; what serves the server itself has no such place.
_CLIENTS: Final = (
    "datid IS NOT NULL AND usesysid IS NOT NULL AND coalesce(backend_type, 'client backend') = 'client backend'"
)
_BACKENDS: Final = f"""
SELECT coalesce(state, 'undisclosed') AS state, count(*) AS backends,
    count(*) FILTER (WHERE wait_event_type = 'Lock') AS waiting
FROM pg_stat_activity WHERE {_CLIENTS} GROUP BY 1"""
_SERVER: Final = f"""
SELECT current_setting('max_connections')::bigint AS connections,
    current_setting('superuser_reserved_connections')::bigint AS reserved,
    pg_is_in_recovery() AS standby,
    extract(epoch FROM clock_timestamp() - pg_postmaster_start_time())::float8 AS uptime_s,
    (SELECT CASE WHEN bool_or(backend_type IS NULL) THEN NULL
        ELSE coalesce(extract(epoch FROM max(clock_timestamp() - xact_start)), 0)::float8 END
     FROM pg_stat_activity WHERE {_CLIENTS} AND pid <> pg_backend_pid()) AS oldest_s,
    CASE WHEN pg_is_in_recovery() THEN extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::float8
    END AS replay_s,
    CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() END AS caught_up"""
_DATABASES: Final = f"""
SELECT datname, stats_reset, xact_commit, xact_rollback, deadlocks, temp_files, temp_bytes, blks_hit, blks_read,
    tup_returned, tup_fetched, tup_inserted, tup_updated, tup_deleted, conflicts,
    CASE WHEN has_database_privilege(datname, 'CONNECT') THEN pg_database_size(datname) END AS size
FROM pg_stat_database WHERE datname IS NOT NULL AND datname NOT LIKE 'template%'
ORDER BY datname LIMIT {_MOST_ROWS}"""
_REPLICAS: Final = f"""
SELECT coalesce(host(client_addr), 'unix') AS client, application_name AS name,
    extract(epoch FROM write_lag)::float8 AS write, extract(epoch FROM flush_lag)::float8 AS flush,
    extract(epoch FROM replay_lag)::float8 AS replay,
    CASE WHEN NOT pg_is_in_recovery() THEN pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)::bigint END AS behind
FROM pg_stat_replication LIMIT {_MOST_ROWS}"""
_COUNTERS: Final = (
    ("xact_commit", "postgresql.commits", "1"),
    ("xact_rollback", "postgresql.rollbacks", "1"),
    ("deadlocks", "postgresql.deadlocks", "{deadlock}"),
    ("temp_files", "postgresql.temp_files", "{temp_file}"),
    ("temp_bytes", "postgresql.temp.io", "By"),
    ("blks_hit", "postgresql.blks_hit", "{blks_hit}"),
    ("blks_read", "postgresql.blks_read", "{blks_read}"),
    ("tup_returned", "postgresql.tup_returned", "{tup_returned}"),
    ("tup_fetched", "postgresql.tup_fetched", "{tup_fetched}"),
    ("tup_inserted", "postgresql.tup_inserted", "{tup_inserted}"),
    ("tup_updated", "postgresql.tup_updated", "{tup_updated}"),
    ("tup_deleted", "postgresql.tup_deleted", "{tup_deleted}"),
    ("conflicts", "postgresql.conflicts", "{query}"),
)


class PostgresqlTarget(Target, Database):
    """One server of PostgreSQL. The account should be a member of `pg_monitor`."""

    KIND: ClassVar[str] = "postgresql"
    SENTENCE: ClassVar[str] = "A server of PostgreSQL: connections by state, transactions, replication, sizes."

    kind: Literal["postgresql"]

    @property
    def address(self) -> tuple[str, int | None]:
        """Host and port."""
        return self.host, self.port

    async def read(self, into: Metrics, tools: Tools) -> None:
        """Connect, ask four questions in one read-only transaction, hang up.

        Raises:
            Unread: if it cannot be reached or refuses a question; what it answered before is kept.
        """
        async with connected(self) as connection:
            what = "statistics"
            try:
                async with reading(connection, self.patience_s):
                    what = "pg_stat_activity"
                    _write_backends(await connection.fetch(_BACKENDS), into)
                    what = "settings"
                    write_server((await connection.fetch(_SERVER))[0], into)
                    what = "pg_stat_replication"
                    write_replicas(await connection.fetch(_REPLICAS), into)
                    what = "pg_stat_database"
                    _write_databases(await connection.fetch(_DATABASES), into)
            except asyncpg.PostgresConnectionError:
                raise
            except asyncpg.PostgresError as error:
                raise failure(error, what) from None


def _write_backends(rows: list[Any], into: Metrics) -> None:
    for row in rows:
        into.level("postgresql.backends", row["backends"], "1", {"state": row["state"]})
    into.level("postgresql.backends.waiting", sum(row["waiting"] for row in rows), "1")


def write_server(row: Any, into: Metrics) -> None:
    into.gauge("postgresql.connection.max", row["connections"], "{connections}")
    into.gauge("postgresql.connection.reserved", row["reserved"], "{connections}")
    into.gauge("postgresql.uptime", row["uptime_s"], "s")
    if row["oldest_s"] is not None:
        # Null where the account may not look into others' sessions: then the oldest one is unknown.
        into.gauge("postgresql.transaction.oldest.age", row["oldest_s"], "s")
    into.gauge("postgresql.standby", int(row["standby"]))
    if row["standby"] and row["caught_up"]:
        # With nothing to replay the last replayed transaction grows old without any lag.
        into.gauge("postgresql.replay.delay", 0.0, "s")
    elif row["replay_s"] is not None:
        into.gauge("postgresql.replay.delay", row["replay_s"], "s")


def write_replicas(rows: list[Any], into: Metrics) -> None:
    into.gauge("postgresql.replicas", len(rows), "{replica}")
    for row in rows:
        replica = {"replication_client": row["client"], "postgresql.application_name": row["name"]}
        for operation in ("write", "flush", "replay"):
            # Null where nothing was written of late: then there is no lag to tell.
            if row[operation] is not None:
                into.gauge("postgresql.wal.delay", row[operation], "s", replica | {"operation": operation})
        if row["behind"] is not None:
            into.gauge("postgresql.replication.data_delay", row["behind"], "By", replica)


def _write_databases(rows: list[Any], into: Metrics) -> None:
    for row in rows:
        database = {"db.namespace": row["datname"]}
        started_ns = _ns(row["stats_reset"]) if row["stats_reset"] else 0
        for column, name, unit in _COUNTERS:
            if row[column] is not None:
                into.counter(name, row[column], unit, started_ns, database)
        if row["size"] is not None:
            into.level("postgresql.db_size", row["size"], "By", database)


def _ns(at: datetime) -> int:
    since = at - datetime.fromtimestamp(0, at.tzinfo)
    return since // timedelta(microseconds=1) * (NS_PER_S // 1_000_000)
