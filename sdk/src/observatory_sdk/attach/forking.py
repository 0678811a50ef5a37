"""A process that forks, as gunicorn and multiprocessing do: each child reports itself.

OpenTelemetry's providers start their threads anew in a child and give it an instance id of its own. What is left are
the SDK's own locks, which another thread may hold at that moment, its sampler, and connections, which the child would
share with its parent. A parent that only supervises its workers, as gunicorn's and Celery's do, has the services
loaded but runs none of them: it sends no heartbeats in their name.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from observatory_sdk import pipeline
from observatory_sdk.attach import leaving
from observatory_sdk.facts.readings import BOARD
from observatory_sdk.guard import LOSSES, Guard
from observatory_sdk.heartbeat import HEARTBEATS
from observatory_sdk.usage import AT_WORK, CpuSampler

PATIENCE_S = 1.0
# Modules whose code forks workers and does no work itself.
SUPERVISORS = frozenset({"gunicorn.arbiter", "celery.concurrency.prefork"})
MAX_DEPTH = 60
_GUARD = Guard("fork")
_held: list[Any] = []
_left: list[object] = []
_prepared = False
_is_worker = False


def prepare() -> None:
    """From now on forks and ends of processes are looked after; once said, again is nothing."""
    global _prepared
    if not _prepared and hasattr(os, "register_at_fork"):
        _prepared = True
        os.register_at_fork(before=_hold, after_in_parent=_go_on, after_in_child=_begin)
        leaving.watch_workers()
        leaving.watch_servers()


def _locks() -> Iterable[Any]:
    """What other threads may hold at the moment of a fork, and what a child would wait for without end."""
    # By this way, as the package's own name stands for its function.
    attached = getattr(sys.modules.get("observatory_sdk.attach"), "_attached", None)
    if attached is not None:
        yield attached._lock
    providers = None if pipeline._live is None else pipeline._live.providers
    for meter in () if providers is None else (providers.meter, providers.feed_meter):
        # Held while metrics are read, and with it each instrument's own. OpenTelemetry has no public name for it.
        lock = getattr(getattr(meter, "_measurement_consumer", None), "_lock", None)
        if lock is not None:
            yield lock
    yield from (HEARTBEATS._lock, BOARD._lock, LOSSES._lock)


def _hold() -> None:
    with _GUARD:
        _held.extend(lock for lock in _locks() if lock.acquire(timeout=PATIENCE_S))


def _release() -> None:
    while _held:
        _held.pop().release()


def _go_on() -> None:
    _release()
    with _GUARD:
        # A worker's own forks have the supervisor on their stack as well.
        if not _is_worker and _supervises():
            HEARTBEATS.pause()


def _supervises() -> bool:
    """Whether the code that forks is a supervisor's."""
    found = sys._getframe(1)
    for _ in range(MAX_DEPTH):
        if found.f_globals.get("__name__") in SUPERVISORS:
            return True
        if found.f_back is None:
            return False
        found = found.f_back
    return False


def _begin() -> None:
    global _is_worker
    _release()
    with _GUARD:
        _is_worker = _is_worker or _supervises()
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
