"""Faults in time: each ends when its time is over."""

import asyncio

from observatory_universe.clock import Clock
from observatory_universe.faults.registry import Faults

# Past the end and not short of it: a timer that fires a hair early would have to be set again.
_PAST_NS = 1_000


async def keep(faults: Faults, clock: Clock) -> None:
    """Ends faults whose time is over, until it is cancelled or the clock is hurried. Sleeps until the next end."""
    changed = asyncio.Event()
    listen_no_more = faults.listen(lambda fault, started: changed.set())
    try:
        while True:
            changed.clear()
            faults.expire()
            next_ns = faults.next_end_ns()
            if next_ns is None:
                await changed.wait()
            elif not await _changed_or_rested(changed, clock, (next_ns - clock.now_ns() + _PAST_NS) / 1e9):
                return
    finally:
        listen_no_more()


async def rest(clock: Clock, seconds: float) -> bool:
    """Waits. False when the clock was hurried and the time is not over."""
    if seconds <= 0:
        return True
    begun_s = clock.now_s()
    await clock.sleep(seconds)
    # Half of it: a timer may fire a little early, a hurried clock does so at once.
    return clock.now_s() - begun_s >= seconds / 2


async def _changed_or_rested(changed: asyncio.Event, clock: Clock, seconds: float) -> bool:
    """False when the clock was hurried."""
    resting = asyncio.ensure_future(rest(clock, seconds))
    waiting = asyncio.ensure_future(changed.wait())
    try:
        done, _ = await asyncio.wait((resting, waiting), return_when=asyncio.FIRST_COMPLETED)
        return waiting in done or resting.result()
    finally:
        resting.cancel()
        waiting.cancel()
