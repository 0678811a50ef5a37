"""The series of the benchmark: noise without a fault, faults to put into it, and pasts that have a future."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.random import Generator

STEP_S = 60.0

Values = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
Series = Callable[[Generator, int], Values]


def _memory(random: Generator, count: int, share: float) -> Values:
    found = np.zeros(count)
    for place, each in enumerate(random.normal(size=count)):
        found[place] = share * found[place - 1] + each
    return found


def _wave(count: int, period: float) -> Values:
    return np.asarray(np.sin(2 * np.pi * np.arange(count) / period), dtype=float)


def _minutes(count: int) -> Values:
    return _wave(count, 86_400 / STEP_S)


NOISE: dict[str, Series] = {
    "normal": lambda random, count: random.normal(size=count),
    "uniform": lambda random, count: random.uniform(size=count),
    "Laplace": lambda random, count: random.laplace(size=count),
    "Student, 3 degrees": lambda random, count: random.standard_t(3, size=count),
    "exponential": lambda random, count: random.exponential(size=count),
    "lognormal": lambda random, count: random.lognormal(0, 1, count),
    "counts, 3 a point": lambda random, count: random.poisson(3, count).astype(float),
    "counts, 0.1 a point": lambda random, count: random.poisson(0.1, count).astype(float),
    "counts, 0.01 a point": lambda random, count: random.poisson(0.01, count).astype(float),
    "memory 0.5": lambda random, count: _memory(random, count, 0.5),
    "memory 0.9": lambda random, count: _memory(random, count, 0.9),
    "random walk": lambda random, count: np.cumsum(random.normal(size=count)),
    "trend": lambda random, count: 0.01 * np.arange(count) + random.normal(size=count),
    "season, level": lambda random, count: 50 + 10 * _minutes(count) + random.normal(size=count),
    "season, cost": lambda random, count: (12 + 10 * _minutes(count)) * random.lognormal(0, 0.3, count),
    "latency": lambda random, count: 100 * np.exp(0.5 * _memory(random, count, 0.7)),
    "constant": lambda _, count: np.full(count, 7.0),
}


def _added(away: Callable[[int, Generator], Values], length: int | None = None) -> Callable[..., Values]:
    def spoil(values: Values, at: int, random: Generator) -> Values:
        end = values.size if length is None else at + length
        # Differences of neighbours tell the noise where the level has a season.
        size = float(np.diff(values[:at]).std()) / np.sqrt(2)
        values[at:end] += size * away(end - at, random)
        return values

    return spoil


def _stuck(values: Values, at: int, _: Generator) -> Values:
    values[at:] = values[at]
    return values


BROKEN: dict[str, Callable[[Values, int, Generator], Values]] = {
    "spike of 8 deviations": _added(lambda count, _: np.full(count, 8.0), 1),
    "five low points, 6 deviations": _added(lambda count, _: np.full(count, -6.0), 5),
    "new level, 4 deviations": _added(lambda count, _: np.full(count, 4.0)),
    "drift, 0.05 deviations a point": _added(lambda count, _: np.linspace(0, 0.05 * count, count, endpoint=False)),
    "noise five times as large": _added(lambda count, random: 4.9 * random.normal(size=count)),
    "stuck": _stuck,
}

FUTURES: dict[str, Series] = {
    "level": lambda random, count: 50 + 5 * random.normal(size=count),
    "day": lambda random, count: 100 + 20 * _wave(count, 24) + 5 * random.normal(size=count),
    "day, memory 0.7": lambda random, count: 100 + 20 * _wave(count, 24) + 4 * _memory(random, count, 0.7),
    "day, skewed": lambda random, count: (100 + 20 * _wave(count, 24)) * random.lognormal(0, 0.5, count),
    "day, wild": lambda random, count: 100 + 20 * _wave(count, 24) + 5 * random.standard_t(3, size=count),
    "growing day": lambda random, count: (
        (1 + np.arange(count) / count) * (100 + 20 * _wave(count, 24)) * (1 + 0.05 * random.normal(size=count))
    ),
    "trend": lambda random, count: 0.2 * np.arange(count) + 3 * random.normal(size=count),
    "random walk": lambda random, count: 100 + np.cumsum(random.normal(size=count)),
    "counts": lambda random, count: random.poisson(5 + _wave(count, 24)).astype(float),
}
