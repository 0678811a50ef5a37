"""Metrics of services on one grid of times, as a matrix."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from observatory.analytics.samples import Floats
from observatory.diagnose.kinds import Kind, kind

_NOW_AND_THEN = 4
# One series; arrays and lists alike.
Numbers = Sequence[float | None] | Floats
Rows = np.ndarray[tuple[int, ...], np.dtype[np.int64]]
Flags = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]


@dataclass(frozen=True, slots=True)
class Grid:
    """Series by time.

    Attributes:
        times: seconds since 1970, rising.
        services: their names, in order; `owner` is the place of each row's service in it.
        metrics, kinds: of each row.
        values: rows by times; NaN where there is none.
        units: of each row, a power of two that no value of it is much beyond.
        run: so many points in a row are one reading, as series are told more often than they are read.
        filled: the values in their unit, gaps taken from what was before (the beginning from what came first).
    """

    times: Floats
    services: tuple[str, ...]
    owner: Rows
    metrics: tuple[str, ...]
    kinds: tuple[Kind, ...]
    values: Floats
    units: Floats
    filled: Floats
    run: int

    def only(self, rows: Rows) -> Grid:
        """Some of the rows."""
        places = [int(row) for row in rows]
        return replace(
            self,
            owner=self.owner[rows],
            metrics=tuple(self.metrics[n] for n in places),
            kinds=tuple(self.kinds[n] for n in places),
            values=self.values[rows],
            units=self.units[rows],
            filled=self.filled[rows],
        )

    def of(self, *kinds: Kind) -> Flags:
        """Which rows are of these kinds."""
        return np.asarray([each in kinds for each in self.kinds], dtype=bool)


def build(
    metrics: Mapping[str, Mapping[str, Numbers]],
    times: Sequence[float] | Floats,
    more: Sequence[str] = (),
) -> Grid:
    """Puts series on one grid. What is no number (None, NaN, infinite) is a gap.

    Args:
        metrics: by service, by name, one value for each of `times`.
        times: seconds since 1970, in any order; of equal ones the last counts.
        more: names of services that have no metric.

    Raises:
        ValueError: times that are no numbers, or a series of another length, which the sentence names.
    """
    given = moments(times)
    order = np.argsort(given, kind="stable")
    order = order[np.append(np.diff(given[order]) > 0, True)] if given.size else order
    # In order of their names, so that the order in which they were given decides nothing.
    found = [(service, name) for service in sorted(metrics) for name in sorted(metrics[service])]
    values = np.full((len(found), order.size), math.nan)
    for row, (service, name) in enumerate(found):
        values[row] = _numbers(metrics[service][name], given.size, f"{service}.{name}")[order]
    units = _units(values)
    filled = _filled(values) / units[:, None]
    services = tuple(sorted(set(metrics) | set(more)))
    place = {service: n for n, service in enumerate(services)}
    return Grid(
        times=given[order],
        services=services,
        owner=np.asarray([place[service] for service, _ in found], dtype=np.int64),
        metrics=tuple(name for _, name in found),
        kinds=tuple(kind(name) for _, name in found),
        values=values,
        units=units,
        filled=filled,
        run=_run(filled),
    )


def moments(times: Sequence[float] | Floats) -> Floats:
    """Times as an array.

    Raises:
        ValueError: they are no finite numbers.
    """
    try:
        found = np.asarray(times, dtype=float)
    except (TypeError, ValueError):
        raise ValueError("times: one of them is no number") from None
    if found.ndim != 1 or not np.all(np.isfinite(found)):
        raise ValueError("times: must be a row of finite numbers")
    return found


def _numbers(values: Numbers, size: int, name: str) -> Floats:
    try:
        found = np.array(values, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(f"metrics: {name} holds something that is no number") from None
    if found.shape != (size,):
        raise ValueError(f"metrics: {name} has {found.size} values for {size} times")
    found[~np.isfinite(found)] = math.nan
    return found


def _run(filled: Floats) -> int:
    """The median over the series that move now and then; what changed its level a few times is no reading."""
    if not filled.size or filled.shape[1] < 4:
        return 1
    moving = np.quantile(filled, 0.25, axis=1) != np.quantile(filled, 0.75, axis=1)
    changes = np.count_nonzero(np.diff(filled, axis=1), axis=1)
    moving &= changes >= _NOW_AND_THEN
    if not moving.any():
        return 1
    return max(1, round(float(np.median(filled.shape[1] / (changes[moving] + 1)))))


def _units(values: Floats) -> Floats:
    """Powers of two, so that dividing by them loses no digit, and neither huge nor tiny values run over."""
    greatest = np.max(np.abs(values), axis=1, initial=0.0, where=np.isfinite(values))
    return np.asarray(np.ldexp(1.0, np.frexp(np.where(greatest > 0, greatest, 1.0))[1] - 1), dtype=float)


def _filled(values: Floats) -> Floats:
    """Gaps closed forwards, then backwards; 0 where there is nothing at all."""
    if not values.size:
        return values
    known = np.isfinite(values)
    places = np.where(known, np.arange(values.shape[1]), -1)
    last = np.maximum.accumulate(places, axis=1)
    first = np.argmax(known, axis=1)[:, None]
    taken = np.take_along_axis(values, np.where(last >= 0, last, first), axis=1)
    return np.where(np.isfinite(taken), taken, 0.0)
