"""A process that forks, as gunicorn and multiprocessing do: each child reports itself.

OpenTelemetry's providers start their threads anew in a child and give it an instance id of its own. What is left are
the SDK's own locks, which another thread may hold at that moment, its sampler, and connections, which the child would
share with its parent.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from multiprocessing import util
from threading import Lock
from typing import Any

from observatory_sdk import pipeline
from observatory_sdk.facts.readings import BOARD
from observatory_sdk.guard import LOSSES, Guard
from observatory_sdk.heartbeat import HEARTBEATS
from observatory_sdk.usage import AT_WORK, CpuSampler

PATIENCE_S = 1.0
_GUARD = Guard("fork")
_held: list[Lock] = []
_left: list[object] = []
_prepared = False


def prepare() -> None:
    """From now on forks are looked after; once said, again is nothing."""
    global _prepared
    if not _prepared and hasattr(os, "register_at_fork"):
        _prepared = True
        os.register_at_fork(before=_hold, after_in_parent=_release, after_in_child=_begin)
        util.register_after_fork(_CHILDREN, _settle_at_exit)


class _Children:
    """What multiprocessing remembers a hook by."""


_CHILDREN = _Children()


def _settle_at_exit(_: _Children) -> None:
    """A worker of multiprocessing ends without `atexit`: what it still has is sent by its own way of ending."""
    with _GUARD:
        util.Finalize(None, _settle, exitpriority=0)


def _settle() -> None:
    with _GUARD:
        if pipeline._live is not None:
            pipeline._live.shutdown()


def _locks() -> Iterable[Lock]:
    return (HEARTBEATS._lock, BOARD._lock, LOSSES._lock)


def _hold() -> None:
    _held.extend(lock for lock in _locks() if lock.acquire(timeout=PATIENCE_S))


def _release() -> None:
    while _held:
        _held.pop().release()


def _begin() -> None:
    _release()
    steps: tuple[Callable[[], object], ...] = (LOSSES.forget, HEARTBEATS.forget, AT_WORK.clear, _connect, _sample)
    for step in steps:
        with _GUARD:
            step()


def _sample() -> None:
    live = pipeline._live
    if live is not None and live._held is None:
        live._cpu = CpuSampler()
        live._cpu.start()


def _connect() -> None:
    """Two processes that write into one connection spoil each other's requests: the child makes its own."""
    exporters = None if pipeline._live is None else pipeline._live._exporters
    if exporters is None:
        return
    for outlet in (exporters.spans, exporters.logs, exporters.metrics, exporters.feed_metrics):
        # OpenTelemetry has no public name for it; without the private ones the child shares, as it did before.
        transport = getattr(getattr(getattr(outlet, "_target", None), "_client", None), "_transport", None)
        with suppress(AttributeError):
            old: Any = transport._session  # type: ignore[union-attr]
            # Neither closed nor let go of: a thread that is not here may hold its locks.
            _left.append(old)
            new = type(old)()
            new.verify, new.cert = old.verify, old.cert
            transport._session = new  # type: ignore[union-attr]
