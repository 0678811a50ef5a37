"""Of several servers on one control store one leads; when it dies another does, and nobody writes for a dead term."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from observatory.clock import HeldClock
from observatory.errors import StateError
from observatory.state import Lead, NotLeading, State, open_store
from observatory.state.lead import BEAT_S, DEAD_S, STOP_S

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


@pytest.fixture
async def control(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[State]:
    state = await open_store(f"sqlite+aiosqlite:///{tmp_path / 'state.db'}")
    monkeypatch.setattr(State, "shared", True)
    yield state
    await state.close()


@pytest.fixture
def clock() -> HeldClock:
    return HeldClock(NOW)


async def test_a_store_of_its_own_needs_no_lease(tmp_path: Path, clock: HeldClock) -> None:
    state = await open_store(f"sqlite+aiosqlite:///{tmp_path / 'own.db'}")
    lead = Lead(state, clock)
    await lead.run()
    assert lead.leads
    async with state.writing() as rows:
        await lead.confirm(rows)
    await state.close()


async def test_the_first_leads_and_the_second_waits_until_its_beats_end(control: State, clock: HeldClock) -> None:
    one, two = Lead(control, clock), Lead(control, clock)
    assert await one.beat()
    for _ in range(20):
        clock.advance(BEAT_S)
        assert await one.beat()
        assert not await two.beat()
    assert (one.leads, two.leads) == (True, False)
    # It dies here: no more beats.
    waited_s = 0.0
    while not await two.beat():
        clock.advance(BEAT_S)
        waited_s += BEAT_S
    assert waited_s <= DEAD_S + BEAT_S
    assert two.leads
    assert not one.leads
    assert not await one.beat()


async def test_whoever_could_not_beat_stops_by_itself_before_another_takes_over(
    control: State, clock: HeldClock
) -> None:
    lead = Lead(control, clock)
    await lead.beat()
    clock.advance(STOP_S)
    assert not lead.leads
    assert await lead.beat()
    assert lead.leads
    assert STOP_S < DEAD_S


async def test_what_a_server_of_a_dead_term_writes_is_not_kept(control: State, clock: HeldClock) -> None:
    one, two = Lead(control, clock), Lead(control, clock)
    await one.beat()
    await two.beat()
    clock.advance(DEAD_S)
    assert await two.beat()

    async def written() -> None:
        async with control.writing() as rows:
            await rows.audit.insert("server", "test", "nothing", "", NOW)
            await one.confirm(rows)

    with pytest.raises(NotLeading):
        await written()
    async with control.reading() as rows:
        assert await rows.audit.page(None, 10) == []
    async with control.writing() as rows:
        await two.confirm(rows)
    assert issubclass(NotLeading, StateError)


async def test_who_lets_go_makes_room_at_once(control: State, clock: HeldClock) -> None:
    one, two = Lead(control, clock), Lead(control, clock)
    running = asyncio.create_task(one.run())
    while not one.leads:
        await asyncio.sleep(0.01)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    assert await two.beat()


async def test_work_of_the_leader_begins_with_the_lead_and_ends_with_it(control: State, clock: HeldClock) -> None:
    lead, seen = Lead(control, clock), list[str]()

    async def work() -> None:
        seen.append("begun")
        try:
            await asyncio.Event().wait()
        finally:
            seen.append("ended")

    doing = asyncio.create_task(lead.only(work))
    await asyncio.sleep(0.02)
    assert seen == []
    # A held clock runs when somebody sleeps on it: it is stopped here.
    clock.sleep = _turn  # type: ignore[method-assign]
    await lead.beat()
    await asyncio.sleep(0.02)
    assert seen == ["begun"]
    clock.advance(STOP_S)
    await asyncio.sleep(0.02)
    assert seen == ["begun", "ended"]
    await lead.beat()
    await asyncio.sleep(0.02)
    doing.cancel()
    with suppress(asyncio.CancelledError):
        await doing
    assert seen == ["begun", "ended", "begun", "ended"]


async def test_who_is_broken_off_while_its_work_ends_does_not_go_on(control: State, clock: HeldClock) -> None:
    lead, begun = Lead(control, clock), list[str]()
    ending, may_end = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.append("begun")
        try:
            await asyncio.Event().wait()
        finally:
            ending.set()
            await may_end.wait()
            begun.append("ended")

    clock.sleep = _turn  # type: ignore[method-assign]
    await lead.beat()
    doing = asyncio.create_task(lead.only(work))
    await asyncio.sleep(0.02)
    clock.advance(STOP_S)
    await ending.wait()
    # The lead is lost, its work is about to end, and now the server is stopped.
    doing.cancel()
    await asyncio.sleep(0.02)
    assert not doing.done(), "nothing is left running behind it"
    may_end.set()
    done, _ = await asyncio.wait([doing], timeout=60)
    assert done, "the server waits for ever"
    assert doing.cancelled()
    assert begun == ["begun", "ended"]


async def test_work_that_fails_begins_again_and_is_logged(
    control: State, clock: HeldClock, caplog: pytest.LogCaptureFixture
) -> None:
    lead, begun = Lead(control, clock), list[str]()

    async def work() -> None:
        begun.append("begun")
        raise ValueError("broken")

    clock.sleep = _turn  # type: ignore[method-assign]
    await lead.beat()
    doing = asyncio.create_task(lead.only(work))
    while len(begun) < 2:
        await asyncio.sleep(0.005)
    doing.cancel()
    with suppress(asyncio.CancelledError):
        await doing
    assert any("begins again" in each.message for each in caplog.records)


async def _turn(_: Any) -> None:
    await asyncio.sleep(0.001)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("beat"), st.integers(0, 2)),
        st.tuples(st.just("write"), st.integers(0, 2)),
        st.tuples(st.just("wait"), st.sampled_from([0.1, BEAT_S, STOP_S, DEAD_S])),
    ),
    max_size=40,
)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(STEPS)
def test_whatever_happens_at_most_one_leads_and_only_the_newest_term_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: list[tuple[str, Any]]
) -> None:
    monkeypatch.setattr(State, "shared", True)
    asyncio.run(_lived_through(tmp_path / "state.db", steps))


async def _lived_through(path: Path, steps: list[tuple[str, Any]]) -> None:
    control, clock = await open_store(f"sqlite+aiosqlite:///{path}"), HeldClock(NOW)
    leads = [Lead(control, clock, name=uuid.uuid4().hex[:8])]
    leads += [Lead(control, clock, leads[0]._name) for _ in range(2)]
    terms: list[int] = []
    for what, how in steps:
        if what == "wait":
            clock.advance(how)
        elif what == "beat":
            took = await leads[how].beat()
            term = leads[how].term
            if took and term is not None and term not in terms:
                terms.append(term)
        else:
            written = await _writes(control, leads[how])
            # Whoever can write holds the newest term, also when in its own eyes it no longer leads.
            assert not written or leads[how].term == terms[-1]
        assert sum(each.leads for each in leads) <= 1
    assert terms == sorted(terms)
    await control.close()


async def _writes(control: State, lead: Lead) -> bool:
    try:
        async with control.writing() as rows:
            await lead.confirm(rows)
    except NotLeading:
        return False
    return True
