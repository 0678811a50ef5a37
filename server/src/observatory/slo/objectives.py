"""What each service and each area promises, from the catalogue."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from observatory.catalogue import Catalogue


class Measure(StrEnum):
    """What is promised of a call: that it succeeds, or that it does not take longer than its service may."""

    AVAILABILITY = "availability"
    LATENCY = "latency"


# The catalogue's `latency_ms` is what 95 of 100 calls must stay under.
IN_TIME_RATIO = 0.95


@dataclass(frozen=True, slots=True)
class Objective:
    """A promise on a share of the calls.

    Attributes:
        id: `service:<id>` or `area:<id>`, with `:latency` behind it for one on durations.
        kind: `service` or `area`.
        subject: the service's or the area's id.
        name: what people call it.
        promised_ratio: share of calls that must be good.
        services: whose calls count.
        measure: what makes a call good.
        latency_ms: what a call may take; None for an area, where each service has its own, and without such a promise.
    """

    id: str
    kind: str
    subject: str
    name: str
    promised_ratio: float
    services: tuple[str, ...]
    measure: Measure = Measure.AVAILABILITY
    latency_ms: float | None = None

    @property
    def allowed_ratio(self) -> float:
        """Share of calls that need not be."""
        return 1 - self.promised_ratio


def objectives(catalogue: Catalogue) -> Iterator[Objective]:
    """The areas', then the services', each in the catalogue's order, and of each first that calls succeed."""
    for area in catalogue.areas:
        members = tuple(service.id for service in catalogue.services_of(area.id))
        if members:
            yield from _both("area", area.id, area.name, area.objective.availability_ratio, members, None)
    for service in catalogue.services:
        promised = service.objective
        own = (service.id,)
        yield from _both("service", service.id, service.name, promised.availability_ratio, own, promised.latency_ms)


def _both(
    kind: str, subject: str, name: str, availability_ratio: float, services: tuple[str, ...], latency_ms: float | None
) -> Iterator[Objective]:
    yield Objective(f"{kind}:{subject}", kind, subject, name, availability_ratio, services)
    latency = f"{kind}:{subject}:latency"
    yield Objective(latency, kind, subject, name, IN_TIME_RATIO, services, Measure.LATENCY, latency_ms)
