"""The grid of times on which everything of a diagnosis is read: a baseline, and the window after it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from observatory.diagnose.scores import LEAST_AFTER, LEAST_BEFORE

# Steps that the store keeps calls in, so that each step is whole rows of it.
_STEPS_S = (10, 20, 30, 60, 120, 300, 600, 1_800, 3_600, 10_800, 43_200)
_MOST_STEPS = 240
_FINEST_S = 10


@dataclass(frozen=True)
class Frame:
    """Steps of `step_s` seconds, first those of the baseline, then those of the window.

    Attributes:
        step_s: seconds of a step; whole steps since 1970.
        baseline, window: start and end of both, seconds since 1970; whole steps. They may touch, and do not overlap.
    """

    step_s: int
    baseline: tuple[int, int]
    window: tuple[int, int]

    @cached_property
    def times(self) -> tuple[int, ...]:
        """Start of every step, rising."""
        return (*range(*self.baseline, self.step_s), *range(*self.window, self.step_s))

    @property
    def split(self) -> int:
        """Position of the first step of the window."""
        return (self.baseline[1] - self.baseline[0]) // self.step_s

    @cached_property
    def places(self) -> dict[int, int]:
        """Position of a step by the number of steps since 1970."""
        return {at // self.step_s: place for place, at in enumerate(self.times)}

    @property
    def sound(self) -> bool:
        """Whether there are enough steps on both sides to judge."""
        return self.split >= LEAST_BEFORE and len(self.times) - self.split >= LEAST_AFTER

    def at(self, place: int) -> datetime:
        """Start of a step."""
        return datetime.fromtimestamp(self.times[place], UTC)

    @property
    def bound(self) -> dict[str, object]:
        """Parameters of `RANGE`."""
        (first, second), (third, fourth) = self.baseline, self.window
        return {"b0": first, "b1": second, "w0": third, "w1": fourth}


# SQL of the steps' rows; bound to `Frame.bound`. The outer pair leads the store's index.
_AT = "toDateTime64({{{}:Int64}}, 9, 'UTC')"
RANGE = (
    f"Timestamp >= {_AT.format('b0')} AND Timestamp < {_AT.format('w1')}"
    f" AND (Timestamp < {_AT.format('b1')} OR Timestamp >= {_AT.format('w0')})"
)


def fitting(baseline: tuple[datetime, datetime], window: tuple[datetime, datetime]) -> Frame:
    """The frame of two ranges with the finest steps that are not too many; its ends are rounded outwards, to steps.

    The baseline ends where the window begins at the latest.
    """
    length = sum((end - start).total_seconds() for start, end in (baseline, window))
    step = next((each for each in _STEPS_S if length / each <= _MOST_STEPS), _STEPS_S[-1])
    start, end = _floor(window[0], step), -(-int(window[1].timestamp()) // step) * step
    until = min(start, -(-int(baseline[1].timestamp()) // step) * step)
    return Frame(step, (min(_floor(baseline[0], step), until), until), (start, max(end, start + step)))


def _floor(at: datetime, step: int) -> int:
    return int(at.timestamp()) // step * step
