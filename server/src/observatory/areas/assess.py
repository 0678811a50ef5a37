"""One area in one round: read its query, derive, fill in measured zeros, shape its view."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from observatory.analytics import intervals
from observatory.areas import select
from observatory.areas.definition import WILSON, Definition
from observatory.areas.readings import Readings
from observatory.areas.select import Part
from observatory.model import Field, Indicator, LoadState, Measurement, Reading, ServiceSight, Value
from observatory.store import Reader

_MONEY = ("usd", "{credit}")
_UNCOUNTED = (LoadState.NEVER_LOADED, LoadState.UNHEARD)
# Indicators of this window or less follow a range that is asked for.
BASE_WINDOW_S = 300
_COUNTS = ("1", "{token}", "By")


@dataclass(frozen=True, slots=True)
class Assessment:
    """What an area measured in one environment: its readings, and its view's fields by API name."""

    readings: tuple[Reading, ...]
    fields: Mapping[str, Field]


@dataclass(frozen=True, slots=True)
class Span:
    """A range of event time to look at.

    Attributes:
        end: its end, aware.
        window_s: its length in seconds.
        listening: since when the server listens.
    """

    end: datetime
    window_s: int
    listening: datetime

    @property
    def start(self) -> datetime:
        """Its start."""
        return self.end - timedelta(seconds=self.window_s)


async def read(
    definition: Definition, reader: Reader, at: datetime, since: datetime, whole: bool = True
) -> Mapping[str, tuple[Reading, ...]]:
    """Run the area's one query; its readings by environment.

    Args:
        definition: the area.
        reader: reads the telemetry store.
        at: end of the windows.
        since: since when the server listens.
        whole: whether to read what is neither judged nor shown in the area's entry, too.

    Raises:
        StoreError: the store refused the query or took too long.
    """
    rows = await reader.read(select.render(definition, whole), select.parameters(definition, at, since))
    return decode(select.parts(definition), rows.rows, at)


async def read_some(
    definition: Definition, reader: Reader, names: frozenset[str], at: datetime, since: datetime
) -> Mapping[str, tuple[Reading, ...]]:
    """Some indicators in every environment, over their own windows; readings by environment.

    Raises:
        StoreError: the store refused the query or took too long.
    """
    parts = select.parts(definition, names)
    if not parts:
        return {}
    rows = await reader.read(select.render_every(definition, names), select.parameters(definition, at, since))
    return decode(parts, rows.rows, at)


async def read_range(
    definition: Definition, reader: Reader, names: frozenset[str], environment: str, span: Span
) -> tuple[Reading, ...]:
    """Some indicators of one environment over a range of time instead of their own first window.

    One whose own window is longer than the range keeps its own: the state of an order that was lost yesterday is no
    matter of the last hour. `Measurement.window_s` says which it was.

    Raises:
        StoreError: the store refused the query or took too long.
    """
    windows = {definition.indicators[name].window_s for name in names}
    lengths_s = {own_s: span.window_s if own_s <= BASE_WINDOW_S else max(own_s, span.window_s) for own_s in windows}
    ranged = frozenset(own_s for own_s, took_s in lengths_s.items() if took_s == span.window_s)
    bound = {
        "now": select.text(span.end),
        "listening": select.text(span.listening),
        "environment": environment,
        "since_0": select.text(span.start),
        **{f"since_{own_s}": select.text(span.end - timedelta(seconds=took_s)) for own_s, took_s in lengths_s.items()},
    }
    passes = (reader.read(sql, bound) for sql in select.render_some(definition, names, ranged))
    rows = [row for found in await asyncio.gather(*passes) for row in found.rows]
    return decode(select.parts(definition, names, ranged), rows, span.end, lengths_s).get(environment, ())


def decode(
    parts: Sequence[Part], rows: Iterable[Sequence[Any]], at: datetime, lengths_s: Mapping[int, int] | None = None
) -> Mapping[str, tuple[Reading, ...]]:
    """The readings of a query's rows by environment. `lengths_s`: what was looked at in place of an own window."""
    found: dict[str, list[Reading]] = {}
    for place, whole, environment, member, texts in rows:
        columns = dict(zip(parts[place].columns, texts[1:-1].split(","), strict=True))
        readings = (
            _reading(indicator, str(member), columns, at, (lengths_s or {}).get(indicator.window_s, indicator.window_s))
            for indicator in parts[place].of(bool(whole))
        )
        found.setdefault(str(environment), []).extend(readings)
    return {environment: tuple(readings) for environment, readings in found.items()}


