"""Finds one bad thing, and tells it: the whole way from a verdict to the ledger, in a process that can be killed on it.

    python tell.py FOLDER WEBHOOK [POINT]

It kills itself at the point that is named; without one it ends when everything is told.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from observatory import alerting, incidents, notify
from observatory.alerting import Observation, Rule, Verdict, machine
from observatory.alerting.conditions.told import ToldOf
from observatory.clock import Clock
from observatory.model.alert import Severity, Transition, fingerprint
from observatory.model.incident import IncidentChange
from observatory.notify.channels import Channel, Sender, Sent
from observatory.selfwatch import Selfwatch
from observatory.state import Rows, State, open_store
from observatory.state.deliveries import Delivery

RULE = Rule("credits.negative_balances.critical", "a balance is negative", Severity.CRITICAL, ToldOf("backup.done"))
SEEN = Observation(
    "production", RULE.id, "user-7", Verdict.BAD, "the balance of user-7 is -3", services=("credit_ledger",)
)
# A crash must not be waited out for long; the address is on loopback, and is named as it must be.
PACE = notify.Pace(group_wait_s=0.0, lease_s=1.0, timeout_s=1.0)


class Point:
    """Where this process ends."""

    def __init__(self, name: str) -> None:
        self._name = name

    def reach(self, name: str) -> None:
        if name == self._name:
            os.kill(os.getpid(), signal.SIGKILL)


class Doomed:
    """A sender that ends the process before it sends, or after."""

    def __init__(self, sender: Sender, point: Point) -> None:
        self._sender = sender
        self._point = point

    async def send(self, delivery: Delivery) -> Sent:
        self._point.reach("send")
        sent = await self._sender.send(delivery)
        self._point.reach("record")
        return sent


async def tell(folder: Path, url: str, point: Point) -> None:
    clock = Clock()
    state = await open_store(f"sqlite+aiosqlite:///{folder / 'state.db'}")
    folding = incidents.Folding(lambda _: incidents.graph.of([]))

    async def claimed(rows: Rows, transitions: Sequence[Transition]) -> None:
        point.reach("fold")

    async def fold(rows: Rows, transitions: Sequence[Transition]) -> Sequence[IncidentChange]:
        found = await folding(rows, transitions)
        point.reach("outbox")
        return found

    async def planned(rows: Rows, transitions: Sequence[Transition]) -> None:
        point.reach("commit")

    keeper = alerting.Keeper(state, [claimed, notify.Planning(fold), planned])
    keeper.after.append(lambda: point.reach("deliver"))
    poster = notify.Poster(notify.networks("127.0.0.1"), PACE.timeout_s)
    (folder / "channels.yaml").write_text(f"channels: [{{id: hook, kind: webhook, url: '{url}'}}]")
    tools = notify.Tools(poster, notify.Links(""), PACE.timeout_s)
    channels = notify.Channels(folder / "channels.yaml", tools, clock)
    found = channels.find("hook")
    assert found is not None
    doomed: Channel = replace(found, sender=Doomed(found.sender, point))
    channels._of = {"hook": doomed}

    def rules() -> dict[str, Rule]:
        point.reach("sort")
        return {RULE.id: RULE}

    knows = notify.Knows(rules, lambda _: incidents.graph.of([]), channels.routes)
    deliverer = notify.Deliverer(state, channels, knows, notify.Standings("production"), clock, Selfwatch(), PACE)
    async with state.reading() as rows:
        before = await rows.alerts.find(fingerprint(SEEN.environment, SEEN.rule, SEEN.member))
    _, change = machine.step(before, SEEN, RULE, datetime.now(UTC))
    point.reach("claim")
    if change is not None:
        await keeper([change])
    running = asyncio.create_task(deliverer.run())
    while await _left(state):
        await asyncio.sleep(0.02)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await poster.aclose()
    await state.close()


async def _left(state: State) -> bool:
    async with state.reading() as rows:
        return bool(await rows.outbox.left() or await rows.deliveries.waiting("hook"))


if __name__ == "__main__":
    asyncio.run(tell(Path(sys.argv[1]), sys.argv[2], Point(sys.argv[3] if len(sys.argv) > 3 else "")))
