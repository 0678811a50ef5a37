from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from observatory import areas, catalogue
from observatory.api import health_json
from observatory.areas.pace import REST_EVERY
from observatory.clock import HeldClock
from observatory.errors import StoreError
from observatory.model import Health, LoadState, Reason
from observatory.selfwatch import Selfwatch
from observatory.store import Reader, Rows, Store
from observatory.tick import Knobs, Snapshots, Tick

SERVICES = [service.id for service in catalogue.load().services]
ORDER = {"order.mode": "live", "order.status": "filled", "exchange.id": "binance"}


class Rounds:
    """A tick with a held clock over the real store."""

    def __init__(
        self, reader: Reader, clock: HeldClock, listened_s: float = 86_400, environments: int = 10_000
    ) -> None:
        self.clock, self.selfwatch = clock, Selfwatch()
        self.snapshots = Snapshots(partial(health_json.render, catalogue.load()))
        self.tick = Tick(
            reader,
            catalogue.load(),
            areas.load(),
            clock,
            self.snapshots,
            self.selfwatch,
            Knobs(tick_s=5, query_s=20, environments=environments),
            clock.now() - timedelta(seconds=listened_s),
        )

    async def __call__(self, rounds: int = 1) -> None:
        for place in range(rounds):
            if place:
                self.clock.advance(5)
            await self.tick.round()

    def snapshot(self, environment: str) -> Any:
        published = self.snapshots.of(environment)
        assert published is not None
        return published.snapshot


class Broken(Reader):
    """The store's reader, which fails or stalls on the queries that name a table."""

    def __init__(self, reader: Reader, table: str, stall_s: float = 0) -> None:
        self._reader, self._table, self._stall_s = reader, table, stall_s

    async def read(self, sql: str, parameters: Mapping[str, object] | None = None) -> Rows:
        if self._table in sql:
            await asyncio.sleep(self._stall_s)
            raise StoreError("secret_statement_of_the_store")
        return await self._reader.read(sql, parameters)


@pytest.fixture
def rounds(store: Store, sender: Any) -> Rounds:
    return Rounds(store.reader, HeldClock(sender.at))


async def test_before_any_telemetry_all_is_unknown_and_nothing_is_invented(rounds: Rounds) -> None:
    await rounds()
    snapshot = rounds.snapshot("production")
    assert snapshot.overall.health is Health.UNKNOWN
    assert len(snapshot.areas) == 10
    assert len(snapshot.services) == 65
    assert {area.verdict.health for area in snapshot.areas.values()} == {Health.UNKNOWN}
    assert snapshot.services_reporting == 0
    assert rounds.snapshots.latest is rounds.snapshots.of("production")


async def test_a_round_shows_what_was_sent_before_it(rounds: Rounds, sender: Any) -> None:
    sender.heartbeat(*SERVICES)
    for _ in range(20):
        sender.span("order.execute", ms=40, **ORDER)
    sender.flush()
    await rounds()
    snapshot = rounds.snapshot(sender.environment)
    assert snapshot.services_reporting == 65
    assert {state.sight.load_state for state in snapshot.services.values()} == {LoadState.IDLE}
    assert snapshot.areas["trading_execution"].verdict.health is Health.HEALTHY
    assert snapshot.areas["trading_execution"].fields["orders_executed_5m"].value == 20
    assert snapshot.areas["emergency"].verdict.health is Health.HEALTHY
    assert snapshot.areas["emergency"].fields["activations_5m"].value == 0


async def test_environments_never_mix(rounds: Rounds, sender: Any) -> None:
    sender.heartbeat("trade_execution_service")
    sender.span("order.execute", **ORDER | {"order.simulated": True})
    sender.flush()
    await rounds()
    mine, production = rounds.snapshot(sender.environment), rounds.snapshot("production")
    assert mine.areas["trading_execution"].verdict.health is Health.CRITICAL
    assert production.areas["trading_execution"].fields["simulated_for_live_5m"].value is None


async def test_one_round_beyond_a_bound_flips_nothing_and_two_do(rounds: Rounds, sender: Any) -> None:
    sender.heartbeat(*SERVICES, ago=0)
    for _ in range(20):
        sender.span("order.execute", **ORDER)
    sender.flush()
    await rounds()
    sender.span("order.execute", ago=0, **ORDER | {"order.simulated": True})
    sender.flush()
    rounds.clock.advance(5)
    await rounds()
    area = rounds.snapshot(sender.environment).areas["trading_execution"]
    assert area.fields["simulated_for_live_5m"].value == 1
    assert area.verdict.health is Health.HEALTHY
    rounds.clock.advance(5)
    await rounds()
    area = rounds.snapshot(sender.environment).areas["trading_execution"]
    assert area.verdict.health is Health.CRITICAL
    assert area.verdict.findings[0].subject == "trading_execution.simulated_for_live"
    assert "P0" in rounds.snapshot(sender.environment).overall.findings[0].sentence


