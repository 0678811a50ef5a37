"""A sign of life of each registered service, also when it has nothing to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from threading import Lock

from opentelemetry.metrics import CallbackOptions, Observation

from observatory_sdk import clock
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

    def __init__(self, now: Callable[[], float] = clock.steady_s) -> None:
        self._now = now
        self._lock = Lock()
        self._beats: dict[str, _Beat] = {}
        self._paused = False

    def register(self, services: Iterable[str]) -> list[str]:
        """Report these from now on; once registered, again is nothing. Returns those that are new."""
        with self._lock:
            new = [service for service in dict.fromkeys(services) if service not in self._beats]
            self._beats.update((service, _Beat(self._now())) for service in new)
            return new

    def unregister(self, services: Iterable[str]) -> None:
        """Report these no more."""
        with self._lock:
            for service in services:
                self._beats.pop(service, None)

    def clear(self) -> None:
        """Report nobody any more."""
        with self._lock:
            self._beats.clear()

    def due(self) -> list[tuple[str, float]]:
        """Services that owe a point, each with the seconds since it was registered."""
        now = self._now()
        with self._lock:
            if self._paused:
                return []
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

    def restart(self) -> None:
        """Count the age of each from now: the clock is another one."""
        with self._lock:
            for beat in self._beats.values():
                beat.registered_at, beat.sent_at = self._now(), None

    def pause(self) -> None:
        """Report nobody until `forget`: this process has the services loaded, and others run them."""
        with self._lock:
            self._paused = True

    def forget(self) -> None:
        """Owe every point anew: another exporter begins."""
        with self._lock:
            self._paused = False
            for beat in self._beats.values():
                beat.sent_at = None


HEARTBEATS = Heartbeats()


def register(*services: str) -> None:
    """From now on each of these services (ids of the catalogue) sends a heartbeat every 15 s, also when idle."""
    with _GUARD:
        if not all(isinstance(service, str) and service for service in services):
            raise TypeError("register takes ids of services")
        HEARTBEATS.register(services)
