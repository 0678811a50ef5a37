"""The labelled series: a half to develop on, and a half with other kinds and other seeds to report on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from zlib import crc32

import numpy as np
from detection.backgrounds import BACKGROUNDS, LIKE, Course, Values
from detection.faults import FAMILIES, FAULTS, Fault

# Points of a series by the seconds between two of them: three days, a week, four weeks.
POINTS = {10.0: 25_920, 60.0: 10_080, 300.0: 8_064}
_START_S = 1_767_571_200.0  # a Monday, 2026-01-05
FIRST_SEED = {"development": 1, "held": 101}
# Points after a fault in which an alarm is neither right nor wrong: that it ended is news too.
GRACE = 60
# A shorter fault may be told within so many points.
SLACK = 3


@dataclass(frozen=True, slots=True)
class Event:
    """A labelled stretch: first place, and the place after the last."""

    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Labelled:
    """A series, and what is wrong in it.

    Attributes:
        fault: kind of fault; empty for a series without one.
        background: what it does otherwise.
        seed: of its randomness.
        step_s: seconds between points.
    """

    fault: str
    background: str
    seed: int
    step_s: float
    times_s: Values
    values: Values
    events: tuple[Event, ...]

    @property
    def name(self) -> str:
        """Fault and background."""
        return f"{self.fault or 'none'} / {self.background}"

    @property
    def days(self) -> float:
        """How much time it covers."""
        return self.values.size * self.step_s / 86_400


def half(which: str, seeds: int = 1) -> list[Labelled]:
    """The series of `development` or `held`: three of each kind of fault and one of each background without any.

    Args:
        which: the half. No kind of fault, no background and no seed is in both.
        seeds: how often, with other seeds.
    """
    faults, backgrounds = _side(FAMILIES, which), _side(LIKE, which)
    return [each for again in range(seeds) for each in _all(faults, backgrounds, FIRST_SEED[which] + again)]


def _side(families: Iterable[Sequence[str]], which: str) -> list[str]:
    """One kind of each family, by the order of their hashes: both halves have their like, and none has the same."""
    place = 0 if which == "development" else 1
    ordered = [sorted(names, key=lambda name: hashlib.sha256(name.encode()).hexdigest()) for names in families]
    return [names[place] for names in ordered if place < len(names)]


def _all(faults: Sequence[str], backgrounds: Sequence[str], seed: int) -> list[Labelled]:
    seasonal = [name for name in backgrounds if _course(name, seed, 300.0).season]
    found = []
    for place, fault in enumerate(faults):
        fitting = seasonal if FAULTS[fault].seasonal else backgrounds
        picked = [fitting[(3 * place + each) % len(fitting)] for each in range(3)]
        found += [_labelled(fault, name, seed, which) for which, name in enumerate(dict.fromkeys(picked))]
    return found + [_labelled("", name, seed, place) for place, name in enumerate(backgrounds)]


def _labelled(fault: str, background: str, seed: int, place: int) -> Labelled:
    step_s = 300.0 if background == "weekly" else (60.0, 10.0)[(place + crc32(background.encode())) % 2]
    course = _course(background, seed, step_s, fault)
    if not fault:
        return Labelled(fault, background, seed, step_s, course.times_s, course.values, ())
    random = np.random.default_rng([seed, crc32(fault.encode()), crc32(background.encode())])
    values, events = course.values.copy(), []
    for begin, end in _places(course, FAULTS[fault], random):
        whole = replace(course, values=values)
        values[begin:end] = np.where(
            np.isfinite(course.values[begin:end]), FAULTS[fault].spoil(whole, begin, end, random), np.nan
        )
        events.append(Event(begin, end))
    return Labelled(fault, background, seed, step_s, course.times_s, values, tuple(events))


def _course(background: str, seed: int, step_s: float, fault: str = "") -> Course:
    times = np.asarray(_START_S + step_s * np.arange(POINTS[step_s]), dtype=float)
    random = np.random.default_rng([seed, crc32(background.encode()), crc32(fault.encode())])
    return BACKGROUNDS[background](random, times)


def _places(course: Course, fault: Fault, random: np.random.Generator) -> list[tuple[int, int]]:
    """Where it happens: once early, before a season can be known, and four times after two thirds."""
    count = course.values.size
    late = np.linspace(0.68, 0.92, 4) * count + random.uniform(0, 0.03 * count, 4)
    begins = [int(each) for each in late]
    if fault.seasonal:
        # An eighth of the season, where it makes the largest difference.
        length = max(12, min(course.season, count // 7) // 8)
        return [(at, at + length) for at in (_telling(course, fault, begin, length, random) for begin in begins[::2])]
    begins.insert(0, int(random.integers(200, 600)))
    return [(at, at + int(random.integers(fault.shortest, fault.longest + 1))) for at in begins]


def _telling(course: Course, fault: Fault, begin: int, length: int, random: np.random.Generator) -> int:
    usual = replace(course, values=course.usual)
    last = min(begin + course.season, begin + course.values.size // 8, course.values.size - length)

    def change(at: int) -> float:
        spoiled = fault.spoil(usual, at, at + length, random)
        return float(np.abs(spoiled - course.usual[at : at + length]).mean())

    return max(range(begin, last, max(1, length // 4)), key=change)
