"""How often an area is read: what is judged or shown in every round, the rest in every sixth."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from observatory.areas import select
from observatory.areas.assess import read
from observatory.areas.definition import Definition
from observatory.model import Reading
from observatory.store import Reader

REST_EVERY = 6


class Pace:
    """One area over the rounds. What was not read in this round stands as it was, `as_of` included.

    Args:
        definition: the area.
        place: its place among the areas: they take turns with the rest.
    """

    def __init__(self, definition: Definition, place: int) -> None:
        self._definition = definition
        self._turn = place % REST_EVERY
        self._rounds_left = 0
        self._urgent = {
            indicator.id for part in select.parts(definition) if part.urgent for indicator in part.indicators
        }
        self._rest: Mapping[str, tuple[Reading, ...]] = {}

    async def read(self, reader: Reader, at: datetime, since: datetime) -> Mapping[str, tuple[Reading, ...]]:
        """The area's readings by environment, at most `REST_EVERY` rounds old.

        Raises:
            StoreError: the store refused the query or took too long; the next round reads what this one should have.
        """
        whole = self._rounds_left <= 0
        found = await read(self._definition, reader, at, since, whole)
        self._rounds_left -= 1
        if whole:
            # The first round reads all of every area; from then on each has its turn.
            self._rounds_left = REST_EVERY - 1 - self._turn
            self._turn = 0
            self._rest = {name: self._others(readings) for name, readings in found.items()}
            return found
        names = dict.fromkeys((*found, *self._rest))
        return {name: (*found.get(name, ()), *self._rest.get(name, ())) for name in names}

    def _others(self, readings: tuple[Reading, ...]) -> tuple[Reading, ...]:
        return tuple(each for each in readings if each.indicator not in self._urgent)
