"""Alarms held against labels, event by event: no point counts as found because its neighbour was."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from detection.backgrounds import Marks, Places, Values
from detection.series import GRACE, SLACK, Labelled

# Alarms with fewer quiet points between them are one.
TOGETHER = 10


@dataclass
class Tally:
    """What came of some series.

    Attributes:
        events: labelled stretches.
        delays: points from the begin of each stretch that was found to its first alarm.
        false: alarms outside of any stretch and its grace.
        days: time outside of them, by the seconds between points.
        false_at: the same alarms by the seconds between points.
    """

    events: int = 0
    delays: list[int] = field(default_factory=list)
    false: int = 0
    days: dict[float, float] = field(default_factory=dict)
    false_at: dict[float, int] = field(default_factory=dict)
    points: int = 0
    spent_s: float = 0.0

    def add(self, other: Tally) -> None:
        """Count another tally's too."""
        self.events += other.events
        self.delays += other.delays
        self.false += other.false
        self.points += other.points
        self.spent_s += other.spent_s
        for step_s, days in other.days.items():
            self.days[step_s] = self.days.get(step_s, 0.0) + days
            self.false_at[step_s] = self.false_at.get(step_s, 0) + other.false_at[step_s]

    @property
    def recall(self) -> float:
        """Share of events that were found."""
        return len(self.delays) / self.events if self.events else 0.0

    @property
    def precision(self) -> float:
        """Share of alarms that told an event; the alarms of one event count once."""
        alarms = len(self.delays) + self.false
        return len(self.delays) / alarms if alarms else 0.0

    @property
    def f1(self) -> float:
        """Harmonic mean of both."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0

    def false_per_day(self, step_s: float) -> float | None:
        """False alarms per day of series with a point each so many seconds."""
        return self.false_at[step_s] / self.days[step_s] if self.days.get(step_s) else None


def tally(series: Labelled, alarms: Marks) -> Tally:
    """Hold the alarms of one series against its labels.

    An event is found by an alarm within it (within three points for shorter ones). Alarms that begin within an
    event or its grace are never false; each other group of them is, once.
    """
    at = np.flatnonzero(alarms)
    judged = np.ones(series.values.size, dtype=bool)
    delays = []
    for event in series.events:
        judged[event.begin : event.end + GRACE] = False
        within = at[(at >= event.begin) & (at < max(event.end, event.begin + SLACK))]
        if within.size:
            delays.append(int(within[0]) - event.begin)
    false = _groups(at, judged)
    days = judged.sum() * series.step_s / 86_400
    return Tally(
        len(series.events), delays, false, {series.step_s: float(days)}, {series.step_s: false}, series.values.size
    )


def _groups(at: Places, judged: Marks) -> int:
    """How many groups of alarms begin where one would be false."""
    if not at.size:
        return 0
    begins = at[np.concatenate([[True], np.diff(at) > TOGETHER])]
    return int(judged[begins].sum())


def together(tallies: Iterable[Tally]) -> Tally:
    """All of them as one."""
    found = Tally()
    for each in tallies:
        found.add(each)
    return found


def best_threshold(series: Sequence[Labelled], scores: Sequence[Values]) -> float:
    """The bound on scores with the highest F1 over these series."""
    pooled = np.concatenate(scores)
    pooled = pooled[np.isfinite(pooled)]
    shares = 1 - np.geomspace(2e-5, 0.05, 40)
    bounds = sorted({float(each) for each in np.quantile(pooled, shares)})

    def f1(bound: float) -> float:
        return together(tally(one, found > bound) for one, found in zip(series, scores, strict=True)).f1

    return max(bounds, key=f1)
