"""The stand-in for a ClickHouse server does what the store asks of one."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from clickhouse_http.serving import clickhouse
from conftest import Sender

from observatory import areas
from observatory.errors import StoreError
from observatory.otlp.signals import Signal
from observatory.selfwatch import Selfwatch
from observatory.store import Batch, Plan, Point, Store, Stored, open_store, parse


@pytest.fixture(scope="module")
def dsn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with clickhouse(tmp_path_factory.mktemp("clickhouse")) as found:
        yield found


@pytest.fixture(scope="module")
def shared(dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    parsed = [parse(area.facts, area.id) for area in areas.load()]
    plan = Plan(
        dsn,
        tmp_path_factory.mktemp("server"),
        tables=[table for tables, _ in parsed for table in tables],
        views=[view for _, views in parsed for view in views],
    )
    opened = open_store(plan, Selfwatch())
    yield opened
    opened.close()


async def test_what_is_sent_over_the_wire_is_a_fact(shared: Store, tmp_path: Path) -> None:
    path = tmp_path / "batch.pb"

    def insert(signal: Signal, body: bytes, arrival_ns: int) -> Stored:
        path.write_bytes(body)
        batch = Batch(signal, uuid.uuid4().hex, arrival_ns, path)
        stored = shared.writers[signal].insert(batch)
        # Again: as after a crash between the insert and the note that it was made.
        assert shared.writers[signal].insert(batch) == stored
        return stored

    sender = Sender(insert, "wire", datetime.now(UTC))
    sender.log("security.event", **{"security.kind": "login_storm", "security.subject": "user-7"})
    sender.heartbeat("oauth_service")
    sender.span("order.execute", **{"order.mode": "live", "order.status": "filled", "exchange.id": "binance"})
    sender.flush()
    asked = "SELECT count(), any(Name) FROM fact_safety WHERE Environment = {environment:String}"
    assert (await shared.reader.read(asked, {"environment": "wire"})).rows[0] == (1, "login_storm")
    rows = (await shared.reader.read("SELECT count() FROM fact_points WHERE Environment = 'wire'")).rows
    assert rows[0][0] == 1


async def test_history_is_written_and_read(shared: Store) -> None:
    at = datetime.now(UTC)
    shared.history.record(at, [Point("wire", "ai_systems.calls", "", 3.0, 3, 300, False)])
    asked = "SELECT Environment, Last FROM indicator_history WHERE Indicator = {indicator:String}"
    assert [tuple(row) for row in (await shared.reader.read(asked, {"indicator": "ai_systems.calls"})).rows] == [
        ("wire", 3.0)
    ]


async def test_a_reader_writes_nothing_and_a_bad_statement_says_why(shared: Store) -> None:
    with pytest.raises(StoreError, match="readonly"):
        await shared.guarded.read("INSERT INTO indicator_history SELECT * FROM indicator_history")
    with pytest.raises(StoreError, match="nothing_such"):
        await shared.reader.read("SELECT * FROM nothing_such")
    started = time.monotonic()
    assert (await shared.reader.read("SELECT 1")).rows[0][0] == 1
    assert time.monotonic() - started < 60
