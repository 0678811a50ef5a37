"""What a stream repeats with: a bounded row of slots, filled round by round, and how well it fits."""

from __future__ import annotations

from observatory.analytics.looks import Level

LEAST_ROUNDS = 2
# Slots are an hour each, as far as that makes neither fewer nor more.
LEAST_SLOTS, MOST_SLOTS = 24, 168
_GAIN = 0.3


class Seasons:
    """The usual value of each slot of a season, learnt in constant memory.

    What came in a slot is folded into it when the slot is over.

    Args:
        length_s: seconds after which the stream repeats, above 0.

    Attributes:
        fit: what is left when the season is taken away; None until it was seen in two rounds.
    """

    __slots__ = ("_at", "_counts", "_length_s", "_rounds", "_slots", "_sum", "_values", "fit")

    def __init__(self, length_s: float) -> None:
        self._length_s = length_s
        self._slots = max(LEAST_SLOTS, min(MOST_SLOTS, round(length_s / 3_600)))
        self._values = [0.0] * self._slots
        self._rounds = [0] * self._slots
        self._at: int | None = None
        self._sum, self._counts = 0.0, 0
        self.fit: Level | None = None

    def expected(self, time_s: float) -> float | None:
        """The value to expect, between the slots' middles; None where a slot was not seen in enough rounds."""
        place = time_s / self._length_s * self._slots - 0.5
        slot, share = int(place // 1), place % 1
        one, other = slot % self._slots, (slot + 1) % self._slots
        if self._rounds[one] < LEAST_ROUNDS or self._rounds[other] < LEAST_ROUNDS:
            return None
        return self._values[one] * (1 - share) + self._values[other] * share

    def judge(self, left: float, gain: float, floor: float, begin: float) -> None:
        """Take in what the season left of a value; `begin` is the size of that at first: it has to earn its place."""
        if self.fit is None:
            self.fit = Level(left, begin)
        else:
            self.fit.learn(left, gain, floor)

    def learn(self, time_s: float, value: float, most: float) -> None:
        """Take one value in; no round moves a slot as if it had been farther than `most` from what was usual."""
        slot = int(time_s / self._length_s * self._slots // 1)
        if self._at is not None and slot != self._at:
            self._fold(self._at % self._slots, most)
        self._at = slot
        self._sum += value
        self._counts += 1

    def _fold(self, slot: int, most: float) -> None:
        value = self._sum / self._counts
        self._sum, self._counts = 0.0, 0
        self._rounds[slot] += 1
        away = value - self._values[slot]
        if self._rounds[slot] > LEAST_ROUNDS:
            away = min(most, max(-most, away))
        self._values[slot] += away * max(_GAIN, 1 / self._rounds[slot])
