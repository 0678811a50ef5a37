"""What is written beside the rounds: a store that failed gives nothing up, and one that fails holds up no other."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from alert_scenes import AT, ends, fires, graphs, later

from observatory import alerting, areas, catalogue
from observatory.alerting import files
from observatory.clock import HeldClock
from observatory.errors import StoreError
from observatory.incidents import Case, Entry, Folding, Reports, Scribe
from observatory.incidents.patience import FIRST, LONGEST, Patience
from observatory.incidents.reports import TIMELINE
from observatory.incidents.timeline import ordered
from observatory.replay import Sources, Span
from observatory.replay.record import _deviations
from observatory.state import IncidentsWanted, open_store
from observatory.state import State as Control
from observatory.store import Point, Reader, Store
from observatory.store.query import Rows as Answer

LATENCY = "ai_systems.latency_p95"


@pytest.fixture
async def control(tmp_path: Path) -> AsyncIterator[Control]:
    state = await open_store(f"sqlite+aiosqlite:///{tmp_path / 'state.db'}")
    yield state
    await state.close()


class Failing:
    """A reader that fails some times before it answers."""

    def __init__(self, reader: Reader, times: int, error: Exception) -> None:
        self._reader, self.left, self._error = reader, times, error
        self.asked = 0

    async def read(self, sql: str, parameters: Mapping[str, object] | None = None) -> Answer:
        self.asked += 1
        if self.left > 0:
            self.left -= 1
            raise self._error
        return await self._reader.read(sql, parameters)


def recently() -> float:
    """Seconds from the scenes' time to some minutes ago: telemetry of long ago is not kept."""
    return (datetime.now(UTC).replace(microsecond=0) - AT).total_seconds() // 10 * 10 - 1_800


def jump(store: Store, environment: str, now_s: float, step_s: int = 10) -> datetime:
    """A series that leaves its level a hundred seconds before; when."""
    begins = later(now_s - 100)
    for nth in range(-90, 60):
        at = later(now_s + step_s * nth)
        value = (400.0 if at >= begins else 100.0) + nth % 3
        store.history.record(at, [Point(environment, LATENCY, "", value, 50, 300, False)])
    return begins


async def tell(control: Control, *transitions: Any) -> None:
    folding = Folding(graphs)
    async with control.writing() as rows:
        await rows.alerts.write(transitions)
        await folding(rows, transitions)


async def cases(control: Control) -> list[Case]:
    async with control.reading() as rows:
        return await rows.incidents.between(IncidentsWanted())


async def test_a_store_that_failed_five_times_keeps_no_first_deviation_from_being_found(
    control: Control, store: Store, environment: str, caplog: pytest.LogCaptureFixture
) -> None:
    now_s = recently()
    begins = jump(store, environment, now_s)
    bad = {"environment": environment, "started_at": later(now_s - 60), "area": "ai_systems"}
    await tell(control, fires(f"{LATENCY}.critical", after_s=now_s, **bad))
    clock, reader = HeldClock(later(now_s + 70)), Failing(store.reader, 5, StoreError("it takes too long"))
    broken = cast(Reader, reader)
    look = Scribe(control, broken, Reports(control, broken, None), lambda _: None, clock)
    looks = 0
    while (await cases(control))[0].incident.first_deviation_at is None:
        await look.look()
        looks += 1
        clock.advance(10)
        assert looks < 400, "it was given up"
    (case,) = await cases(control)
    assert abs((cast(datetime, case.incident.first_deviation_at) - begins).total_seconds()) <= 20
    assert reader.asked < looks / 5, "what failed rests"
    assert sum("could not be looked for" in each.message for each in caplog.records) == 1


