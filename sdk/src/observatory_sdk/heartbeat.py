"""A sign of life of each registered service, also when it has nothing to do."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from threading import Lock

from opentelemetry.metrics import CallbackOptions, Observation

from observatory_sdk.conventions import common
from observatory_sdk.guard import Guard

EVERY_S = 15.0
# The reader comes by every 5 s and never on the dot: a point that is due within half of that goes out now.
EARLY_S = 2.5

_GUARD = Guard("heartbeat")


@dataclass(slots=True)
class _Beat:
    registered_at: float
    sent_at: float | None = None


class Heartbeats:
    """Which services are loaded here, and which of them owe a point. `now`: monotonic seconds."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = Lock()
        self._beats: dict[str, _Beat] = {}

    def register(self, services: Iterable[str]) -> None:
        """Report these from now on; once registered, again is nothing."""
        with self._lock:
            for service in services:
                self._beats.setdefault(service, _Beat(self._now()))

    def due(self) -> list[tuple[str, float]]:
        """Services that owe a point, each with the seconds since it was registered."""
        now = self._now()
        with self._lock:
            late = [
                (service, beat)
                for service, beat in self._beats.items()
                if beat.sent_at is None or now - beat.sent_at >= EVERY_S - EARLY_S
            ]
            for _, beat in late:
                beat.sent_at = now
            return [(service, now - beat.registered_at) for service, beat in late]

    def observe(self, _: CallbackOptions) -> Iterable[Observation]:
        """For an observable gauge: one point for each service that owes one."""
        with _GUARD:
            return [Observation(age, {common.SERVICE.name: service}) for service, age in self.due()]
        return []

    def forget(self) -> None:
        """Owe every point anew: another exporter begins."""
        with self._lock:
            for beat in self._beats.values():
                beat.sent_at = None


HEARTBEATS = Heartbeats()


def register(*services: str) -> None:
    """From now on each of these services (ids of the catalogue) sends a heartbeat every 15 s, also when idle."""
    with _GUARD:
        if not all(isinstance(service, str) and service for service in services):
            raise TypeError("register takes ids of services")
        HEARTBEATS.register(services)
