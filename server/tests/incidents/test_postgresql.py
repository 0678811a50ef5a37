"""The same on PostgreSQL, where two servers write at once: what one does to an incident is not lost by the other."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from alert_scenes import ends, fires, graphs, later

from observatory import incidents
from observatory.alerting import Keeper
from observatory.errors import InvalidRequest, NotFound, StateError
from observatory.incidents import Folding, State
from observatory.model.alert import Transition
from observatory.state import IncidentsWanted, Rows, open_store
from observatory.state import State as Control
from observatory_universe.outside.postgres import postgres_server

ORDERS = {"services": ("trade_execution_service",)}


@pytest.fixture
async def controls(tmp_path: Path) -> AsyncIterator[tuple[Control, Control]]:
    """Two servers' ways to one database."""
    async with postgres_server(tmp_path / "postgres") as server:
        one, other = await open_store(server.url), await open_store(server.url)
        yield one, other
        await one.close()
        await other.close()


def keeper(control: Control) -> Keeper:
    folding = Folding(graphs)

    async def step(rows: Rows, transitions: Sequence[Transition]) -> None:
        await folding(rows, transitions)

    return Keeper(control, [step])


async def test_what_is_folded_while_people_split_and_merge_is_not_lost(controls: tuple[Control, Control]) -> None:
    one, other = controls
    keep = keeper(one)
    await keep([fires("first", **ORDERS), fires("x", services=("ai_chat_engine",))])

    ended = asyncio.Event()

    async def rounds() -> None:
        for nth in range(30):
            await keep([fires(f"r{nth}", after_s=nth, **ORDERS)])
            if nth % 3 == 0:
                await keep([ends(f"r{nth}", after_s=nth + 0.5, **ORDERS)])
        ended.set()

    async def people() -> None:
        splits = 0
        for nth in range(500):
            # Who is faster depends on the machine: they go on until both have had their turns.
            if ended.is_set() and splits > 2 and nth >= 20:
                return
            async with other.reading() as rows:
                cases = await rows.incidents.open()
            case = max(cases, key=lambda each: len(each.members))
            try:
                async with other.writing() as rows:
                    if nth % 4 == 3:
                        await incidents.undo(rows, graphs, case.incident.id, later(nth), "token:1", "")
                    elif len(case.members) > 1:
                        alerts = [case.members[-1].alert]
                        await incidents.split(rows, graphs, case.incident.id, alerts, later(nth), "token:1", "x")
                        splits += 1
                    await incidents.set_state(rows, case.incident.id, State.ACKNOWLEDGED, later(nth), "token:1", "")
            except (InvalidRequest, NotFound, StateError):
                continue

    await asyncio.gather(rounds(), people())
    async with one.reading() as rows:
        held = Counter(each.alert for case in await rows.incidents.open() for each in case.firing)
        firing = Counter(each.id for each in await rows.alerts.open())
        made = len(await rows.incidents.between(IncidentsWanted(merged=True)))
    assert held == firing
    assert (len(firing), made > 2) == (22, True)


async def test_an_earlier_moment_and_what_is_forgotten(controls: tuple[Control, Control]) -> None:
    one, other = controls
    await keeper(one)([fires("a", **ORDERS), fires("b", **ORDERS)])
    await keeper(other)([ends("a", after_s=60, **ORDERS), ends("b", after_s=60, **ORDERS)])
    async with other.reading() as rows:
        (case,) = await rows.incidents.between(IncidentsWanted())
        wanted = IncidentsWanted(service=ORDERS["services"][0], states=(State.OPENED,))
        (then,) = (await rows.incidents.page(wanted, None, 10, later(30))).cases
        assert (case.incident.state, then.case.incident.state) == (State.RESOLVED, State.OPENED)
        assert [each.incident.id for each in await rows.incidents.unwritten("timeline", later(61))] == [
            case.incident.id
        ]
    async with other.writing() as rows:
        await rows.incidents.forget(later(3_600))
        assert await rows.incidents.between(IncidentsWanted()) == []