def shape(
    definition: Definition,
    readings: Iterable[Reading],
    alive: Collection[str],
    at: datetime,
    since: datetime,
) -> Assessment:
    """Derive what is derived, fill in what a fresh heartbeat proves to be 0, and make the view.

    Args:
        definition: the area.
        readings: what its query returned for the environment; may be empty.
        alive: services whose heartbeat is fresh, among them those in `Indicator.zero_from`.
        at: end of the windows.
        since: since when the server listens.
    """
    measured = Readings(definition.id, readings)
    derived = Readings(definition.id, (*measured, *definition.view.derive(measured, at)))
    settled = Readings(definition.id, _settled(definition, derived, alive, (since, at)))
    return Assessment(tuple(settled), _fields(definition, settled, at))


def services_alive(definition: Definition, sights: Iterable[ServiceSight], at: datetime) -> Reading:
    """The area's own share of loaded services that are alive.

    A service that was never loaded does not count, nor does one that the server has not listened to for long enough.
    """
    indicator = definition.indicators[f"{definition.id}.services_alive_ratio"]
    loaded = [sight for sight in sights if sight.load_state not in _UNCOUNTED]
    share = sum(sight.load_state.present for sight in loaded) / len(loaded) if loaded else None
    measured = Measurement(share, indicator.unit, len(loaded), indicator.window_s, at, indicator.source)
    return Reading(indicator.id, "", measured)


def absent(indicator: Indicator, at: datetime) -> Measurement:
    """The measurement of an indicator for which there is nothing to measure."""
    return Measurement(None, indicator.unit, 0, indicator.window_s, at, indicator.source)


def _settled(
    definition: Definition, readings: Readings, alive: Collection[str], listened: tuple[datetime, datetime]
) -> Iterator[Reading]:
    yield from (reading for reading in readings if reading.member or reading.measurement.known)
    for indicator in definition.indicators.values():
        name = indicator.id.removeprefix(f"{definition.id}.")
        seen = readings.whole(name)
        if indicator.group_by or (seen is not None and seen.known):
            continue
        # What was seen and has no number, such as a call without a price, is not nothing.
        zero = None if seen is not None and seen.samples else _zero(indicator, alive, listened)
        yield Reading(indicator.id, "", zero or seen or absent(indicator, listened[1]))


def _zero(indicator: Indicator, alive: Collection[str], listened: tuple[datetime, datetime]) -> Measurement | None:
    """0 as a measured number: nothing was reported, and those who would have reported it are alive.

    It holds for the time for which the server has listened.
    """
    emitters = indicator.zero_from
    if not emitters or not all(name in alive for name in emitters):
        return None
    since, at = listened
    zero: Value = Decimal(0) if indicator.unit in _MONEY else 0
    window_s = min(indicator.window_s, math.ceil((at - since).total_seconds()))
    source = f"{indicator.source}, without rows while the heartbeat of {' and '.join(emitters)} is fresh"
    return Measurement(zero, indicator.unit, 0, window_s, at, source)


def _fields(definition: Definition, readings: Readings, at: datetime) -> Mapping[str, Field]:
    view = definition.view
    numbers = {
        field: readings.whole(name) or absent(definition.indicators[f"{definition.id}.{name}"], at)
        for field, name in view.numbers.items()
    }
    return {**numbers, **{field: names(readings, at) for field, names in view.lists.items()}}


def _reading(indicator: Indicator, member: str, columns: Mapping[str, str], at: datetime, window_s: int) -> Reading:
    """What a row says of one indicator; its columns' texts are found by their SQL."""
    samples = int(_plain(columns[indicator.samples]) or 0)
    value = _number(columns[indicator.value], indicator.unit) if samples else None
    estimated = bool(_plain(columns[indicator.estimated_if]))
    interval = _interval(indicator, columns, value, samples)
    measured = Measurement(value, indicator.unit, samples, window_s, at, indicator.source, estimated, interval)
    judged, needs_s = _plain(columns[indicator.judged_if]), _plain(columns[indicator.needs_s])
    return Reading(indicator.id, member, measured, bool(judged), needs_s or 0.0)


def _interval(
    indicator: Indicator, columns: Mapping[str, str], value: Value | None, samples: int
) -> tuple[float, float] | None:
    if value is None or not indicator.interval:
        return None
    if indicator.interval == (WILSON,):
        return intervals.wilson(float(value), samples)
    low, high = (_plain(columns[end]) for end in indicator.interval)
    return None if low is None or high is None else (low, high)


def _plain(text: str) -> float | None:
    """The number in the text of a column; None for NULL and for what is not finite, such as 0/0."""
    if text == "NULL":
        return None
    number = float(text)
    return number if math.isfinite(number) else None


def _number(text: str, unit: str) -> Value | None:
    if unit in _MONEY:
        return Decimal(text) if _plain(text) is not None else None
    number = _plain(text)
    # A float would round a count of tokens beyond 2^53.
    return int(text) if number is not None and text.lstrip("-").isdigit() and unit in _COUNTS else number
