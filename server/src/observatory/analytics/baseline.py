"""What is usual: middle, spread and quantiles of a series, by hour of the day or week where enough days were seen."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from observatory.analytics.samples import Floats, array, spread

HOUR_S = 3_600
DAY_S = 86_400
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
# So many different days, or weeks, must have been seen in an hour before it has a baseline of its own.
LEAST_DAYS = 3
LEAST_WEEKS = 3


class Season(StrEnum):
    """What a baseline repeats with (UTC)."""

    NONE = "none"
    DAY = "hour_of_day"
    WEEK = "hour_of_week"

    @property
    def hours(self) -> int:
        """Hours after which it comes again; 1 for none."""
        return _HOURS[self]


_HOURS = {Season.NONE: 1, Season.DAY: 24, Season.WEEK: 168}


@dataclass(frozen=True, slots=True)
class Usual:
    """The usual values: median, scaled median absolute deviation, quantiles, and how many values they rest on."""

    median: float
    deviation: float
    quantiles: Mapping[float, float]
    samples: int


@dataclass(frozen=True, slots=True)
class Baseline:
    """The usual values over all, and of each hour of the season that was seen often enough."""

    season: Season
    overall: Usual
    hours: Mapping[int, Usual]

    def at(self, time_s: float) -> Usual:
        """The usual values at a time (epoch seconds, UTC): those of its hour, or those over all."""
        return self.hours.get(int(time_s // HOUR_S) % self.season.hours, self.overall)

    def distance(self, time_s: float, value: float) -> float | None:
        """How many deviations a value is above what is usual at that time; None where the usual never varied."""
        usual = self.at(time_s)
        return (value - usual.median) / usual.deviation if usual.deviation > 0 else None


def learn(
    times_s: Sequence[float],
    values: Sequence[float | None],
    season: Season | None = None,
    quantiles: Sequence[float] = QUANTILES,
) -> Baseline | None:
    """Learn what is usual. Nothing in it moves far when less than half of the values are wild.

    Args:
        times_s: when each value was, in epoch seconds (UTC hours and weekdays are read from it).
        values: in any unit; None and not finite ones are left out.
        season: what to repeat with; left to itself it is the hour of the week when most hours of a week were seen in
            three weeks, else the hour of the day when most hours were seen on three days, else none.
        quantiles: shares, 0 to 1.

    Returns:
        The baseline; None without values.

    Source: F. Hampel, The influence curve and its role in robust estimation, JASA 69 (1974), for the spread.
    """
    found = array(values)
    times = np.asarray(times_s, dtype=float)
    kept = np.isfinite(found) & np.isfinite(times)
    found, times = found[kept], times[kept]
    if found.size == 0:
        return None
    chosen = _season(times) if season is None else season
    places = times // HOUR_S % chosen.hours
    hours = {
        int(place): _usual(found[places == place], quantiles)
        for place in sorted(_seen_enough(times, chosen))
        if chosen is not Season.NONE
    }
    return Baseline(chosen, _usual(found, quantiles), hours)


def _season(times: Floats) -> Season:
    for season in (Season.WEEK, Season.DAY):
        if len(_seen_enough(times, season)) > season.hours / 2:
            return season
    return Season.NONE


def _seen_enough(times: Floats, season: Season) -> set[int]:
    """Hours of the season that were seen in enough of its rounds."""
    hours = times // HOUR_S
    rounds = np.unique(np.stack([hours % season.hours, hours // season.hours]), axis=1)[0]
    places, counts = np.unique(rounds, return_counts=True)
    least = LEAST_WEEKS if season is Season.WEEK else LEAST_DAYS
    return {int(place) for place, count in zip(places, counts, strict=True) if count >= least}


def _usual(values: Floats, quantiles: Sequence[float]) -> Usual:
    middle = float(np.median(values))
    found = {share: float(np.quantile(values, share)) for share in quantiles}
    deviation = spread(values, middle)
    return Usual(middle, deviation if math.isfinite(deviation) else 0.0, found, int(values.size))
