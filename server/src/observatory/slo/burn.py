"""How fast a budget burns, and what is left of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from observatory.slo.objectives import Objective
from observatory.slo.windows import Pair, Windows


@dataclass(frozen=True, slots=True)
class Counts:
    """Events of one objective.

    Attributes:
        events: by length of the window in seconds; a window that was not counted is not there.
        bad: those of them that were not as promised, the same way.
        first_at: when the first event was ever seen; None when there was none.
        estimated: whether some stand for others that were sampled away.
    """

    events: Mapping[int, int]
    bad: Mapping[int, int]
    first_at: datetime | None = None
    estimated: bool = False

    def ratio(self, length_s: int) -> float | None:
        """Failed share in a window; None without events."""
        events = self.events.get(length_s, 0)
        return self.bad.get(length_s, 0) / events if events else None


@dataclass(frozen=True, slots=True)
class Burning:
    """One pair of windows.

    Attributes:
        pair: which.
        long_rate: times the even rate, over the long window; None without events.
        short_rate: the same over the short one.
        events: in the long window.
        bad_events: failures among them.
        enough: whether the long window holds enough of both to be judged.
    """

    pair: Pair
    long_rate: float | None
    short_rate: float | None
    events: int
    bad_events: int
    enough: bool

    @property
    def burning(self) -> bool:
        """Whether both windows burn faster than the pair's factor, on enough events."""
        rates = (self.long_rate, self.short_rate)
        return self.enough and all(rate is not None and rate > self.pair.factor for rate in rates)


@dataclass(frozen=True, slots=True)
class Burn:
    """How one objective stands.

    Attributes:
        objective: which.
        counts: what it rests on.
        burnings: the pairs, fastest first.
        budget_left_ratio: share of the period's budget that is left, negative when overspent; None without events.
        at: end of the windows.
        period_s: length of the period in seconds.
        burn_in: whether the objective is too new for anybody to be told.
    """

    objective: Objective
    counts: Counts
    burnings: tuple[Burning, ...]
    budget_left_ratio: float | None
    at: datetime
    period_s: int
    burn_in: bool


def assess(objective: Objective, counts: Counts, windows: Windows, at: datetime) -> Burn:
    """How an objective stands by its counts.

    An objective of 100 % allows no failure: then any failure burns without end.
    """
    spent = _rate(counts.ratio(windows.period_s), objective)
    age_s = None if counts.first_at is None else (at - counts.first_at).total_seconds()
    return Burn(
        objective=objective,
        counts=counts,
        burnings=tuple(_burning(objective, counts, pair, windows) for pair in windows.pairs),
        budget_left_ratio=None if spent is None else 1 - spent,
        at=at,
        period_s=windows.period_s,
        burn_in=age_s is None or age_s < windows.burn_in_s,
    )


def _burning(objective: Objective, counts: Counts, pair: Pair, windows: Windows) -> Burning:
    events, bad = counts.events.get(pair.long_s, 0), counts.bad.get(pair.long_s, 0)
    return Burning(
        pair=pair,
        long_rate=_rate(counts.ratio(pair.long_s), objective),
        short_rate=_rate(counts.ratio(pair.short_s), objective),
        events=events,
        bad_events=bad,
        enough=events >= windows.least_events and bad >= windows.least_bad_events,
    )


def _rate(failed_ratio: float | None, objective: Objective) -> float | None:
    if failed_ratio is None:
        return None
    if objective.allowed_ratio <= 0:
        return float("inf") if failed_ratio else 0.0
    return failed_ratio / objective.allowed_ratio