async def test_a_service_that_dies_is_critical_and_degrades_its_area(rounds: Rounds, sender: Any) -> None:
    others = [service for service in SERVICES if service != "credit_ledger"]
    sender.heartbeat(*others, ago=0)
    sender.heartbeat("credit_ledger", ago=46)
    sender.flush()
    await rounds()
    snapshot = rounds.snapshot(sender.environment)
    assert snapshot.services["credit_ledger"].verdict.health is Health.CRITICAL
    assert snapshot.services["credit_ledger"].verdict.findings[0].reason is Reason.SILENT
    assert snapshot.services_reporting == 64
    assert snapshot.areas["credits"].verdict.health is Health.DEGRADED
    assert "credit_ledger fell silent" in [found.sentence for found in snapshot.areas["credits"].verdict.findings]
    # Nobody can say any more that there were no entries.
    assert snapshot.areas["credits"].fields["transactions_5m"].value is None


async def test_a_failing_area_is_unknown_with_a_reason_and_the_others_go_on(store: Store, sender: Any) -> None:
    sender.heartbeat(*SERVICES)
    sender.flush()
    broken = Rounds(Broken(store.reader, "fact_credit_entries"), HeldClock(sender.at))
    await broken()
    snapshot = broken.snapshot(sender.environment)
    found = snapshot.areas["credits"].verdict.findings[0]
    assert snapshot.areas["credits"].verdict.health is Health.UNKNOWN
    assert found.reason is Reason.QUERY_FAILED
    assert "secret" not in found.sentence
    # The heartbeat is fresh, but what was not read is not 0.
    assert snapshot.areas["credits"].fields["transactions_5m"].value is None
    assert snapshot.areas["emergency"].verdict.health is Health.HEALTHY
    failures = broken.selfwatch.registry.get_sample_value("observatory_tick_failures_total", {"area": "credits"})
    assert failures == 1


async def test_a_query_that_stalls_is_given_up(store: Store, sender: Any) -> None:
    stalled = Rounds(Broken(store.reader, "fact_payments", stall_s=60), HeldClock(sender.at))
    stalled.tick = Tick(
        Broken(store.reader, "fact_payments", stall_s=60),
        catalogue.load(),
        areas.load(),
        stalled.clock,
        stalled.snapshots,
        stalled.selfwatch,
        Knobs(tick_s=5, query_s=3, environments=10_000),
    )
    await asyncio.wait_for(stalled(), 30)
    found = stalled.snapshot("production").areas["credits"].verdict.findings[0]
    assert "longer than 3 s" in found.sentence


async def test_services_are_unknown_when_their_own_query_fails(store: Store, sender: Any) -> None:
    broken = Rounds(Broken(store.reader, "fact_calls"), HeldClock(sender.at))
    await broken()
    states = broken.snapshot("production").services.values()
    assert {state.verdict.findings[0].reason for state in states} == {Reason.QUERY_FAILED}


async def test_the_loop_outlives_a_failing_store(sender: Any) -> None:
    class Dead(Reader):
        def __init__(self) -> None:
            self.reads = 0

        async def read(self, sql: str, parameters: Mapping[str, object] | None = None) -> Rows:
            self.reads += 1
            raise StoreError("gone")

    dead = Dead()
    rounds = Rounds(dead, HeldClock(sender.at))
    task = asyncio.create_task(rounds.tick.run())
    while rounds.clock.monotonic() < 20:
        await asyncio.sleep(0)
    task.cancel()
    assert dead.reads > 24
    assert rounds.snapshot("production").overall.health is Health.UNKNOWN


async def test_a_restart_remembers_who_was_there(rounds: Rounds, store: Store, sender: Any) -> None:
    sender.heartbeat("credit_ledger", ago=3_600)
    sender.flush()
    await rounds()
    restarted = Rounds(store.reader, rounds.clock)
    await restarted()
    for each in (rounds, restarted):
        sight = each.snapshot(sender.environment).services["credit_ledger"].sight
        assert sight.load_state is LoadState.SILENT


async def test_a_published_snapshot_is_never_changed(rounds: Rounds, sender: Any) -> None:
    sender.heartbeat(*SERVICES)
    sender.flush()
    await rounds()
    first = rounds.snapshots.of(sender.environment)
    assert first is not None
    body = first.body
    await rounds(2)
    assert rounds.snapshots.of(sender.environment) is not first
    assert first.body == body
    assert rounds.selfwatch.registry.get_sample_value("observatory_tick_seconds_count") == 3


