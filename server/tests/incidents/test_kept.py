"""Incidents are kept in the one transaction that keeps the alerts; and what takes a look is written down beside it."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from alert_scenes import AT, GRAPH, ends, fires, graphs, later

from observatory import incidents
from observatory.alerting import Keeper
from observatory.clock import HeldClock
from observatory.costs import Book, Ledger
from observatory.errors import InvalidRequest, NotFound
from observatory.incidents import Folding, Reports, Scribe, State, statistics
from observatory.incidents.reports import IMPACT, TIMELINE
from observatory.model.alert import Phase, Transition
from observatory.state import IncidentsWanted, Rows, open_store
from observatory.state import State as Control
from observatory.store import Point, Store

ORDERS = {"services": ("trade_execution_service",), "area": "trading_execution"}


@pytest.fixture
async def control(tmp_path: Path) -> AsyncIterator[Control]:
    state = await open_store(f"sqlite+aiosqlite:///{tmp_path / 'state.db'}")
    yield state
    await state.close()


def recently() -> float:
    """Seconds from the scenes' time to some minutes ago: telemetry of long ago is not kept."""
    return (datetime.now(UTC).replace(microsecond=0) - AT).total_seconds() // 10 * 10 - 600


def keeper(control: Control, folding: Folding | None = None) -> Keeper:
    fold = folding or Folding(graphs)

    async def step(rows: Rows, transitions: Sequence[Transition]) -> None:
        await fold(rows, transitions)

    return Keeper(control, [step])


async def cases(control: Control) -> list[incidents.Case]:
    async with control.reading() as rows:
        return await rows.incidents.between(IncidentsWanted(merged=True))


async def test_a_failure_after_the_fold_leaves_neither_alert_nor_incident(control: Control) -> None:
    keep = keeper(control)

    async def broken(_rows: Rows, _transitions: Sequence[Transition]) -> None:
        raise RuntimeError("no outbox")

    keep.steps.append(broken)
    with pytest.raises(RuntimeError):
        await keep([fires("a", **ORDERS)])
    assert await cases(control) == []
    async with control.reading() as rows:
        assert await rows.alerts.open() == []
    keep.steps.remove(broken)
    await keep([fires("a", **ORDERS)])
    assert len(await cases(control)) == 1


async def test_another_server_goes_on_with_what_is_kept(control: Control) -> None:
    await keeper(control)([fires("a", **ORDERS)])
    (before,) = await cases(control)
    await keeper(control)([fires("b", after_s=5, **ORDERS)])
    (after,) = await cases(control)
    assert after.incident.id == before.incident.id
    assert len(after.members) == 2


async def test_an_alert_that_fired_before_there_were_incidents_is_taken_in(control: Control) -> None:
    await Keeper(control)([fires("a", **ORDERS)])
    assert await cases(control) == []
    folding = Folding(graphs)
    await keeper(control, folding)([fires("b", after_s=5, **ORDERS)])
    (case,) = await cases(control)
    assert sorted(each.rule for each in case.members) == ["a", "b"]
    # Once is enough, and an alert of the same round is not taken twice.
    await keeper(control, folding)([ends("b", after_s=9, **ORDERS)])
    (case,) = await cases(control)
    assert [each.times for each in case.members] == [1, 1]


async def test_the_state_of_an_earlier_moment_can_be_asked_for(control: Control) -> None:
    keep = keeper(control)
    await keep([fires("a", **ORDERS), fires("b", **ORDERS)])
    await keep([ends("a", after_s=60, **ORDERS)])
    await keep([ends("b", after_s=90, **ORDERS)])
    (now,) = await cases(control)
    async with control.reading() as rows:
        then = await incidents.as_of(rows, now, later(70))
        with pytest.raises(NotFound):
            await incidents.as_of(rows, now, later(-1))
        page = await rows.incidents.page(IncidentsWanted(states=(State.OPENED,)), None, 10, later(70))
    assert (now.incident.state, then.incident.state) == (State.RESOLVED, State.OPENED)
    assert [each.rule for each in then.firing] == ["b"]
    assert [each.case for each in page.cases] == [then]


async def test_as_of_before_a_merge_there_are_two(control: Control) -> None:
    keep = keeper(control)
    await keep([fires("a", **ORDERS), fires("x", services=("ai_chat_engine",))])
    one, other = await cases(control)
    async with control.writing() as rows:
        await incidents.merge(rows, graphs, one.incident.id, other.incident.id, later(60), "token:1", "one")
    async with control.reading() as rows:
        assert len(await rows.incidents.open()) == 1
        before = (await rows.incidents.page(IncidentsWanted(merged=True), None, 10, later(30))).cases
        assert sorted(each.case.incident.id for each in before) == sorted([one.incident.id, other.incident.id])
        assert {each.case for each in before} == {one, other}


