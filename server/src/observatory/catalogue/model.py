"""What the catalogue holds: services, groups, areas and their objectives. Immutable."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from observatory.errors import ObservatoryError

Priority = Literal["P0", "P1", "P2", "P3"]


class CatalogueError(ObservatoryError):
    """The catalogue's data contradicts itself, or was asked for what it does not hold. The message says where."""


@dataclass(frozen=True, slots=True)
class Objective:
    """What a service promises.

    Attributes:
        availability_ratio: share of calls that must succeed, above 0 and at most 1.
        latency_ms: what 95 of 100 calls must stay under, in milliseconds.
    """

    availability_ratio: float
    latency_ms: float


@dataclass(frozen=True, slots=True)
class Area:
    """One of the ten monitored areas. `objective` is the default of its services."""

    id: str
    name: str
    priority: Priority
    sentence: str
    objective: Objective


@dataclass(frozen=True, slots=True)
class Service:
    """One service of the platform.

    Attributes:
        id: the value of `observatory.service` in its telemetry.
        group: the name of its group, as `Group.name`.
        area: the id of its monitored area, as `Area.id`.
        priority: its area's priority.
        dependencies: ids of the services that it calls.
        runbook: slug of its runbook's page.
        sentence: what it does.
        shares: the service whose code stands for it in the platform; None when it has code of its own.
        fact: name of the fact or metric that it reports; empty when none is named.
        indicator: id of an indicator that is measured on it; empty when none is named.
    """

    id: str
    name: str
    group: str
    area: str
    priority: Priority
    objective: Objective
    dependencies: tuple[str, ...]
    runbook: str
    sentence: str
    shares: str | None = None
    fact: str = ""
    indicator: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """One of the ten groups of the inventory, with the ids of its services."""

    name: str
    sentence: str
    services: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The services, areas and groups, each in the catalogue's order."""

    services: tuple[Service, ...]
    areas: tuple[Area, ...]
    groups: tuple[Group, ...]
    _services: Mapping[str, Service] = field(init=False, repr=False, compare=False)
    _areas: Mapping[str, Area] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_services", {service.id: service for service in self.services})
        object.__setattr__(self, "_areas", {area.id: area for area in self.areas})

    def __contains__(self, service_id: object) -> bool:
        return service_id in self._services

    def service(self, service_id: str) -> Service:
        """The service with this id; CatalogueError when there is none."""
        try:
            return self._services[service_id]
        except KeyError:
            raise CatalogueError(f"no service {service_id!r} in the catalogue") from None

    def area(self, area_id: str) -> Area:
        """The area with this id; CatalogueError when there is none."""
        try:
            return self._areas[area_id]
        except KeyError:
            known = ", ".join(self._areas)
            raise CatalogueError(f"no area {area_id!r} in the catalogue; there are {known}") from None

    def services_of(self, area_id: str) -> tuple[Service, ...]:
        """The services of one area, in the catalogue's order; CatalogueError for an unknown area."""
        area = self.area(area_id)
        return tuple(service for service in self.services if service.area == area.id)
