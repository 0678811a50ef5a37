"""PostgreSQL, a real server of it: its statistics, and questions to tables."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # the package has no types
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from observatory.collect.metrics import Metrics
from observatory.collect.outcome import Reason
from observatory.collect.postgresql import write_replicas, write_server

pytestmark = pytest.mark.asyncio(loop_scope="module")


def entry(postgres: Any, **fields: Any) -> dict[str, Any]:
    where = {"host": str(postgres.place), "username": "postgres", "timeout_s": 5.0}
    return {"name": "tables", "kind": "postgresql"} | where | fields


def sql(postgres: Any, *queries: dict[str, Any], **fields: Any) -> dict[str, Any]:
    named = [{"name": f"query-{place}"} | query for place, query in enumerate(queries)]
    return entry(postgres, kind="sql", queries=named, **fields)


@asynccontextmanager
async def client(postgres: Any) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(host=str(postgres.place), user="postgres", database="postgres")
    try:
        yield connection
    finally:
        await connection.close()


async def test_connections_by_state_stand_against_their_maximum(postgres: Any, looking: Any) -> None:
    async with client(postgres) as idle, client(postgres) as busy:
        await idle.execute("SELECT 1")
        await busy.execute("BEGIN")
        await busy.execute("SELECT pg_sleep(0.2)")
        seen = await looking(entry(postgres)).again()
        await busy.execute("ROLLBACK")
    assert seen.standing.error == ""
    assert seen.value("postgresql.backends", state="idle") == 1
    assert seen.value("postgresql.backends", state="idle in transaction") == 1
    assert seen.value("postgresql.backends", state="active") == 1
    assert seen.value("postgresql.connection.max") == 230
    assert (seen.value("postgresql.transaction.oldest.age") or 0) > 0.15
    assert seen.value("postgresql.replicas") == 0
    assert seen.resource["server.address"] == str(postgres.place)


async def test_databases_count_what_happened_in_them(postgres: Any, looking: Any) -> None:
    target = looking(entry(postgres))
    first = await target.again()
    async with client(postgres) as connection:
        for _ in range(5):
            await connection.execute("SELECT 1")
        await connection.execute("SELECT pg_stat_force_next_flush()")
    second = await target.again()
    commits = [each.value("postgresql.commits", db__namespace="postgres") for each in (first, second)]
    assert commits[1] - commits[0] >= 5  # type: ignore[operator]
    assert (second.value("postgresql.db_size", db__namespace="postgres") or 0) > 1_000_000
    assert second.value("postgresql.deadlocks", db__namespace="postgres") == 0
    # Nobody has reset the statistics, so nobody knows since when they count.
    assert {point.start_time_unix_nano for point in second.points("postgresql.commits")} == {0}


async def test_an_account_that_may_not_look_leaves_the_oldest_transaction_unknown(postgres: Any, looking: Any) -> None:
    async with client(postgres) as connection:
        await connection.execute("CREATE ROLE stranger LOGIN")
        seen = await looking(entry(postgres, username="stranger")).again()
        assert seen.standing.up
        assert seen.value("postgresql.backends", state="undisclosed") == 1
        assert seen.points("postgresql.transaction.oldest.age") == []
        await connection.execute("GRANT pg_monitor TO stranger")
        seen = await looking(entry(postgres, username="stranger")).again()
        assert seen.value("postgresql.transaction.oldest.age") == 0


async def test_a_replica_tells_its_lag_and_one_that_has_caught_up_has_none() -> None:
    lagging = {"client": "10.0.0.2", "name": "standby", "write": 0.1, "flush": None, "replay": 2.5, "behind": 4_096}
    into = Metrics(1)
    write_replicas([lagging], into)
    assert into.points == 4
    for caught_up, delay in ((True, 0.0), (False, 90.0)):
        into = Metrics(1)
        server = {"connections": 9, "reserved": 3, "uptime_s": 5.0, "oldest_s": None, "standby": True, "replay_s": 90.0}
        write_server(server | {"caught_up": caught_up}, into)
        request = ExportMetricsServiceRequest.FromString(into.request({}))
        [scope] = request.resource_metrics[0].scope_metrics
        found = next(metric for metric in scope.metrics if metric.name == "postgresql.replay.delay")
        assert found.gauge.data_points[0].as_double == delay


async def test_a_server_that_is_gone_or_hangs_costs_only_its_own_attempt(
    postgres: Any, looking: Any, nobody: int, mute: int
) -> None:
    gone = await looking(entry(postgres, host="127.0.0.1", port=nobody)).again()
    assert gone.standing.reason is Reason.UNREACHABLE
    silent = await looking(entry(postgres, host="127.0.0.1", port=mute, timeout_s=0.3)).again()
    assert silent.standing.reason is Reason.TIMEOUT
    assert silent.standing.duration_s < 10
    unknown = await looking(entry(postgres, username="nobody-here")).again()
    assert unknown.standing.reason is Reason.DENIED


async def test_a_statement_that_hangs_with_its_server_leaves_nothing_running(postgres: Any, looking: Any) -> None:
    query = {"sql": "SELECT 1 AS n FROM pg_sleep(3)", "metrics": [{"column": "n", "metric": "n"}]}
    before = asyncio.all_tasks()
    async with client(postgres) as connection:
        attempt = asyncio.create_task(looking(sql(postgres, query, timeout_s=1.0)).again())
        find = "SELECT max(pid) FROM pg_stat_activity WHERE application_name = 'observatory' AND wait_event = 'PgSleep'"
        while (pid := await connection.fetchval(find)) is None:
            await asyncio.sleep(0.02)
        os.kill(pid, signal.SIGSTOP)
        try:
            seen = await attempt
            await asyncio.sleep(0.05)
            assert asyncio.all_tasks() == before
        finally:
            os.kill(pid, signal.SIGCONT)
    assert seen.standing.reason is Reason.TIMEOUT
    assert seen.standing.duration_s < 15


async def test_tables_become_gauges_with_attributes(postgres: Any, looking: Any) -> None:
    async with client(postgres) as connection:
        await connection.execute(
            "CREATE TABLE signal_subscriptions (plan text, active boolean);"
            "INSERT INTO signal_subscriptions VALUES ('pro', true), ('pro', true), ('free', true), ('free', false)"
        )
    subscribers = {
        "sql": "SELECT plan, count(*) AS active, NULL::int AS age FROM signal_subscriptions WHERE active GROUP BY plan",
        "metrics": [
            {"column": "active", "metric": "signal.subscriptions.active", "unit": "{subscription}"},
            {"column": "age", "metric": "queue.oldest_item.age", "unit": "s"},
        ],
        "attributes": {"plan": "user.plan"},
    }
    kinds = {
        "sql": "SELECT 0.10::numeric AS money, 3.0 AS whole, interval '90 s' AS age, true AS is_on, 1.5::float8 AS f",
        "metrics": [{"column": name, "metric": f"kind.{name}"} for name in ("money", "whole", "age", "is_on", "f")],
    }
    seen = await looking(sql(postgres, subscribers, kinds, service="platform-db")).again()
    assert seen.standing.error == ""
    assert sorted(seen.values("signal.subscriptions.active"), key=str) == [
        ({"user.plan": "free"}, 1.0),
        ({"user.plan": "pro"}, 2.0),
    ]
    assert seen.points("queue.oldest_item.age") == [], "null is unknown, not 0"
    assert [seen.value(f"kind.{name}") for name in ("money", "whole", "age", "is_on", "f")] == [0.1, 3, 90, 1, 1.5]
    assert seen.resource["service.name"] == "platform-db"
    assert seen.resource["db.namespace"] == "postgres"


@pytest.mark.parametrize(
    ("statement", "fields", "reason"),
    [
        ("SELECT n FROM generate_series(1, 11) AS n", {}, Reason.TOO_MUCH),
        ("SELECT pg_sleep(5) AS n", {"statement_s": 0.1}, Reason.TIMEOUT),
        ("SELECT 1 AS other", {}, Reason.QUERY),
        ("SELECT 'seven' AS n", {}, Reason.QUERY),
        ("SELECT 'NaN'::float8 AS n", {}, Reason.QUERY),
        ("SELECT n FROM no_such_table", {}, Reason.QUERY),
        ("WITH gone AS (DELETE FROM kept RETURNING n) SELECT n FROM gone", {}, Reason.QUERY),
        ("SELECT 1 AS n; DELETE FROM kept", {}, Reason.QUERY),
        ("SELECT set_config('transaction_read_only', 'off', true)::text AS n", {}, Reason.QUERY),
    ],
)
async def test_a_bad_query_is_named_and_the_next_one_is_asked(
    postgres: Any, looking: Any, statement: str, fields: dict[str, Any], reason: Reason
) -> None:
    async with client(postgres) as connection:
        await connection.execute("DROP TABLE IF EXISTS kept; CREATE TABLE kept (n int); INSERT INTO kept VALUES (1)")
        metrics = [{"column": "n", "metric": "n"}]
        bad = {"sql": statement, "metrics": metrics, "rows": 10} | fields
        good = {"sql": "SELECT count(*) AS n FROM kept", "metrics": [{"column": "n", "metric": "kept"}]}
        seen = await looking(sql(postgres, bad, good)).again()
        assert await connection.fetchval("SELECT count(*) FROM kept") == 1
    assert (seen.standing.up, seen.standing.reason) == (False, reason), seen.standing.error
    assert "'query-0'" in seen.standing.error
    assert seen.value("kept") == 1
    assert seen.points("n") == []


async def test_money_reaches_the_point_without_loss_of_a_cent(postgres: Any, looking: Any) -> None:
    query = {"sql": "SELECT 12345678901.23::numeric AS n", "metrics": [{"column": "n", "metric": "credit.balance"}]}
    seen = await looking(sql(postgres, query)).again()
    assert round(Decimal(seen.value("credit.balance")), 2) == Decimal("12345678901.23")  # type: ignore[arg-type]
