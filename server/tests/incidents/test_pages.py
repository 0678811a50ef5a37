"""Lists of incidents: few questions whatever is asked for, as they were then, and nobody else waits meanwhile."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from alert_scenes import ends, fires, graphs, later
from sqlalchemy import event

from observatory.api import emergency
from observatory.areas.assess import Span
from observatory.incidents import Case, Folding, IncidentChange, State, fold, merge, note, statistics
from observatory.incidents.moves import set_state
from observatory.state import IncidentsWanted, open_store
from observatory.state import State as Control
from observatory.state import incidents as tables
from observatory.state.incident_tables import decode, encode

OLD = {"services": ("trade_execution_service",), "area": "trading_execution"}
OTHER = {"services": ("ai_chat_engine",), "area": "ai_systems"}
MANY = 260


@pytest.fixture
async def control(tmp_path: Path) -> AsyncIterator[Control]:
    state = await open_store(f"sqlite+aiosqlite:///{tmp_path / 'state.db'}")
    yield state
    await state.close()


def lived(rule: str, after_s: float, lasts_s: float | None, **fields: Any) -> tuple[Case, list[IncidentChange]]:
    """An incident and its changes."""
    begun = fold([], [fires(rule, after_s=after_s, **fields)], graphs)
    (case,), changes = begun.cases.values(), list(begun.changes)
    if lasts_s is not None:
        over = fold([case], [ends(rule, after_s=after_s + lasts_s, **fields)], graphs)
        (case,), changes = over.cases.values(), [*changes, *over.changes]
    return case, changes


async def keep(control: Control, *told: tuple[Case, list[IncidentChange]]) -> None:
    async with control.writing() as rows:
        for case, changes in told:
            await rows.incidents.write([case], changes)


@pytest.fixture
async def crowd(control: Control) -> Case:
    """One that is open, and many that began and ended after it; the old one, as it is now."""
    first = lived("a", 0, None, **OLD)
    await keep(control, first, *(lived(f"r{nth}", 10 + nth, 5, **OTHER) for nth in range(MANY)))
    return first[0]


@contextmanager
def counted(control: Control) -> Iterator[list[str]]:
    """The SELECTs that reach the database."""
    asked: list[str] = []

    def hear(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("SELECT"):
            asked.append(statement)

    engine = control._engine.sync_engine
    event.listen(engine, "before_cursor_execute", hear)
    try:
        yield asked
    finally:
        event.remove(engine, "before_cursor_execute", hear)


@pytest.mark.parametrize(
    ("wanted", "as_of_s", "most"),
    [
        (IncidentsWanted(service="trade_execution_service"), None, 1),
        (IncidentsWanted(area="trading_execution"), None, 1),
        (IncidentsWanted(service="trade_execution_service"), MANY + 60, 3),
        (IncidentsWanted(states=(State.OPENED,)), MANY + 60, 3),
    ],
)
async def test_the_one_of_many_is_found_by_few_questions(
    control: Control, crowd: Case, wanted: IncidentsWanted, as_of_s: float | None, most: int
) -> None:
    async with control.reading() as rows:
        with counted(control) as asked:
            page = await rows.incidents.page(wanted, None, 5, None if as_of_s is None else later(as_of_s))
    assert [each.case for each in page.cases] == [crowd]
    assert page.next is None
    assert len(asked) <= most, asked


async def test_pages_hold_every_incident_once(control: Control, crowd: Case) -> None:
    found: list[str] = []
    cursor: int | None = None
    async with control.reading() as rows:
        for _ in range(100):
            page = await rows.incidents.page(IncidentsWanted(), cursor, 50, later(MANY + 60))
            found += [each.case.incident.id for each in page.cases]
            cursor = page.next
            if cursor is None:
                break
    assert len(found) == len(set(found)) == MANY + 1
    assert found[-1] == crowd.incident.id


async def test_a_service_that_was_merged_away_is_found_where_it_was(control: Control) -> None:
    one, other = lived("a", 0, None, **OLD), lived("x", 1, None, **OTHER)
    await keep(control, one, other)
    async with control.writing() as rows:
        await merge(rows, graphs, one[0].incident.id, other[0].incident.id, later(60), "token:1", "one")
    wanted = IncidentsWanted(service="trade_execution_service")
    async with control.reading() as rows:
        now = (await rows.incidents.page(wanted, None, 5)).cases
        then = (await rows.incidents.page(wanted, None, 5, later(30))).cases
        past = await rows.incidents.between(wanted, as_of=later(30))
    assert [each.case.incident.id for each in now] == [other[0].incident.id]
    assert [each.case for each in then] == [one[0]] == past


async def test_the_emergency_page_of_the_past_shows_what_was_open_then(control: Control, crowd: Case) -> None:
    state = cast(Any, SimpleNamespace(control=control))
    span = Span(later(MANY + 60), 3_600, later(-60))
    shown = await emergency.incidents(state, "production", span, past=True)
    assert [each["incident"] for each in shown] == [crowd.incident.id]


async def test_incidents_are_read_beside_the_event_loop(
    control: Control, crowd: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    where: set[int] = set()

    def seen(text: str) -> Case:
        where.add(threading.get_ident())
        return decode(text)

    monkeypatch.setattr(tables, "decode", seen)
    async with control.reading() as rows:
        assert len(await rows.incidents.between(IncidentsWanted(), as_of=later(MANY + 60))) == MANY + 1
    assert where
    assert threading.get_ident() not in where


async def test_an_acknowledgement_counts_although_the_incident_came_again(control: Control) -> None:
    folding = Folding(graphs)

    async def told(*transitions: Any) -> None:
        async with control.writing() as rows:
            await rows.alerts.write(transitions)
            await folding(rows, transitions)

    await told(fires("a", **OLD))
    (case,) = await _all(control)
    await keep(control, *_moved(case, State.ACKNOWLEDGED, 30))
    await told(ends("a", after_s=60, **OLD))
    await told(fires("a", after_s=80, episode=2, **OLD))
    (case,) = await _all(control)
    assert (case.incident.state, case.incident.acknowledged_at) == (State.OPENED, None), "nobody has it now"
    (mtta,) = [each for each in statistics.times([case]) if each.id == "mtta"]
    assert (mtta.samples, mtta.mean_s, mtta.missing) == (1, 30, 0)
    await keep(control, *_moved(case, State.ACKNOWLEDGED, 200))
    (case,) = await _all(control)
    assert case.incident.acknowledged_at == later(200)
    (mtta,) = [each for each in statistics.times([case]) if each.id == "mtta"]
    assert mtta.mean_s == 30, "the first one is who came first"
    async with control.reading() as rows:
        (then,) = await rows.incidents.between(IncidentsWanted(), as_of=later(10))
    assert then.incident.first_acknowledged_at is None


def test_an_incident_that_an_older_server_kept_is_read() -> None:
    case = lived("a", 0, 60, **OLD)[0]
    older = encode(case).replace(', "first_acknowledged_at": null', "")
    assert "first_acknowledged_at" not in older
    assert decode(older) == case
    taken = Case(replace(case.incident, acknowledged_at=later(20)), case.members)
    assert [each.mean_s for each in statistics.times([taken]) if each.id == "mtta"] == [20]


async def _all(control: Control) -> list[Case]:
    async with control.reading() as rows:
        return await rows.incidents.between(IncidentsWanted())


def _moved(case: Case, state: State, after_s: float) -> list[tuple[Case, list[IncidentChange]]]:
    done = set_state(case, state, later(after_s), "token:1", "mine")
    return [(each, list(done.changes)) for each in done.cases.values()]


async def test_notes_of_several_incidents_are_one_question(control: Control, crowd: Case) -> None:
    async with control.writing() as rows:
        for after_s, text in enumerate(("first", "second")):
            await note(rows, crowd.incident.id, later(after_s), "token:1", text)
    async with control.reading() as rows:
        with counted(control) as asked:
            found = await rows.incidents.notes([crowd.incident.id, "20200101t000000-00000000"])
    assert found == {crowd.incident.id: ["first", "second"], "20200101t000000-00000000": []}
    assert len(asked) == 1
