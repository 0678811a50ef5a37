"""An event loop whose time jumps to the next timer: a day passes in seconds, the same way each time.

Nothing waits for anything outside: what a universe needs of the world has to be in the process (`direct`). A signal is
seen all the same, a little later.
"""

import asyncio
import selectors
from collections.abc import Callable
from typing import Any, Final

from observatory_universe.clock import Clock

START_NS: Final = 1_760_000_000_000_000_000
# A look at the file descriptors costs more than the turn of the loop that it stands in. Signals can wait for so many.
TURNS_UNSEEN: Final = 512
# For a thread that is about to hand something to the loop. After that nobody will.
_LAST_LOOK_S: Final = 1.0
_Events = list[tuple[selectors.SelectorKey, int]]


class _Jump(selectors.DefaultSelector):
    """Waits for nothing: tells the loop how far it may jump."""

    def __init__(self, on_turns: Callable[[], None]) -> None:
        super().__init__()
        self.time_s = 0.0
        self._on_turns = on_turns
        self._unseen = 0
        self._most_unseen = TURNS_UNSEEN

    def select(self, timeout: float | None = None) -> _Events:
        if timeout is None:
            found = super().select(_LAST_LOOK_S)
            if not found:
                raise RuntimeError("nothing is left that could ever wake the loop")
            return found
        if timeout > 0:
            self.time_s += timeout
        self._unseen += 1
        if self._unseen < self._most_unseen:
            return []
        self._unseen = 0
        self._on_turns()
        return super().select(0)

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        found = super().register(fileobj, events, data)
        self._look()
        return found

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        found = super().unregister(fileobj)
        self._look()
        return found

    def _look(self) -> None:
        # The loop's own pipe is always there; whoever opens a socket wants to be heard at once.
        self._most_unseen = TURNS_UNSEEN if len(self.get_map()) <= 1 else 1


class JumpingLoop(asyncio.SelectorEventLoop):
    """An event loop in virtual time.

    Args:
        start_ns: the wall time at which it begins, in nanoseconds since 1970, UTC.
        on_turns: called every few hundred turns, between two callbacks: the place to show progress. It must be quick.
    """

    def __init__(self, start_ns: int = START_NS, on_turns: Callable[[], None] = lambda: None) -> None:
        self._jump = _Jump(on_turns)
        self._start_ns = start_ns
        super().__init__(self._jump)

    def time(self) -> float:
        """Seconds since it began."""
        return self._jump.time_s

    def now_ns(self) -> int:
        """The virtual wall time, in nanoseconds since 1970, UTC."""
        return self._start_ns + round(self._jump.time_s * 1e9)

    def clock(self) -> Clock:
        """The loop's time as a universe's clock."""
        return Clock(self.now_ns)
