"""Reads the catalogue's data and refuses what contradicts itself, naming the place."""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import cast, get_args

import yaml

from observatory.catalogue.model import Area, Catalogue, CatalogueError, Group, Objective, Priority, Service

_ID = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_SLUG = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_PRIORITIES: tuple[str, ...] = get_args(Priority)


@cache
def load() -> Catalogue:
    """The catalogue that comes with the package. Read once.

    Raises:
        CatalogueError: the data contradicts itself; the message names the entry and the field.
    """
    room = files(__package__)
    return decode(
        areas=room.joinpath("areas.yaml").read_text(encoding="utf-8"),
        services=room.joinpath("services.yaml").read_text(encoding="utf-8"),
    )


def decode(*, areas: str, services: str) -> Catalogue:
    """A catalogue from the text of its two files.

    Args:
        areas: YAML with `priorities` (name to objective) and `areas`.
        services: YAML with `groups`, each with its `services`.

    Raises:
        CatalogueError: the text is no YAML, an entry lacks a field or has a bad one, an id stands twice,
            or an area or dependency is named that does not exist.
    """
    area_document = _document(areas, "areas.yaml")
    group_document = _document(services, "services.yaml")
    area_list = tuple(_areas(area_document))
    _refuse_twice("area", (area.id for area in area_list))
    areas_by_id = {area.id: area for area in area_list}
    groups: list[Group] = []
    service_list: list[Service] = []
    for entry in _entries(group_document, "groups", "services.yaml"):
        group = _text(entry, "name", "a group")
        members = [_service(row, group, areas_by_id) for row in _entries(entry, "services", f"group {group!r}")]
        groups.append(Group(group, _text(entry, "sentence", f"group {group!r}"), tuple(s.id for s in members)))
        service_list.extend(members)
    _refuse_twice("group", (group.name for group in groups))
    _refuse_twice("service", (service.id for service in service_list))
    _refuse_unknown_dependencies(service_list)
    return Catalogue(services=tuple(service_list), areas=area_list, groups=tuple(groups))


def _areas(document: Mapping[str, object]) -> Iterator[Area]:
    defaults = document.get("priorities")
    if not isinstance(defaults, dict) or set(defaults) != set(_PRIORITIES):
        raise CatalogueError(f"areas.yaml: priorities must be exactly {', '.join(_PRIORITIES)}")
    objectives = {name: _objective(value, None, f"priority {name}") for name, value in defaults.items()}
    for entry in _entries(document, "areas", "areas.yaml"):
        area_id = _matching(entry, "id", _ID, "an area")
        where = f"area {area_id!r}"
        priority = _text(entry, "priority", where)
        if priority not in objectives:
            raise CatalogueError(f"{where}: priority is {priority!r}, must be one of {', '.join(_PRIORITIES)}")
        yield Area(
            id=area_id,
            name=_text(entry, "name", where),
            priority=cast(Priority, priority),
            sentence=_text(entry, "sentence", where),
            objective=objectives[priority],
        )


def _service(entry: Mapping[str, object], group: str, areas: Mapping[str, Area]) -> Service:
    service_id = _matching(entry, "id", _ID, f"a service of group {group!r}")
    where = f"service {service_id!r}"
    area_id = _text(entry, "area", where)
    if area_id not in areas:
        raise CatalogueError(f"{where}: no area {area_id!r}; there are {', '.join(areas)}")
    area = areas[area_id]
    return Service(
        id=service_id,
        name=_text(entry, "name", where),
        group=group,
        area=area.id,
        priority=area.priority,
        objective=_objective(entry.get("objective", {}), area.objective, where),
        dependencies=_texts(entry, "dependencies", where),
        runbook=_matching(entry, "runbook", _SLUG, where),
        sentence=_text(entry, "sentence", where),
        shares=_text(entry, "shares", where) if "shares" in entry else None,
        **_owns(entry.get("owns", {}), where),
    )


def _owns(value: object, where: str) -> Mapping[str, str]:
    if not isinstance(value, dict) or (value and set(value) != {"fact", "indicator"}):
        raise CatalogueError(f"{where}: owns must hold fact and indicator, not {value!r}")
    return {name: _text(value, name, where) for name in value}


def _objective(value: object, default: Objective | None, where: str) -> Objective:
    if not isinstance(value, dict) or not set(value) <= {"availability_ratio", "latency_ms"}:
        raise CatalogueError(f"{where}: objective may hold availability_ratio and latency_ms, not {value!r}")
    availability_ratio = _number(value.get("availability_ratio", default and default.availability_ratio))
    latency_ms = _number(value.get("latency_ms", default and default.latency_ms))
    if availability_ratio is None or not 0 < availability_ratio <= 1:
        raise CatalogueError(f"{where}: availability_ratio must be above 0 and at most 1 in {value!r}")
    if latency_ms is None or not latency_ms > 0:
        raise CatalogueError(f"{where}: latency_ms must be above 0 in {value!r}")
    return Objective(availability_ratio, latency_ms)


def _document(text: str, name: str) -> Mapping[str, object]:
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise CatalogueError(f"{name} is no YAML: {error}") from error
    if not isinstance(document, dict):
        raise CatalogueError(f"{name} must be a mapping")
    return document


def _entries(holder: Mapping[str, object], key: str, where: str) -> list[Mapping[str, object]]:
    rows = holder.get(key)
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise CatalogueError(f"{where}: {key} must be a list of mappings with at least one entry")
    return rows


def _text(entry: Mapping[str, object], key: str, where: str) -> str:
    value = entry.get(key)
    if not isinstance(value, str) or not value.strip():
        raise CatalogueError(f"{where}: {key} is {value!r}, must be a text")
    return value


def _texts(entry: Mapping[str, object], key: str, where: str) -> tuple[str, ...]:
    values = entry.get(key, [])
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise CatalogueError(f"{where}: {key} is {values!r}, must be a list of ids")
    return tuple(values)


def _matching(entry: Mapping[str, object], key: str, pattern: re.Pattern[str], where: str) -> str:
    value = _text(entry, key, where)
    if not pattern.fullmatch(value):
        raise CatalogueError(f"{where}: {key} is {value!r}, must match {pattern.pattern}")
    return value


def _number(value: object) -> float | None:
    # YAML's true and false are ints to Python; neither is a ratio or a latency.
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _refuse_twice(kind: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise CatalogueError(f"{kind} {name!r} stands twice in the catalogue")
        seen.add(name)


def _refuse_unknown_dependencies(services: Iterable[Service]) -> None:
    services = tuple(services)
    known = {service.id for service in services}
    for service in services:
        unknown = [name for name in service.dependencies if name not in known]
        if unknown:
            raise CatalogueError(f"service {service.id!r}: depends on {', '.join(unknown)}, not in the catalogue")
        if service.id in service.dependencies:
            raise CatalogueError(f"service {service.id!r} depends on itself")
        if service.shares is not None and (service.shares not in known or service.shares == service.id):
            raise CatalogueError(f"service {service.id!r}: shares is {service.shares!r}, must be another service")
