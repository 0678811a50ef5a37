"""Work that hangs for as long as a fault says."""

from typing import Final

from observatory_universe.service import Service

_LOOK_EVERY_S: Final = 1.0


async def stall(service: Service, kind: str) -> None:
    """Waits as many seconds as the fault's grade says, and not longer than the fault runs."""
    waited_s = 0.0
    while (wanted_s := service.faults.grade(kind)) is not None and waited_s < wanted_s:
        step_s = min(_LOOK_EVERY_S, wanted_s - waited_s)
        await service.clock.sleep(step_s)
        waited_s += step_s
