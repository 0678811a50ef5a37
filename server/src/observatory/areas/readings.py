"""One area's readings of one round, in one environment, by indicator."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from observatory.model import Measurement, Reading


class Readings:
    """What the area's query returned.

    Args:
        area: the area's id, which every indicator's id starts with.
        readings: in the order of the query.
    """

    def __init__(self, area: str, readings: Iterable[Reading]) -> None:
        self._area = area
        self._by_indicator: dict[str, dict[str, Reading]] = {}
        for reading in readings:
            self._by_indicator.setdefault(reading.indicator, {})[reading.member] = reading

    def __iter__(self) -> Iterator[Reading]:
        for members in self._by_indicator.values():
            yield from members.values()

    def whole(self, name: str) -> Measurement | None:
        """The area's own value of an indicator, by its name without the area; None when it was not read."""
        reading = self._by_indicator.get(f"{self._area}.{name}", {}).get("")
        return reading.measurement if reading else None

    def members(self, name: str) -> Mapping[str, Measurement]:
        """An indicator's measurements by member, largest sample first."""
        readings = self._by_indicator.get(f"{self._area}.{name}", {})
        return {member: reading.measurement for member, reading in readings.items()}
