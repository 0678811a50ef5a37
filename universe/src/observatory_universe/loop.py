"""The event loop of processes that live in real time: libuv's where it can be had, for a seventh less work per span."""

import asyncio
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run(main: Coroutine[Any, Any, T]) -> T:
    """Runs the coroutine to its end on a loop of its own, and returns what it returns."""
    with asyncio.Runner(loop_factory=_new_loop) as runner:
        return runner.run(main)


def _new_loop() -> asyncio.AbstractEventLoop:
    if sys.platform == "win32":
        return asyncio.new_event_loop()
    # Not at the top: there is none for Windows.
    import uvloop

    return uvloop.new_event_loop()
