"""Killed between each two steps of detect, claim, fold, outbox, send, record: nothing is missing after."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import pytest
from outside import Outside

from observatory.model.alert import Phase, fingerprint
from observatory.model.notification import DeliveryState, Outcome
from observatory.state import open_store
from observatory.state.deliveries import Asked

PROGRAM = Path(__file__).parent / "programs" / "tell.py"
# Each is the step that the process does not live to do.
POINTS = ("claim", "fold", "outbox", "commit", "deliver", "sort", "send", "record")
FINGERPRINT = fingerprint("production", "credits.negative_balances.critical", "user-7")


async def tell(folder: Path, world: Outside, point: str = "") -> int:
    command = [sys.executable, str(PROGRAM), str(folder), f"{world.url}/hook", *([point] if point else [])]
    process = await asyncio.create_subprocess_exec(*command)
    async with asyncio.timeout(120):
        return await process.wait()


@pytest.mark.parametrize("point", POINTS)
async def test_nothing_is_missing_after_a_kill_and_a_repetition_is_known_as_one(
    point: str, tmp_path: Path, world: Outside
) -> None:
    assert await tell(tmp_path, world, point) == -signal.SIGKILL
    assert await tell(tmp_path, world) == 0
    assert len(world.asked) == (2 if point == "record" else 1)
    assert {each["fingerprint"] for asked in world.asked for each in asked.json["alerts"]} == {FINGERPRINT}
    assert len({asked.headers["idempotency-key"] for asked in world.asked}) == 1
    assert len({asked.body for asked in world.asked}) == 1
    state = await open_store(f"sqlite+aiosqlite:///{tmp_path / 'state.db'}")
    async with state.reading() as rows:
        (alert,) = await rows.alerts.open()
        (case,) = await rows.incidents.open()
        (kept,) = await rows.deliveries.page(Asked(), None, 10)
        (attempt,) = (await rows.deliveries.attempts([kept.id]))[kept.id]
    await state.close()
    assert (alert.phase, alert.episode) == (Phase.FIRING, 1)
    assert case.incident.alerts == (alert.id,)
    assert (kept.state, attempt.outcome) == (DeliveryState.SENT, Outcome.SENT)
    assert world.asked[0].json["commonAnnotations"]["incident"] == case.incident.id
