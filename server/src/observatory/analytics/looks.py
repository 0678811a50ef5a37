"""What a detector is made of: levels that follow, looks that tell how rare a value is, and a valve on the alarms."""

from __future__ import annotations

import math

from observatory.analytics.tail import Tail

ALARM = 0.99
# The valve: points without alarm between two incidents; bounds and step of its factor (as a logarithm); and the share
# of the rate that it aims at.
_CALM = 60
_EASIEST, _HARDEST, _STEP, _KEPT = -1.5, 6.0, 0.2, 0.5


class Level:
    """A level that follows slowly, and the size of what is left around it; wild points move neither far."""

    __slots__ = ("size", "value")

    def __init__(self, value: float, size: float) -> None:
        self.value = value
        self.size = size

    def learn(self, value: float, gain: float, floor: float) -> None:
        """Take one value in."""
        away = value - self.value
        most = 3 * self.size
        self.value += gain * min(most, max(-most, away))
        # Of normal noise, the mean absolute deviation times 1.2533 is the standard deviation.
        self.size = max(floor, self.size + gain / 2 * (min(abs(away), most) * 1.2533 - self.size))


class Look:
    """One way to look at a point: its tails on both sides.

    Args:
        every: points of which one is learnt; many where values hardly change from point to point, because the many
            values of one fault would tell the tails that it is usual.
        most: see `Tail`.
    """

    __slots__ = ("_down", "_every", "_seen", "_up")

    def __init__(self, every: int, most: float) -> None:
        self._up, self._down = Tail(most), Tail(most)
        self._every = every
        self._seen = 0

    def rarity(self, value: float) -> float:
        """How rare a value this far out is, then learnt."""
        found = self._up.rarity(value) if value > 0 else self._down.rarity(-value)
        self._seen += 1
        if self._seen == self._every:
            self._seen = 0
            self._up.learn(value)
            self._down.learn(-value)
        return min(1.0, 2 * found)


class Valve:
    """Turns rarities into scores, and holds the rate of alarms: each alarm out of calm makes the next one harder.

    Source: I. Gibbs, E. Candes, Adaptive conformal inference under distribution shift, NeurIPS (2021).
    """

    __slots__ = ("_calm", "_harder", "_rate")

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._harder = 0.0
        self._calm = 0

    def score(self, rarity: float) -> float:
        """The score of a point as rare as this."""
        rarity = min(1.0, rarity * math.exp(self._harder))
        alarm = rarity < self._rate
        # The points of one incident count once: it is not their number that says the tails are wrong.
        if alarm and self._calm >= _CALM:
            self._harder = min(_HARDEST, self._harder + _STEP)
        self._harder = max(_EASIEST, self._harder - _STEP * self._rate * _KEPT)
        self._calm = 0 if alarm else self._calm + 1
        if alarm:
            return 1 - (1 - ALARM) * rarity / self._rate
        return ALARM * math.log(rarity) / math.log(self._rate)
