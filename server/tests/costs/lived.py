"""A program: a small universe lives through a stretch of past time, in which something may get dear.

It is handed a plan as JSON and sends what it tells over OTLP to an open door. The same seed gives the same happenings.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import observatory_sdk as obs
from observatory_universe.clock import Clock
from observatory_universe.direct import direct_doors
from observatory_universe.faults import Faults
from observatory_universe.pace import PACES
from observatory_universe.universe import Universe
from observatory_universe.virtual import JumpingLoop

# What costs money goes on as at the calm pace; what is around it is thinned, because each trade costs a hundred spans.
PACE = replace(
    PACES["calm"],
    users=12,
    most_users=16,
    impulse_gap_s=60.0,
    chore_factor=0.1,
    inbox_factor=0.2,
    command_gap_s=300.0,
    consensus_ratio=1.0,
    stream_rest_s=60.0,
)
_FLUSH_S = 300.0


@dataclass(frozen=True)
class Life:
    """One universe from a moment on.

    Attributes:
        start_ns: nanoseconds since 1970.
        minutes: how long it lives.
        endpoint: where it sends, with which token and under which environment.
        kind: the fault, `""` for none; from which minute to which.
        target: what the fault is aimed at, where it can be.
    """

    start_ns: int
    minutes: float
    endpoint: str
    token: str
    environment: str
    seed: int
    kind: str = ""
    from_minute: float = 0
    to_minute: float = 0
    grade: float | None = None
    target: str | None = None
    pace: str = "small"

    def write(self, path: Path) -> None:
        """Puts it down for the program to read."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")


def live(life: Life) -> None:
    """Lives it. All of it is stored when this returns."""
    loop = JumpingLoop(life.start_ns)
    clock, pace = loop.clock(), PACE if life.pace == "small" else PACES[life.pace]
    faults = Faults(clock.now_ns)
    universe = Universe(life.seed, pace, direct_doors(life.seed, pace, clock, faults), faults, clock)
    telemetry = obs.configure(
        service_name="cryptouniverse-backend",
        endpoint=life.endpoint,
        token=life.token,
        environment=life.environment,
        services=universe.service_ids,
        set_globals=False,
        now_ns=clock.now_ns,
    )
    try:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(_through(life, universe, clock))
        if not telemetry.flush(_FLUSH_S):
            raise SystemExit("the door did not take everything")
    finally:
        telemetry.shutdown()


async def _through(life: Life, universe: Universe, clock: Clock) -> None:
    async with asyncio.TaskGroup() as group:
        living = group.create_task(universe.run(life.minutes * 60))
        striking = group.create_task(_strike(life, universe.faults, clock))
        await living
        striking.cancel()


async def _strike(life: Life, faults: Faults, clock: Clock) -> None:
    if not life.kind:
        return
    await clock.sleep(life.from_minute * 60)
    how: dict[str, Any] = {} if life.grade is None else {"grade": life.grade}
    fault = faults.begin(life.kind, life.target, **how)
    await clock.sleep((life.to_minute - life.from_minute) * 60)
    faults.end(fault.id)


if __name__ == "__main__":
    # What a turn makes is freed by its count; looking for cycles costs a fifth of the time.
    gc.set_threshold(100_000, 20, 50)
    found: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    live(Life(**found))
