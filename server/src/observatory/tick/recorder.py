"""After a round: every indicator and every snapshot goes into history, once per ten seconds."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from observatory.model import Health, Measurement, Snapshot
from observatory.store import History, Kept, Point
from observatory.store.history import FINEST_S, floor
from observatory.tick.snapshots import Published

# Health as a number, so that its history is a series like any other. Unknown is no number.
_HEALTH: Mapping[Health, float] = {Health.HEALTHY: 0.0, Health.DEGRADED: 1.0, Health.CRITICAL: 2.0}
_SERVICE = ("rate", "error_rate", "p50", "p95", "p99", "errors_by_exception", "errors_by_outcome", "heartbeat_age")
_MINUTE_S = 60

# More points of one round than this are left out: the members that came last.
MOST_POINTS = 50_000

Topology = Callable[[Published], Mapping[str, Any]]


class Recorder:
    """Keeps history.

    Args:
        history: writes it.
        topology: makes the JSON values of the service graph.
        leads: whether this server is the one that keeps history; of several only one does.
    """

    def __init__(self, history: History, topology: Topology, leads: Callable[[], bool] = lambda: True) -> None:
        self._history = history
        self._leads = leads
        self._topology = topology
        self._next: datetime | None = None
        self._next_minute: datetime | None = None

    async def record(self, at: datetime, published: Mapping[str, Published]) -> None:
        """Keep what was published at `at`, unless the last ten seconds were kept already.

        Raises:
            StoreError: the store refused it.
        """
        if not self._leads() or (self._next is not None and at < self._next):
            return
        self._next = floor(at, FINEST_S) + timedelta(seconds=FINEST_S)
        await asyncio.to_thread(self._write, at, published)

    def _write(self, at: datetime, published: Mapping[str, Published]) -> None:
        found = (point for each in published.values() for point in points(each.snapshot))
        self._history.record(at, list(islice(found, MOST_POINTS)))
        kept = [self._kept(each) for each in published.values()]
        self._history.keep(at, kept)
        if self._next_minute is None or at >= self._next_minute:
            self._next_minute = floor(at, _MINUTE_S) + timedelta(seconds=_MINUTE_S)
            self._history.keep(at, kept, _MINUTE_S)
            self._history.roll(at)

    def _kept(self, published: Published) -> Kept:
        topology = json.dumps(self._topology(published), allow_nan=False)
        services = json.dumps(list(published.services), allow_nan=False)
        return Kept(published.snapshot.environment, published.body.decode(), services, topology)


def points(snapshot: Snapshot) -> Iterator[Point]:
    """Everything that a snapshot measured, and its verdicts as numbers (0 healthy, 1 degraded, 2 critical)."""
    name = snapshot.environment
    yield Point(name, "health.overall", "", _HEALTH.get(snapshot.overall.health), 1, 0, False)
    for area in snapshot.areas.values():
        yield Point(name, "health.area", area.id, _HEALTH.get(area.verdict.health), 1, 0, False)
        for reading in area.readings:
            yield _point(name, reading.indicator, reading.member, reading.measurement)
    for service in snapshot.services.values():
        sight = service.sight
        yield Point(name, "health.service", sight.id, _HEALTH.get(service.verdict.health), 1, 0, False)
        for field in _SERVICE:
            yield _point(name, f"services.{field}", sight.id, getattr(sight, field))


def _point(environment: str, indicator: str, member: str, measured: Measurement) -> Point:
    value = None if measured.value is None else float(measured.value)
    return Point(environment, indicator, member, value, measured.samples, measured.window_s, measured.estimated)
