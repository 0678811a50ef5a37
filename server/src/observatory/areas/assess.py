"""One area in one round: read its query, derive, fill in measured zeros, shape its view."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation

from observatory.areas import select
from observatory.areas.definition import Definition
from observatory.areas.readings import Readings
from observatory.model import Field, Indicator, LoadState, Measurement, Reading, ServiceSight, Value
from observatory.store import Reader

_MONEY = ("usd", "{credit}")
_COUNTS = ("1", "{token}", "By")


@dataclass(frozen=True, slots=True)
class Assessment:
    """What an area measured in one environment: its readings, and its view's fields by API name."""

    readings: tuple[Reading, ...]
    fields: Mapping[str, Field]


async def read(definition: Definition, reader: Reader, at: datetime) -> Mapping[str, tuple[Reading, ...]]:
    """Run the area's one query; its readings by environment.

    Raises:
        StoreError: the store refused the query or took too long.
    """
    rows = await reader.read(select.render(definition), {"now_ns": select.nanoseconds(at)})
    parts = select.parts(definition)
    found: dict[str, list[Reading]] = {}
    for place, environment, member, *columns in rows.rows:
        readings = found.setdefault(str(environment), [])
        for indicator, value, samples, judged, estimated in zip(parts[place], *columns, strict=True):
            measured = _measurement(indicator, value, samples, bool(estimated), at)
            readings.append(Reading(indicator.id, str(member), measured, bool(judged)))
    return {environment: tuple(readings) for environment, readings in found.items()}


def shape(
    definition: Definition,
    readings: Iterable[Reading],
    alive: Collection[str],
    at: datetime,
) -> Assessment:
    """Derive what is derived, fill in what a fresh heartbeat proves to be 0, and make the view.

    Args:
        definition: the area.
        readings: what its query returned for the environment; may be empty.
        alive: services whose heartbeat is fresh, among them those in `Indicator.zero_from`.
        at: end of the windows.
    """
    measured = Readings(definition.id, readings)
    derived = Readings(definition.id, (*measured, *definition.view.derive(measured, at)))
    settled = Readings(definition.id, _settled(definition, derived, alive, at))
    return Assessment(tuple(settled), _fields(definition, settled, at))


def services_alive(definition: Definition, sights: Iterable[ServiceSight], at: datetime) -> Reading:
    """The area's own share of loaded services that are alive; a service that was never loaded does not count."""
    indicator = definition.indicators[f"{definition.id}.services_alive_ratio"]
    loaded = [sight for sight in sights if sight.load_state is not LoadState.NEVER_LOADED]
    share = sum(sight.load_state.present for sight in loaded) / len(loaded) if loaded else None
    measured = Measurement(share, indicator.unit, len(loaded), indicator.window_s, at, indicator.source)
    return Reading(indicator.id, "", measured)


def absent(indicator: Indicator, at: datetime) -> Measurement:
    """The measurement of an indicator for which there is nothing to measure."""
    return Measurement(None, indicator.unit, 0, indicator.window_s, at, indicator.source)


def _settled(definition: Definition, readings: Readings, alive: Collection[str], at: datetime) -> Iterator[Reading]:
    yield from (reading for reading in readings if reading.member or reading.measurement.known)
    for indicator in definition.indicators.values():
        name = indicator.id.removeprefix(f"{definition.id}.")
        seen = readings.whole(name)
        if indicator.group_by or (seen is not None and seen.known):
            continue
        # What was seen and has no number, such as a call without a price, is not nothing.
        zero = None if seen is not None and seen.samples else _zero(indicator, alive, at)
        yield Reading(indicator.id, "", zero or seen or absent(indicator, at))


def _zero(indicator: Indicator, alive: Collection[str], at: datetime) -> Measurement | None:
    """0 as a measured number: nothing was reported, and those who would have reported it are alive."""
    emitters = indicator.zero_from
    if not emitters or not all(name in alive for name in emitters):
        return None
    zero: Value = Decimal(0) if indicator.unit in _MONEY else 0
    source = f"{indicator.source}: none, heartbeat of {' and '.join(emitters)}"
    return Measurement(zero, indicator.unit, 0, indicator.window_s, at, source)


def _fields(definition: Definition, readings: Readings, at: datetime) -> Mapping[str, Field]:
    view = definition.view
    numbers = {
        field: readings.whole(name) or absent(definition.indicators[f"{definition.id}.{name}"], at)
        for field, name in view.numbers.items()
    }
    return {**numbers, **{field: names(readings, at) for field, names in view.lists.items()}}


def _measurement(indicator: Indicator, value: object, samples: int, estimated: bool, at: datetime) -> Measurement:
    number = _number(value, indicator.unit) if samples else None
    return Measurement(number, indicator.unit, samples, indicator.window_s, at, indicator.source, estimated)


def _number(value: object, unit: str) -> Value | None:
    """The number in the text of a row; None for NULL and for what is not finite, such as 0/0."""
    if value is None:
        return None
    text = str(value)
    try:
        if unit in _MONEY:
            amount = Decimal(text)
            return amount if amount.is_finite() else None
        if unit in _COUNTS:
            return int(text)
        number = float(text)
    except (ValueError, InvalidOperation):
        return None
    return number if math.isfinite(number) else None
