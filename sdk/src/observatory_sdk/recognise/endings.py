"""Calls whose response nobody closed. What the garbage collector finds is ended by a thread of its own.

The collector runs in the middle of anything, also where a lock of the pipeline is held that ending a span would ask
for: it may do no more than put the call into a queue.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from queue import SimpleQueue

from observatory_sdk import clock
from observatory_sdk.guard import Guard

_GUARD = Guard("recognise")
End = Callable[[int], None]


class Endings:
    """Ends calls that were dropped: with the moment of that, in nanoseconds since 1970 UTC."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[tuple[End, int]] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def watch(self, thing: object, end: End) -> weakref.finalize[..., object]:
        """Call `end` after `thing` is gone; `detach()` of what comes back says that it is not needed any more."""
        self._begin()
        found = weakref.finalize(thing, self._dropped, end)
        # At the end of the process the pipeline is gone before.
        found.atexit = False
        return found

    def _dropped(self, end: End) -> None:
        self._queue.put((end, clock.now_ns()))

    def _begin(self) -> None:
        # After a fork the thread is there no more, and its queue may be in any state.
        if self._thread is None or not self._thread.is_alive():
            with self._lock:
                if self._thread is None or not self._thread.is_alive():
                    self._queue = SimpleQueue()
                    self._thread = threading.Thread(
                        target=self._run, args=(self._queue,), name="observatory-endings", daemon=True
                    )
                    self._thread.start()

    def _run(self, queue: SimpleQueue[tuple[End, int]]) -> None:
        while True:
            end, moment = queue.get()
            with _GUARD:
                end(moment)


ENDINGS = Endings()
