"""The ten areas: what is measured in each, as folders of facts, indicators and a view.

for definition in load():
    definition.facts                                     # DDL for the store
    readings = await read(definition, reader, now)       # by environment
    shape(definition, readings["production"], alive, now)
"""

from __future__ import annotations

from functools import cache

from observatory import catalogue
from observatory.areas import definition
from observatory.areas.assess import Assessment, absent, read, services_alive, shape
from observatory.areas.definition import Definition, DefinitionError, View
from observatory.areas.presence import alive
from observatory.areas.readings import Readings

__all__ = [
    "Assessment",
    "Definition",
    "DefinitionError",
    "Readings",
    "View",
    "absent",
    "alive",
    "facts",
    "load",
    "read",
    "services_alive",
    "shape",
]


@cache
def load() -> tuple[Definition, ...]:
    """The areas of the catalogue, in its order. Read once.

    Raises:
        DefinitionError: an area's folder contradicts itself.
    """
    return tuple(definition.load(area.id) for area in catalogue.load().areas)


def facts() -> tuple[str, ...]:
    """The facts of every area, for the store to apply."""
    return tuple(each.facts for each in load())
