"""A loop whose time jumps to the next timer: a universe's minute passes in a second, the same way each time."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any

from observatory_universe.clock import Clock

START_NS = 1_760_000_000_000_000_000


class _Jump(selectors.DefaultSelector):
    """Waits for nothing: tells the loop how far it may jump."""

    def __init__(self) -> None:
        super().__init__()
        self.time_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("nothing is left that could ever wake the loop")
        self.time_s += max(0.0, timeout)
        return super().select(0)


class JumpingLoop(asyncio.SelectorEventLoop):
    """An event loop in virtual time."""

    def __init__(self) -> None:
        self._jump = _Jump()
        super().__init__(self._jump)

    def time(self) -> float:
        return self._jump.time_s

    def clock(self) -> Clock:
        """The loop's time as a universe's clock."""
        return Clock(lambda: START_NS + round(self.time() * 1e9))


def run_virtually(main: Coroutine[Any, Any, None], loop: JumpingLoop) -> None:
    """Runs to the end in virtual time."""
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(main)