def before_the_downtime(sender: Any, ago: float) -> None:
    """All that works until `ago`, when the server goes down; nothing was kept of what came since."""
    sender.heartbeat(*SERVICES, ago=ago)
    for exchange in ("binance", "coinbase", "kraken", "okx"):
        sender.gauge("market_data.connection.up", 1.0, ago=ago, **{"exchange.id": exchange})
    for number in range(40):
        sender.span("signal.generate", ago=ago + number)
    sender.log("order.state.changed", ago=ago, **{"order.client_id": "c1", "order.state.to": "unknown"})
    sender.flush()


async def test_after_a_restart_the_servers_own_downtime_is_nobodys_fault(store: Store, sender: Any) -> None:
    before_the_downtime(sender, ago=90)
    restarted = Rounds(store.reader, HeldClock(sender.at), listened_s=0)
    await restarted()
    snapshot = restarted.snapshot(sender.environment)
    assert {area.verdict.health for area in snapshot.areas.values()} == {Health.UNKNOWN}
    assert {state.sight.load_state for state in snapshot.services.values()} == {LoadState.UNHEARD}
    since = f"listening since {sender.at:%H:%M:%S} UTC, needs"
    found = snapshot.services["credit_ledger"].verdict.findings[0]
    assert (found.reason, found.sentence) == (Reason.LISTENING, f"no sign of it: not known yet; {since} 45 s")
    for area, needs in (("signal_intelligence", "3 s"), ("market_data", "15 s"), ("trading_execution", "60 s")):
        found = snapshot.areas[area].verdict.findings[0]
        assert found.reason is Reason.LISTENING
        assert found.sentence.endswith(f"{since} {needs}".replace("60 s", "1 min"))
    assert snapshot.areas["market_data"].fields["exchanges_connected"].value is None


async def test_a_silence_that_outlasts_the_patience_after_a_restart_is_told(store: Store, sender: Any) -> None:
    before_the_downtime(sender, ago=90)
    restarted = Rounds(store.reader, HeldClock(sender.at), listened_s=0)
    await restarted()
    for advance_s in (16, 30, 5, 10, 5):
        restarted.clock.advance(advance_s)
        await restarted()
    snapshot = restarted.snapshot(sender.environment)
    assert snapshot.areas["market_data"].fields["exchanges_connected"].value == 0
    assert {state.verdict.health for state in snapshot.services.values()} == {Health.CRITICAL}
    assert snapshot.areas["trading_execution"].verdict.health is Health.CRITICAL
    assert snapshot.areas["signal_intelligence"].verdict.findings[0].subject.endswith((".silence_gaps", "_ratio"))


async def test_what_reports_again_after_a_restart_is_known_at_once(store: Store, sender: Any) -> None:
    before_the_downtime(sender, ago=90)
    restarted = Rounds(store.reader, HeldClock(sender.at), listened_s=5)
    sender.heartbeat(*SERVICES, ago=1)
    for exchange in ("binance", "coinbase", "kraken", "okx"):
        sender.gauge("market_data.connection.up", float(exchange != "okx"), ago=1, **{"exchange.id": exchange})
    sender.flush()
    await restarted()
    snapshot = restarted.snapshot(sender.environment)
    assert snapshot.services_reporting == 65
    assert snapshot.areas["market_data"].fields["exchanges_connected"].value == 3
    assert snapshot.areas["market_data"].verdict.health is Health.DEGRADED
    activations = snapshot.areas["emergency"].fields["activations_5m"]
    # Nothing was reported in the five seconds that were listened to, and that is all that is claimed.
    assert (activations.value, activations.window_s) == (0, 5)


async def test_environments_beyond_the_bound_are_counted(store: Store, sender: Any) -> None:
    few = Rounds(store.reader, HeldClock(sender.at), environments=4)
    few.tick._presence.beaten((f"env{place}", "credit_ledger", "one", sender.at, sender.at) for place in range(12))
    await few()
    assert few.selfwatch.registry.get_sample_value("observatory_dropped_environments_total") >= 8


async def test_what_is_neither_judged_nor_shown_is_read_in_every_sixth_round(rounds: Rounds, sender: Any) -> None:
    sender.heartbeat("trade_execution_service")
    sender.span("order.execute", **ORDER)
    sender.flush()
    await rounds()
    sender.span("order.execute", **ORDER)
    sender.flush()
    seen = []
    for _ in range(2 * REST_EVERY):
        rounds.clock.advance(1)
        await rounds()
        area = rounds.snapshot(sender.environment).areas["trading_execution"]
        assert area.fields["orders_executed_5m"].value == 2
        hour = next(each.measurement for each in area.readings if each.indicator == "trading_execution.orders_1h")
        seen.append((rounds.clock.now() - hour.as_of).total_seconds())
        assert hour.value == (1 if hour.as_of == sender.at else 2)
    assert max(seen) == REST_EVERY - 1
    assert seen.count(0) == 2