async def test_an_incident_that_cannot_be_read_holds_up_no_other_and_is_logged_once(
    control: Control, store: Store, environment: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    now_s = recently()
    for rule, services in (("a", ("trade_execution_service",)), ("b", ("ai_chat_engine",))):
        told = {"environment": environment, "services": services}
        await tell(control, fires(rule, after_s=now_s, **told))
        await tell(control, ends(rule, after_s=now_s + 60, **told))
    one, other = await cases(control)

    class Odd(Reports):
        tried = 0

        async def write(self, case: Case, now: datetime) -> None:
            if case.incident.id == other.incident.id:
                Odd.tried += 1
                raise ValueError("this one cannot be written")
            await super().write(case, now)

    clock = HeldClock(later(now_s + 200))
    look = Scribe(control, store.reader, Odd(control, store.reader, None), lambda _: None, clock)
    for _ in range(30):
        await look.look()
        clock.advance(10)
    async with control.reading() as rows:
        assert await rows.incidents.report(one.incident.id, TIMELINE) is not None
        assert await rows.incidents.report(other.incident.id, TIMELINE) is None
    assert 2 <= Odd.tried <= 6
    assert [each.message for each in caplog.records].count(
        f"timeline and impact of incident {other.incident.id} could not be written"
    ) == 1


def test_what_fails_rests_longer_each_time_up_to_a_bound() -> None:
    patience, now = Patience(), AT
    rests = []
    for _ in range(12):
        first = patience.failed("x", now)
        assert first is (not rests)
        begun = now
        while "x" in patience.resting(now):
            now += timedelta(seconds=5)
        rests.append(now - begun)
    assert rests == sorted(rests)
    assert (rests[0], rests[-1]) == (FIRST, LONGEST)
    patience.done("x")
    assert patience.failed("x", now)
    for nth in range(3_000):
        patience.failed(str(nth), now)
    assert len(patience.resting(now)) == 1_000


@pytest.mark.parametrize("step_s", [10, 30])
async def test_an_incident_of_a_rebuilt_past_has_its_first_deviation(
    control: Control, store: Store, environment: str, step_s: int
) -> None:
    now_s = recently()
    begins = jump(store, environment, now_s, step_s)
    bad = {"environment": environment, "started_at": later(now_s - 60), "area": "ai_systems"}
    await tell(control, fires(f"{LATENCY}.critical", after_s=now_s, **bad))
    known = alerting.known(areas.load(), catalogue.load())
    rules = [each.rule for each in files.shipped(known)]
    sources = Sources(store.reader, store.guarded, catalogue.load(), areas.load())
    span = Span(later(now_s - 600), later(now_s + 600), step_s)
    assert await _deviations(sources, rules, span, later(now_s - 3_600), control) == (1, 0)
    (case,) = await cases(control)
    assert abs((cast(datetime, case.incident.first_deviation_at) - begins).total_seconds()) <= 2 * step_s


async def test_a_timeline_keeps_what_touches_the_incident_and_says_what_it_leaves_out(
    control: Control, store: Store, sender: Any
) -> None:
    now_s = recently()
    sender.at = later(now_s + 60)
    for nth in range(620):
        sender.log("config.changed", ago=1_500 - nth, **{"config.key": f"k{nth}", "config.actor": "ann"})
    for ago in (200, 40):
        told = {"safety.name": f"b{ago}", "safety.to": "open", "observatory.service": "trade_execution_service"}
        sender.log("circuit_breaker.transition", ago=ago, **told)
    sender.log("config.changed", ago=5, **{"config.key": "newest", "config.actor": "ann"})
    sender.flush()
    where = {"services": ("trade_execution_service",), "environment": sender.environment}
    await tell(control, fires("a", after_s=now_s, **where))
    (case,) = await cases(control)
    reports = Reports(control, store.reader, None)
    entries = await reports.timeline(case, later(now_s + 100))
    breakers = [each.sentence for each in entries if each.kind == "breaker"]
    assert len(breakers) == 2
    assert all(each.related for each in entries if each.kind == "breaker")
    keys = [each.sentence.split()[1] for each in entries if each.kind == "config"]
    assert (keys[0], keys[-1]) == ("k0", "newest")
    (gap,) = [each for each in entries if each.kind == "left_out"]
    assert (gap.times, gap.related) == (623 - 500, False)
    assert f"{gap.times} more events" in gap.sentence
    # It stands where they are missing: in the middle.
    assert 200 < [each.kind for each in entries if each.kind in ("config", "left_out")].index("left_out") < 300


def test_of_too_many_entries_the_related_ones_stay_from_both_ends() -> None:
    entries = [
        Entry(later(nth), "config", f"c{nth}", f"e{nth}", "fact_safety", related=nth in (3, 50, 97))
        for nth in range(100)
    ]
    found = ordered(entries, most=9)
    kept = [int(each.sentence[1:]) for each in found if each.kind != "left_out"]
    assert len(kept) == 9
    assert {0, 3, 50, 97, 99} <= set(kept)
    (gap,) = [each for each in found if each.kind == "left_out"]
    assert gap.times == 91
    assert ordered(entries, most=100) == entries
