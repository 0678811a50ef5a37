"""What series do when nothing is wrong: each kind made from a seed, with the course that it follows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

Values = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
Places = np.ndarray[tuple[int, ...], np.dtype[np.int64]]
Marks = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
DAY_S = 86_400.0
WEEK_S = 7 * DAY_S


@dataclass(frozen=True, slots=True)
class Course:
    """A series without a fault.

    Attributes:
        times_s: epoch seconds.
        values: one for each time; NaN where one is missing.
        usual: what the noise is around, without noise.
        season: how many points the series repeats after; 0 for none.
    """

    times_s: Values
    values: Values
    usual: Values
    season: int = 0

    @property
    def size(self) -> float:
        """The size of the noise: a deviation, or what its outermost thousandth makes of one where tails are heavy."""
        away = np.abs(self.values - self.usual)
        away = away[np.isfinite(away)]
        return float(max(1.4826 * np.median(away), np.quantile(away, 0.999) / 3.29))


Background = Callable[[Generator, Values], Course]


def memory(random: Generator, count: int, share: float) -> Values:
    """Noise of variance 1 of which each value keeps a share of the one before."""
    found = np.zeros(count)
    scale = np.sqrt(1 - share**2)
    last = random.normal()
    for place, each in enumerate(random.normal(size=count)):
        last = share * last + scale * each
        found[place] = last
    return found


def _wave(times: Values, period_s: float, peak_s: float = 0.0) -> Values:
    return np.asarray(np.cos(2 * np.pi * (times - peak_s) / period_s), dtype=float)


def _points(times: Values, period_s: float) -> int:
    return round(period_s / float(times[1] - times[0]))


def _flat(times: Values, level: float) -> Values:
    return np.full(times.size, level)


def _level(random: Generator, times: Values) -> Course:
    usual = _flat(times, 100.0)
    return Course(times, usual + 5 * random.normal(size=times.size), usual)


def _latency(random: Generator, times: Values) -> Course:
    usual = _flat(times, 120.0)
    return Course(times, usual * np.exp(0.35 * memory(random, times.size, 0.7)), usual)


def _heavy(random: Generator, times: Values) -> Course:
    usual = _flat(times, 80.0)
    return Course(times, usual + 2 * random.standard_t(3, size=times.size), usual)


def _slow(random: Generator, times: Values) -> Course:
    usual = _flat(times, 60.0)
    return Course(times, usual + 4 * memory(random, times.size, 0.9), usual)


def _counts(random: Generator, times: Values) -> Course:
    usual = _flat(times, 4.0)
    return Course(times, random.poisson(usual).astype(float), usual)


def _daily(random: Generator, times: Values) -> Course:
    usual = 200 + 60 * _wave(times, DAY_S, 14 * 3_600) + 20 * _wave(times, DAY_S / 2, 3_600)
    return Course(times, usual + 6 * memory(random, times.size, 0.5), usual, _points(times, DAY_S))


def _daily_counts(random: Generator, times: Values) -> Course:
    usual = np.exp(2.6 + 0.9 * _wave(times, DAY_S, 15 * 3_600))
    return Course(times, random.poisson(usual).astype(float), usual, _points(times, DAY_S))


def _weekly(random: Generator, times: Values) -> Course:
    busy = np.where(times // DAY_S % 7 < 5, 1.0, 0.45)
    usual = busy * (300 + 120 * _wave(times, DAY_S, 13 * 3_600))
    return Course(times, usual * np.exp(0.06 * memory(random, times.size, 0.5)), usual, _points(times, WEEK_S))


def _share_of_errors(random: Generator, times: Values) -> Course:
    usual = _flat(times, 0.015)
    return Course(times, random.binomial(400, usual) / 400, usual)


def _sawtooth(random: Generator, times: Values) -> Course:
    """Memory that fills and is collected, each time after a slightly different while."""
    step = float(times[1] - times[0])
    usual, level = np.empty(times.size), 200.0
    limit = 600.0
    for place in range(times.size):
        level += 400 * step / 5_400
        if level > limit:
            level, limit = 200.0, 600 + 25 * float(random.normal())
        usual[place] = level
    return Course(times, usual + 4 * random.normal(size=times.size), usual, round(5_400 / step))


def _queue(random: Generator, times: Values) -> Course:
    """Work that waits: what comes less what is done, never below nothing."""
    found, waits = np.empty(times.size), 0.0
    for place, each in enumerate(random.poisson(10, times.size)):
        waits = max(0.0, waits + each - 11.5)
        found[place] = waits
    return Course(times, found, _flat(times, float(np.median(found))))


def _growing(random: Generator, times: Values) -> Course:
    usual = 500 + 300 * (times - times[0]) / (times[-1] - times[0])
    return Course(times, usual + 5 * random.normal(size=times.size), usual)


def _with_holes(random: Generator, times: Values) -> Course:
    usual = 90 + 25 * _wave(times, DAY_S, 12 * 3_600)
    values = usual + 3 * random.normal(size=times.size)
    values[random.uniform(size=times.size) < 0.1] = np.nan
    for at in random.integers(times.size // 4, times.size - 60, 3):
        values[at : at + 40] = np.nan
    late = times + random.uniform(0, 0.4, times.size) * float(times[1] - times[0])
    return Course(late, values, usual, _points(times, DAY_S))


def _wandering(random: Generator, times: Values) -> Course:
    """A price's spread: it wanders, and slowly comes back."""
    wander = memory(random, times.size, 0.998)
    usual = 50 + 8 * wander
    return Course(times, usual + random.normal(size=times.size), usual)


def _two_modes(random: Generator, times: Values) -> Course:
    """A cache that is warm or cold, for an hour or so each."""
    step = float(times[1] - times[0])
    cold, usual = False, np.empty(times.size)
    for place, each in enumerate(random.uniform(size=times.size)):
        cold = cold != (each < step / 5_400)
        usual[place] = 55.0 if cold else 40.0
    return Course(times, usual + 1.5 * memory(random, times.size, 0.3), usual)


def _skewed_daily(random: Generator, times: Values) -> Course:
    usual = np.exp(1.5 + 0.6 * _wave(times, DAY_S, 16 * 3_600))
    return Course(times, usual * random.lognormal(-0.08, 0.4, times.size), usual, _points(times, DAY_S))


BACKGROUNDS: dict[str, Background] = {
    "level": _level,
    "latency": _latency,
    "heavy tails": _heavy,
    "strong memory": _slow,
    "counts": _counts,
    "daily": _daily,
    "daily counts": _daily_counts,
    "weekly": _weekly,
    "share of errors": _share_of_errors,
    "sawtooth": _sawtooth,
    "queue": _queue,
    "growing": _growing,
    "daily with holes": _with_holes,
    "wandering": _wandering,
    "two modes": _two_modes,
    "daily, skewed": _skewed_daily,
}
# Kinds that are like each other: one goes to each half.
LIKE = (
    ("level", "share of errors"),
    ("latency", "two modes"),
    ("heavy tails", "daily, skewed"),
    ("strong memory", "wandering"),
    ("counts", "queue"),
    ("daily", "daily counts"),
    ("weekly", "daily with holes"),
    ("sawtooth", "growing"),
)
