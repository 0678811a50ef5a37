"""Seeded chance: every place draws from its own stream, so one more draw in one service shifts no other."""

import math
import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Stream:
    """One place's chance.

    Args:
        seed: the same text gives the same draws.
    """

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)

    def duration_s(self, typical_s: float, spread: float = 0.3) -> float:
        """A duration whose median is `typical_s`, with the long right tail that durations have.

        The tail ends at eight times the typical value: a calm universe has no hangs.
        """
        return min(typical_s * math.exp(self._random.gauss(0.0, spread)), 8 * typical_s)

    def between(self, low: float, high: float) -> float:
        return self._random.uniform(low, high)

    def whole(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included."""
        return self._random.randint(low, high)

    def normal(self, mean: float, deviation: float) -> float:
        return self._random.gauss(mean, deviation)

    def gap_s(self, mean_s: float) -> float:
        """The time to the next event of a Poisson process with one event per `mean_s`."""
        return self._random.expovariate(1.0 / mean_s)

    def happens(self, ratio: float) -> bool:
        """True in `ratio` (0 to 1) of the calls."""
        return self._random.random() < ratio

    def pick(self, choices: Sequence[T]) -> T:
        return self._random.choice(choices)

    def some(self, choices: Sequence[T], number: int) -> list[T]:
        """Up to `number` different choices."""
        return self._random.sample(choices, min(number, len(choices)))


class Chance:
    """Gives each name its own stream, derived from one seed."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def of(self, name: str) -> Stream:
        return Stream(f"{self.seed}:{name}")
