"""Two who take one alert at once, by two servers on one PostgreSQL: the first one has it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import sqlalchemy as sa
from alert_scenes import alert, fires, graphs, later

from observatory import alerting, incidents, notify, oncall
from observatory.state import State, open_store
from observatory_universe.outside.postgres import postgres_server

TIMES = 12


async def takes(state: State, nth: int, who: str) -> bool:
    subject = f"alert:{alert(f'r{nth}', f'm{nth}').id}"
    async with state.writing() as rows:
        return (await oncall.acknowledge(rows, subject, who, "mine", later(nth)))[1]


async def test_one_of_two_has_it(tmp_path: Path) -> None:
    async with postgres_server(tmp_path / "postgres") as server:
        one, other = await open_store(server.url), await open_store(server.url)
        keeper = alerting.Keeper(one, [notify.Planning(incidents.Folding(graphs))])
        await keeper([fires(f"r{nth}", f"m{nth}") for nth in range(TIMES)])
        for nth in range(TIMES):
            new = await asyncio.gather(takes(one, nth, "ada"), takes(other, nth, "ben"))
            assert sorted(new) == [False, True]
        async with one.reading() as rows:
            held = await rows.acknowledgements.holding()
        assert len(held) == TIMES
        await one.close()
        await other.close()


async def test_what_was_held_twice_before_is_held_by_the_first(tmp_path: Path) -> None:
    state = await open_store(f"sqlite+aiosqlite:///{tmp_path / 'state.db'}")
    await state.close()
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'state.db'}")
    with engine.begin() as connection:
        connection.execute(sa.text("DROP INDEX ix_acknowledgements_holding"))
        connection.execute(sa.text("DROP INDEX ix_delivery_attempts_at"))
        connection.execute(sa.text("DROP TABLE views"))
        for who in ("ada", "ben", "cy"):
            row = f"('alert:x:1', 'production', '2026-01-02 03:04:05', '{who}', '', NULL, '', '')"
            names = "subject, environment, at, by, reason, ended_at, ended_by, ended_why"
            connection.execute(sa.text(f"INSERT INTO acknowledgements ({names}) VALUES {row}"))
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '0009'"))
    engine.dispose()
    state = await open_store(f"sqlite+aiosqlite:///{tmp_path / 'state.db'}")
    async with state.reading() as rows:
        held = await rows.acknowledgements.of("alert:x:1")
    await state.close()
    assert [(each.by, each.ended_at is None) for each in held] == [("ada", True), ("ben", False), ("cy", False)]
    assert held[1].ended_why == "somebody had it already"


@pytest.mark.parametrize("second", ["ada", "ben"])
async def test_a_holder_is_kept_by_the_store_itself(tmp_path: Path, second: str) -> None:
    state = await open_store(f"sqlite+aiosqlite:///{tmp_path / 'state.db'}")
    async with state.writing() as rows:
        first = await rows.acknowledgements.insert("alert:x:1", "production", "ada", "", later(0))
        assert first is not None
        assert await rows.acknowledgements.insert("alert:x:1", "production", second, "", later(1)) is None
        await rows.acknowledgements.end(first.id, "ada", "off to bed", later(2))
        assert await rows.acknowledgements.insert("alert:x:1", "production", second, "", later(3)) is not None
    await state.close()
