"""What each service and each area promises, from the catalogue."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from observatory.catalogue import Catalogue


@dataclass(frozen=True, slots=True)
class Objective:
    """A promise on the share of calls that succeed.

    Attributes:
        id: `service:<id>` or `area:<id>`.
        kind: `service` or `area`.
        subject: the service's or the area's id.
        name: what people call it.
        availability_ratio: share of calls that must succeed.
        services: whose calls count.
    """

    id: str
    kind: str
    subject: str
    name: str
    availability_ratio: float
    services: tuple[str, ...]

    @property
    def allowed_ratio(self) -> float:
        """Share of calls that may fail."""
        return 1 - self.availability_ratio


def objectives(catalogue: Catalogue) -> Iterator[Objective]:
    """The areas', then the services', each in the catalogue's order."""
    for area in catalogue.areas:
        members = tuple(service.id for service in catalogue.services_of(area.id))
        if members:
            yield Objective(f"area:{area.id}", "area", area.id, area.name, area.objective.availability_ratio, members)
    for service in catalogue.services:
        promised = service.objective.availability_ratio
        yield Objective(f"service:{service.id}", "service", service.id, service.name, promised, (service.id,))