async def test_a_merge_is_undone_and_only_the_newest_one(control: Control) -> None:
    await keeper(control)([fires("a", **ORDERS), fires("x", services=("ai_chat_engine",)), fires("lonely")])
    before = await cases(control)
    one, two, three = (case.incident.id for case in before)
    async with control.writing() as rows:
        await incidents.merge(rows, graphs, one, two, later(1), "token:1", "one")
        await incidents.merge(rows, graphs, two, three, later(2), "token:1", "all one")
    with pytest.raises(InvalidRequest, match="taken back first"):
        async with control.writing() as rows:
            await incidents.undo(rows, graphs, one, later(3), "token:1", "")
    async with control.writing() as rows:
        await incidents.undo(rows, graphs, three, later(4), "token:1", "")
        await incidents.undo(rows, graphs, one, later(5), "token:1", "")
        with pytest.raises(NotFound):
            await incidents.undo(rows, graphs, one, later(6), "token:1", "")
    assert await cases(control) == before


async def test_incidents_that_cannot_be_one_are_refused(control: Control) -> None:
    keep = keeper(control)
    await keep([fires("a", **ORDERS), fires("a", environment="staging", fingerprint="0" * 24)])
    one, other = await cases(control)
    for source, target in ((one, one), (one, other)):
        with pytest.raises(InvalidRequest, match="into:"):
            async with control.writing() as rows:
                await incidents.merge(rows, graphs, source.incident.id, target.incident.id, AT, "token:1", "x")
    with pytest.raises(InvalidRequest, match="alerts:"):
        async with control.writing() as rows:
            await incidents.split(rows, graphs, one.incident.id, [one.members[0].alert], AT, "token:1", "x")


async def test_what_was_over_long_ago_is_forgotten(control: Control) -> None:
    keep = keeper(control)
    await keep([fires("a", **ORDERS)])
    await keep([ends("a", after_s=60, **ORDERS)])
    await keep([fires("b", after_s=61)])
    async with control.writing() as rows:
        await rows.incidents.forget(later(3_600))
    (left,) = await cases(control)
    assert left.members[0].rule == "b"


def scribe(control: Control, store: Store, clock: HeldClock) -> tuple[Scribe, Reports]:
    reports = Reports(control, store.reader, Ledger(store.reader, Book()))
    return Scribe(control, store.reader, reports, lambda _: None, clock), reports


async def test_the_first_deviation_is_the_change_point_of_the_series(
    control: Control, store: Store, environment: str
) -> None:
    dice = random.Random(3)
    now_s = recently()
    begins = later(now_s - 100)
    for nth in range(-90, 15):
        at = later(now_s + 10 * nth)
        level = 400.0 if at >= begins else 100.0
        value = level + dice.gauss(0, 5)
        store.history.record(at, [Point(environment, "ai_systems.latency_p95", "", value, 50, 300, False)])
    bad = {"environment": environment, "started_at": later(now_s - 60), "area": "ai_systems"}
    told = fires("ai_systems.latency_p95.critical", after_s=now_s, **bad)
    await keeper(control)([told])
    clock = HeldClock(later(now_s + 30))
    look, reports = scribe(control, store, clock)
    await look.look()
    (case,) = await cases(control)
    assert case.incident.first_deviation_at is None, "too early to tell a level from a point"
    clock.advance(100)
    await look.look()
    (case,) = await cases(control)
    assert case.incident.first_deviation_at is not None
    assert abs((case.incident.first_deviation_at - begins).total_seconds()) <= 20
    (mttd,) = [each for each in statistics.times([case]) if each.id == "mttd"]
    assert (mttd.samples, mttd.missing) == (1, 0)
    assert 80 <= (mttd.mean_s or 0) <= 120
    entries = await reports.timeline(case, clock.now())
    assert [each.kind for each in entries] == ["first_deviation", "first_bad", "alert_fired", "opened"]
    assert entries[0].evidence.startswith("series:ai_systems.latency_p95@")


async def test_a_series_without_a_change_gives_no_first_deviation(
    control: Control, store: Store, environment: str
) -> None:
    now_s = recently()
    for nth in range(-90, 15):
        value = 100.0 + nth % 3
        at = later(now_s + 10 * nth)
        store.history.record(at, [Point(environment, "ai_systems.latency_p95", "", value, 50, 300, False)])
    await keeper(control)([fires("ai_systems.latency_p95.warning", after_s=now_s, environment=environment)])
    look, _ = scribe(control, store, HeldClock(later(now_s + 130)))
    await look.look()
    (case,) = await cases(control)
    assert case.incident.first_deviation_at is None
    assert [each.missing for each in statistics.times([case]) if each.id == "mttd"] == [1]


