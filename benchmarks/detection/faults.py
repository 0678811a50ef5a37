"""What goes wrong in a series: each kind changes a stretch of values, and says how long it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from detection.backgrounds import Course, Values
from numpy.random import Generator


@dataclass(frozen=True, slots=True)
class Fault:
    """A kind of fault.

    Attributes:
        spoil: the values of a stretch, from the course, the first place and the place after the last.
        shortest: fewest points that it lasts.
        longest: most points that it lasts.
        seasonal: it is one only in a series with a season.
    """

    spoil: Callable[[Course, int, int, Generator], Values]
    shortest: int
    longest: int
    seasonal: bool = False


def _height(random: Generator, least: float, most: float) -> float:
    return float(random.uniform(least, most))


def _moved(low: float, high: float, sign: int) -> Callable[[Course, int, int, Generator], Values]:
    """Away from what it would have been, by so many deviations; not below nothing where it never was."""

    def spoil(course: Course, begin: int, end: int, random: Generator) -> Values:
        moved = course.values[begin:end] + sign * _height(random, low, high) * course.size
        return _not_below(course, moved)

    return spoil


def _not_below(course: Course, values: Values) -> Values:
    lowest = float(np.nanmin(course.values))
    return np.maximum(values, 0.0) if lowest >= 0 else values


def _drift(course: Course, begin: int, end: int, random: Generator) -> Values:
    slope = np.linspace(0, _height(random, 8, 12), end - begin)
    return np.asarray(course.values[begin:end] + slope * course.size, dtype=float)


def _sink(course: Course, begin: int, end: int, random: Generator) -> Values:
    slope = np.linspace(0, _height(random, 8, 12), end - begin)
    return _not_below(course, course.values[begin:end] - slope * course.size)


def _wilder(course: Course, begin: int, end: int, random: Generator) -> Values:
    away = course.values[begin:end] - course.usual[begin:end]
    away += course.size * 0.3 * random.normal(size=end - begin)
    return _not_below(course, course.usual[begin:end] + _height(random, 4, 6) * away)


def _quieter(course: Course, begin: int, end: int, random: Generator) -> Values:
    away = course.values[begin:end] - course.usual[begin:end]
    return np.asarray(course.usual[begin:end] + away * _height(random, 0.02, 0.06), dtype=float)


def _stuck(course: Course, begin: int, end: int, _: Generator) -> Values:
    before = course.values[:begin]
    return np.full(end - begin, before[np.isfinite(before)][-1])


def _nothing(_course: Course, begin: int, end: int, _: Generator) -> Values:
    return np.zeros(end - begin)


def _burst(course: Course, begin: int, end: int, random: Generator) -> Values:
    decay = np.exp(-np.arange(end - begin) / 8)
    return np.asarray(course.values[begin:end] + _height(random, 9, 14) * course.size * decay, dtype=float)


def _no_season(course: Course, begin: int, end: int, _: Generator) -> Values:
    away = course.values[begin:end] - course.usual[begin:end]
    return np.asarray(course.usual[begin] + away, dtype=float)


def _wrong_hour(course: Course, begin: int, end: int, _: Generator) -> Values:
    """Values that are usual half a season away."""
    half = course.season // 2
    return course.values[begin - half : end - half].copy()


def _swinging(course: Course, begin: int, end: int, random: Generator) -> Values:
    swing = 6 * np.sin(2 * np.pi * np.arange(end - begin) / _height(random, 6, 12))
    return _not_below(course, course.values[begin:end] + swing * course.size)


def _clipped(course: Course, begin: int, end: int, _: Generator) -> Values:
    """A limit somewhere cuts it off, below what it would be."""
    lowest = float(np.nanmin(course.usual[begin:end])) - 1.5 * course.size
    return np.minimum(course.values[begin:end], lowest)


def _flapping(course: Course, begin: int, end: int, random: Generator) -> Values:
    hit = random.uniform(size=end - begin) < 0.4
    hit[0] = True
    return np.asarray(course.values[begin:end] + np.where(hit, 9 * course.size, 0.0), dtype=float)


FAULTS: dict[str, Fault] = {
    "spike": Fault(_moved(9, 14, 1), 1, 3),
    "dip": Fault(_moved(9, 14, -1), 1, 3),
    "higher level": Fault(_moved(5, 8, 1), 60, 240),
    "lower level": Fault(_moved(5, 8, -1), 60, 240),
    "drift up": Fault(_drift, 120, 300),
    "drift down": Fault(_sink, 120, 300),
    "larger noise": Fault(_wilder, 60, 200),
    "stuck": Fault(_stuck, 60, 200),
    "drop to zero": Fault(_nothing, 20, 120),
    "burst": Fault(_burst, 20, 40),
    "missing cycle": Fault(_no_season, 0, 0, seasonal=True),
    "wrong hour": Fault(_wrong_hour, 0, 0, seasonal=True),
    "swinging": Fault(_swinging, 60, 200),
    "quieter": Fault(_quieter, 100, 240),
    "cut off": Fault(_clipped, 60, 200),
    "flapping": Fault(_flapping, 30, 90),
}
# Kinds that are like each other: one goes to each half.
FAMILIES = (
    ("spike", "dip"),
    ("higher level", "lower level"),
    ("drift up", "drift down"),
    ("larger noise", "swinging"),
    ("stuck", "drop to zero"),
    ("burst", "flapping"),
    ("missing cycle", "wrong hour"),
    ("cut off", "quieter"),
)
