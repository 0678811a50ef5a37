"""A program: one universe lives through a stretch of past time, in which things go wrong one after the other.

It is handed a plan as JSON and sends what it tells over OTLP to an open door. The same seed gives the same happenings.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import observatory_sdk as obs
from observatory_universe.clock import Clock
from observatory_universe.direct import direct_doors
from observatory_universe.faults import Faults
from observatory_universe.pace import PACES
from observatory_universe.universe import Universe
from observatory_universe.virtual import JumpingLoop

# As often as the SDK reads metrics when nobody holds its clock.
READ_EVERY_S = 5.0
# Fewer users do the same things: each of their trades costs a hundred spans.
PACE = replace(PACES["calm"], users=12, most_users=18)
_FLUSH_S = 300.0


@dataclass(frozen=True)
class Strike:
    """One fault: from when to when, in seconds since the life began; at whom and how badly, or as the kind has it."""

    kind: str
    from_s: float
    to_s: float
    target: str | None = None
    grade: float | None = None


@dataclass(frozen=True)
class Life:
    """One universe from a moment on, for so many seconds.

    Attributes:
        start_ns: nanoseconds since 1970.
        endpoint: where it sends, with which token and under which environment.
        pace: what is another than usual in its pace.
    """

    start_ns: int
    seconds: float
    endpoint: str
    token: str
    environment: str
    seed: int
    strikes: Sequence[Strike]
    pace: Mapping[str, float] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """Puts it down for the program to read."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")


def read(path: Path) -> Life:
    """What `Life.write` wrote."""
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return Life(**found | {"strikes": [Strike(**each) for each in found["strikes"]]})


def live(life: Life) -> None:
    """Lives it. All of it is stored when this returns."""
    loop = JumpingLoop(life.start_ns)
    clock, pace = loop.clock(), replace(PACE, **life.pace)
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
            runner.run(_through(life, universe, clock, telemetry))
        if not telemetry.flush(_FLUSH_S):
            raise SystemExit("the door did not take everything")
    finally:
        telemetry.shutdown()


async def _through(life: Life, universe: Universe, clock: Clock, telemetry: obs.Telemetry) -> None:
    async with asyncio.TaskGroup() as group:
        living = group.create_task(universe.run(life.seconds))
        others = [group.create_task(_strike(life, universe.faults, clock)), group.create_task(_measure(telemetry))]
        await living
        for other in others:
            other.cancel()


async def _strike(life: Life, faults: Faults, clock: Clock) -> None:
    """The loop's seconds count from the beginning of the life."""
    running: dict[str, str] = {}
    for at_s, begins, strike in _moments(life):
        await clock.sleep(max(0.0, at_s - clock.now_s()))
        if begins:
            running[strike.kind] = faults.begin(strike.kind, strike.target, strike.grade).id
        else:
            faults.end(running.pop(strike.kind))


def _moments(life: Life) -> list[tuple[float, bool, Strike]]:
    """When what begins or ends, in order; an end before the beginning of the next at the same moment."""
    begins = [(strike.from_s, True, strike) for strike in life.strikes]
    ends = [(strike.to_s, False, strike) for strike in life.strikes]
    return sorted(begins + ends, key=lambda moment: (moment[0], moment[1], moment[2].kind))


async def _measure(telemetry: obs.Telemetry) -> None:
    while True:
        await asyncio.sleep(READ_EVERY_S)
        telemetry.collect()


if __name__ == "__main__":
    # What a turn makes is freed by its count; looking for cycles costs a fifth of the time.
    gc.set_threshold(100_000, 20, 50)
    live(read(Path(sys.argv[1])))
