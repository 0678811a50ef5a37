"""How a process ends: what it has recorded is sent, for a bounded time, and it ends as it would have.

A program's usual end goes through `atexit`. Four do not: a process that SIGTERM ends, uvicorn, which kills itself by
the signal that stopped it, and workers of multiprocessing and of Celery.
"""

from __future__ import annotations

import _thread
import functools
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from multiprocessing import util
from types import FrameType, ModuleType
from typing import Any

from observatory_sdk import pipeline
from observatory_sdk.attach.imports import Imports
from observatory_sdk.guard import Guard

TIMEOUT_S = 2.0
_GUARD = Guard("exit")


def flush() -> None:
    """Send all that waits, for at most `TIMEOUT_S`."""
    with _GUARD:
        if pipeline._live is not None:
            pipeline._live.flush(TIMEOUT_S)


def send_when_terminated() -> None:
    """SIGTERM ends a Python process at once, unless the host handles it: then everything is left to the host."""
    with _GUARD:
        in_main = threading.current_thread() is threading.main_thread()
        if in_main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, _terminated)


def _terminated(number: int, _: FrameType | None) -> None:
    # The main thread was stopped anywhere, also where it holds a lock: it only waits here, and not for ever.
    sent = _thread.allocate_lock()
    sent.acquire()
    try:
        _thread.start_new_thread(_flush_and_tell, (sent,))
        sent.acquire(timeout=TIMEOUT_S + 0.5)
    finally:
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)


def _flush_and_tell(sent: _thread.LockType) -> None:
    try:
        flush()
    finally:
        sent.release()


def watch_servers() -> None:
    """uvicorn sends itself the signal that stopped it, when it has shut down: that is the end, without `atexit`."""
    Imports(_wrap_server, lambda name: None).watch(["uvicorn.server"])


def _wrap_server(module: ModuleType) -> None:
    server: Any = getattr(module, "Server", None)
    shutdown = getattr(server, "shutdown", None)
    if shutdown is not None and not hasattr(shutdown, "__wrapped__"):
        server.shutdown = _then_flush(shutdown)


def _then_flush(shutdown: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(shutdown)
    async def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return await shutdown(*args, **kwargs)
        finally:
            flush()

    return call


class _Children:
    """What multiprocessing remembers a hook by."""


_CHILDREN = _Children()


def watch_workers() -> None:
    """A worker of multiprocessing ends without `atexit`: what it still has is sent by its own way of ending."""
    util.register_after_fork(_CHILDREN, _settle_at_exit)
    if multiprocessing.parent_process() is not None:
        # It is a worker already, and imported the platform only now.
        _settle_at_exit(_CHILDREN)


def _settle_at_exit(_: _Children) -> None:
    with _GUARD:
        util.Finalize(None, _settle, exitpriority=0)


def _settle() -> None:
    """Send all and stop. A pool that is terminated sends SIGTERM while its workers do this: it ends them afterwards."""
    with _GUARD:
        asked: list[int] = []
        ours = signal.getsignal(signal.SIGTERM) is _terminated
        if ours:
            signal.signal(signal.SIGTERM, lambda number, _: asked.append(number))
        try:
            if pipeline._live is not None:
                pipeline._live.shutdown()
        finally:
            if ours:
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
            for number in asked:
                os.kill(os.getpid(), number)
