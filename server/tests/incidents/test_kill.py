"""kill -9 between the steps of detect, fold, keep: after a restart the same alert is in exactly one incident."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from observatory.incidents import Case
from observatory.state import IncidentsWanted, open_store

# A round as the server makes it: the alert, then the fold, then whoever comes after it, in one transaction.
_ROUND = """
import asyncio, os, signal, sys
sys.path.insert(0, sys.argv[3])
from alert_scenes import fires, graphs
from observatory.alerting import Keeper
from observatory.incidents import Folding
from observatory.state import open_store

def at(place):
    if sys.argv[2] == place:
        os.kill(os.getpid(), signal.SIGKILL)

async def main():
    state = await open_store(f"sqlite+aiosqlite:///{sys.argv[1]}")
    folding = Folding(graphs)
    async def before(rows, transitions):
        at("before the fold")
    async def fold(rows, transitions):
        await folding(rows, transitions)
        at("after the fold")
    keeper = Keeper(state, [before, fold])
    async with state.reading() as rows:
        kept = {each.id for each in await rows.alerts.open()}
    # An alert that was kept is not found anew by the evaluator, which reads them back at its start.
    all_three = fires("a"), fires("b", evidence=("e" * 32,)), fires("c", evidence=("e" * 32,))
    found = [each for each in all_three if each.alert.id not in kept]
    if found:
        await keeper(found)
    at("after the commit")
    await state.close()

asyncio.run(main())
"""
TESTS = Path(__file__).parents[1]


def a_round(path: Path, killed: str) -> int:
    asked = [sys.executable, "-c", _ROUND, str(path), killed, str(TESTS)]
    return subprocess.run(asked, check=False, timeout=120).returncode


def kept(path: Path) -> list[Case]:
    async def read() -> list[Case]:
        state = await open_store(f"sqlite+aiosqlite:///{path}")
        async with state.reading() as rows:
            found = await rows.incidents.between(IncidentsWanted(merged=True))
        await state.close()
        return found

    return asyncio.run(read())


@pytest.fixture(scope="module")
def unharmed(tmp_path_factory: pytest.TempPathFactory) -> list[Case]:
    """What is kept when nothing is killed."""
    path = tmp_path_factory.mktemp("whole") / "state.db"
    assert a_round(path, "") == 0
    return kept(path)


@pytest.mark.parametrize("killed", ["before the fold", "after the fold", "after the commit"])
def test_a_kill_loses_no_incident_and_makes_none_twice(tmp_path: Path, killed: str, unharmed: list[Case]) -> None:
    path = tmp_path / "state.db"
    assert a_round(path, killed) == -signal.SIGKILL
    assert a_round(path, "") == 0
    assert kept(path) == unharmed
    assert len(unharmed) == 2