async def test_what_an_incident_did_is_kept_once_it_is_over(control: Control, store: Store, sender: Any) -> None:
    now_s = recently()
    sender.at = later(now_s + 50)
    for nth in range(6):
        order = {"order__status": "rejected" if nth < 4 else "filled", "user.id": f"u{nth % 3}", "order.mode": "live"}
        sender.span("order.execute", ago=nth * 5, **order)
    for nth in range(10):
        sender.span("order.execute", ago=100 + nth, **{"order.status": "filled", "user.id": "u9", "order.mode": "live"})
    # Somebody was there all the time before.
    sender.heartbeat("trade_execution_service", ago=345)
    sender.log(
        "circuit_breaker.transition",
        ago=30,
        safety__name="binance",
        safety__to="open",
        observatory__service="binance_smart_router",
    )
    sender.span(
        "chat m",
        ago=20,
        **{
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "m2",
            "ai.fallback.from": "m1",
            "ai.fallback.reason": "timeout",
        },
    )
    sender.flush()
    where = ORDERS | {"environment": sender.environment}
    keep = keeper(control)
    await keep([fires("a", after_s=now_s, **where)])
    await keep([ends("a", after_s=now_s + 60, **where)])
    clock = HeldClock(later(now_s + 70))
    look, reports = scribe(control, store, clock)
    await look.look()
    (case,) = await cases(control)
    async with control.reading() as rows:
        assert await rows.incidents.report(case.incident.id, TIMELINE) is None
    clock.advance(100)
    await look.look()
    async with control.reading() as rows:
        assert await rows.incidents.report(case.incident.id, IMPACT) is not None
    kept = await reports.impact(case, clock.now())
    assert kept == await reports.impact(case, clock.now(), anew=True)
    numbers = {each.id: each for each in kept.numbers}
    # The interval is stretched to five minutes, and so is what it is held against.
    failed = numbers["orders_failed"]
    assert (failed.during.value, failed.during.samples, failed.before.samples) == (4, 6, 10)
    assert (failed.before.value, failed.change, failed.worse) == (0, 4, True)
    assert numbers["users"].during.value == 3
    assert numbers["payments_failed"].during.value is None
    assert dict(kept.users) == {"u0": 2, "u1": 1, "u2": 1}
    entries = await reports.timeline(case, clock.now())
    assert entries == await reports.timeline(case, clock.now(), anew=True)
    told = {each.kind: each.sentence for each in entries}
    assert told["breaker"].startswith("circuit breaker binance to open")
    assert told["fallback"].startswith("m2 stood in for m1: timeout")
    async with control.writing() as rows:
        await incidents.note(rows, case.incident.id, later(now_s + 200), "token:1", "restarted")
    assert (await reports.timeline(case, clock.now()))[-1].kind == "note"


async def test_of_a_shorter_time_before_only_sums_are_compared_and_scaled(
    control: Control, store: Store, sender: Any
) -> None:
    now_s = recently()
    sender.at = later(now_s + 60)
    sender.heartbeat("trade_execution_service", ago=60 + 150)
    for nth in range(8):
        sender.span("order.execute", ago=nth, **{"order.status": "rejected", "user.id": f"u{nth}"})
    sender.span("order.execute", ago=100, **{"order.status": "rejected", "user.id": "u0"})
    sender.flush()
    await keeper(control)([fires("a", after_s=now_s, **ORDERS | {"environment": sender.environment})])
    (case,) = await cases(control)
    _, reports = scribe(control, store, HeldClock(later(now_s + 300)))
    found = await reports.impact(case, later(now_s + 300))
    numbers = {each.id: each for each in found.numbers}
    assert found.baseline.length_s == 150
    assert (numbers["orders_failed"].during.value, numbers["orders_failed"].before.value) == (8, 1)
    assert numbers["orders_failed"].before.window_s == 150
    assert numbers["orders_failed"].change == 6
    assert (numbers["users"].during.value, numbers["users"].before.value, numbers["users"].change) == (8, 1, None)


def test_graphs_of_the_scenes_are_symmetrical() -> None:
    assert GRAPH.neighbours("binance_smart_router") == {"trade_execution_service", "exchange_universe_service"}
    assert GRAPH.depends("trade_execution_service", "binance_smart_router")
    assert not GRAPH.depends("binance_smart_router", "trade_execution_service")


async def test_the_order_of_a_round_says_nothing_to_what_is_kept(tmp_path: Path) -> None:
    told = [fires(f"r{nth}", f"m{nth % 3}", services=("binance_smart_router",) if nth % 2 else ()) for nth in range(12)]
    kept = []
    for name in ("one", "two"):
        state = await open_store(f"sqlite+aiosqlite:///{tmp_path / name}.db")
        await keeper(state)(told)
        kept.append(await cases(state))
        await state.close()
        random.Random(1).shuffle(told)
    assert kept[0] == kept[1]


async def test_a_retried_round_changes_nothing_more(control: Control) -> None:
    keep = keeper(control)
    told = [fires("a", **ORDERS)]
    await keep(told)
    before = await cases(control)
    await keep(told)
    assert await cases(control) == before
    over = replace(told[0].alert, phase=Phase.RESOLVED, resolved_at=AT + timedelta(seconds=5))
    await keep([Transition(over, Phase.FIRING, later(5), "good")])
    (case,) = await cases(control)
    assert case.incident.state is State.RESOLVED
