"""Streaming anomaly detection: one score per point, in constant memory, with a stated rate of false alarms."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from observatory.analytics.looks import ALARM, Level, Look, Valve
from observatory.analytics.seasons import Seasons

__all__ = ["ALARM", "FALSE_ALARMS", "LEAST_POINTS", "SEASONS_S", "Detector", "Persistence"]

FALSE_ALARMS = 0.001
DAY_S, WEEK_S = 86_400.0, 604_800.0
SEASONS_S = (DAY_S, WEEK_S)

# Points before the first score; the level and the size of the noise are read from them.
LEAST_POINTS = 24
# Of the stated rate, this share is aimed at: the tails of short histories are not known well enough for more.
_AIM = 0.2
# Same-sided points out of the usual that make a new level of what was an anomaly.
_PERSISTENCE = 24
_MEMORY = 100
_LONG_GAP = 20.0
# Noise is taken to be at least this share of the smallest step ever seen (1 in counts; next to nothing in measured
# values).
_GRAIN = 0.25
# A season is used where it leaves less than this share of what the level leaves.
_WORTH = 0.9
# Gains of the sums over the last points: departures to one side; sizes of steps, and how those are usually.
_DRIFT_GAIN, _NOISE_GAIN, _NOISE_MEMORY = 0.05, 0.1, 500
# One point in so many is learnt from those sums, and a peak of them counts as at most so many mean excesses (of single
# points: more, because their tails may be heavy).
_EVERY, _MOST_OF_SUMS, _MOST_OF_POINTS = 20, 3.0, 10.0
_LOOKS = 4


class Detector:
    """Scores each point of one series by how rare it is among what the series did before.

    Each point is looked at in four ways: how far it is from the level (with the season where there is one and it
    helps), whether small departures to one side add up, how far it is from the points just before, and whether the
    noise became larger or smaller. How rare each departure is is read from the series' own tails, so that heavy tails,
    counts and noise with memory alarm no more often than others. Values that stay exactly the same in a series that
    hardly ever repeats one are an anomaly too.

    A new level is an anomaly until it has lasted, then it is the usual. Memory does not grow, whatever comes: some
    numbers for each look, and 24 to 168 for each season. No server is needed:

        detector, alert = Detector(), Persistence()
        for timestamp, value in points:
            firing = alert.update(detector.update(timestamp, value))

    Args:
        season_s: seconds after which the series repeats, or several such lengths of which the best is used; a day and
            a week unless said, None for no season. One is used only when it was seen twice and makes what is left
            smaller.
        false_alarms: share of points of a series without anomalies that may score above 0.99, above 0 and below 1.

    Raises:
        ValueError: a season or the share is out of its range.

    Source: extreme value tails, A. Siffer et al., KDD (2017); drift, S. Roberts, Control chart tests based on geometric
    moving averages, Technometrics 1 (1959); robust level, P. Huber, Annals of Mathematical Statistics 35 (1964). The
    rate of false alarms is measured by benchmarks/analytics, what is found by benchmarks/detection.
    """

    def __init__(
        self, season_s: float | Sequence[float] | None = SEASONS_S, false_alarms: float = FALSE_ALARMS
    ) -> None:
        lengths_s = () if season_s is None else (season_s,) if isinstance(season_s, int | float) else tuple(season_s)
        if not all(0 < each < math.inf for each in lengths_s):
            raise ValueError(f"season_s is {season_s}, and must be seconds above 0")
        if not 0 < false_alarms < 1:
            raise ValueError(f"false_alarms is {false_alarms}, and must be above 0 and below 1")
        self._valve = Valve(_AIM * false_alarms)
        self._seasons = tuple(Seasons(each) for each in lengths_s)
        self._first: list[float] = []
        self._count = 0
        self._plain = Level(0.0, 0.0)
        self._step = Level(0.0, 0.0)
        self._noise = Level(0.0, 0.5)
        self._fast, self._drift, self._wild = 0.0, 0.0, 0.0
        self._side = 0
        self._near, self._far = Look(1, _MOST_OF_POINTS), Look(1, _MOST_OF_POINTS)
        self._drifting, self._noisy = Look(_EVERY, _MOST_OF_SUMS), Look(_EVERY, _MOST_OF_SUMS)
        self._last: tuple[float, float] | None = None
        self._usual_gap_s = 0.0
        self._same, self._repeats = 0, 0.0
        self._grain = 0.0

    def update(self, timestamp: float, value: float | None) -> float:
        """Score the next point.

        Args:
            timestamp: epoch seconds; points are expected in order of time.
            value: in any unit; None, NaN and infinities score 0 and teach nothing.

        Returns:
            0 to 1. Above 0.99 at most the stated share of points without anomaly; 0 until enough is known.
        """
        if value is None or not math.isfinite(value) or not math.isfinite(timestamp):
            return 0.0
        value = float(value)
        if self._count < LEAST_POINTS:
            return self._begin(timestamp, value)
        self._after_a_gap(timestamp)
        rarity = min(self._stuck(value), self._departure(timestamp, value))
        self._remember(timestamp, value)
        return self._valve.score(rarity)

    def _begin(self, timestamp: float, value: float) -> float:
        self._first.append(value)
        for season in self._seasons:
            season.learn(timestamp, value, math.inf)
        self._same = self._same + 1 if self._last is not None and value == self._last[1] else 0
        self._repeats += self._same > 0
        if self._last is not None:
            self._usual_gap_s += max(0.0, timestamp - self._last[0]) / (LEAST_POINTS - 1)
        self._remember(timestamp, value)
        if self._count == LEAST_POINTS:
            middle = statistics.median(self._first)
            size = 1.2533 * statistics.fmean(abs(each - middle) for each in self._first)
            size = max(size, self._floor(middle))
            self._plain = Level(middle, size)
            self._step = Level(0.0, size)
            self._repeats /= LEAST_POINTS
            self._first = []
        return 0.0

    def _remember(self, timestamp: float, value: float) -> None:
        if self._last is not None and value != self._last[1]:
            step = abs(value - self._last[1])
            self._grain = min(self._grain, step) if self._grain else step
        self._count += 1
        self._last = (timestamp, value)

    def _departure(self, timestamp: float, value: float) -> float:
        """How rare the departure from what was expected is, at most 1."""
        floor = self._floor(self._plain.value)
        expected = [season.expected(timestamp) for season in self._seasons]
        level, away = self._expected(expected, value)
        size = max(level.size, floor)
        left = away - level.value
        distance = left / size
        step = (left - self._fast) / max(self._step.size, floor)
        rarity = min(self._near.rarity(distance), self._far.rarity(step), self._sums(distance, step))
        self._learn(timestamp, value, expected, floor)
        self._step.learn(left - self._fast, 1 / _MEMORY, floor)
        self._fast += 0.3 * (min(6 * size, max(-6 * size, left)) - self._fast)
        self._settle(distance, left, level)
        return min(1.0, _LOOKS * rarity)

    def _sums(self, distance: float, step: float) -> float:
        """How rare it is that departures add up so far, or that steps are as large or as small as lately."""
        self._drift += _DRIFT_GAIN * (min(3.0, max(-3.0, distance)) - self._drift)
        self._wild += _NOISE_GAIN * (min(5.0, abs(step)) - self._wild)
        if self._count <= _MEMORY:
            return 1.0
        size = math.log(max(0.01, self._wild))
        rarity = min(
            self._drifting.rarity(4 * self._drift), self._noisy.rarity((size - self._noise.value) / self._noise.size)
        )
        self._noise.learn(size, 1 / _NOISE_MEMORY, 0.05)
        return rarity

    def _expected(self, expected: Sequence[float | None], value: float) -> tuple[Level, float]:
        """The level to compare with, and the value as it is measured from the season."""
        level, away, least = self._plain, value, _WORTH * self._plain.size
        for season, usual in zip(self._seasons, expected, strict=True):
            if usual is not None and season.fit is not None and season.fit.size <= least:
                level, away, least = season.fit, value - usual, season.fit.size
        return level, away

    def _learn(self, timestamp: float, value: float, expected: Sequence[float | None], floor: float) -> None:
        gain = max(1 / _MEMORY, 1 / self._count)
        self._plain.learn(value, gain, floor)
        for season, usual in zip(self._seasons, expected, strict=True):
            if usual is not None:
                season.judge(value - usual, gain, floor, 2 * self._plain.size)
            season.learn(timestamp, value, 3 * max(self._plain.size, floor))

    def _settle(self, distance: float, left: float, level: Level) -> None:
        """What has lasted on one side becomes the usual."""
        side = int(math.copysign(1, distance)) if abs(distance) > 3 else 0
        self._side = self._side + side if side and self._side * side >= 0 else side
        if abs(self._side) >= _PERSISTENCE:
            level.value += self._fast if abs(self._fast) > level.size else left
            self._side, self._fast, self._drift = 0, 0.0, 0.0

    def _stuck(self, value: float) -> float:
        """How rare so long a run of one value is."""
        self._same = self._same + 1 if self._last is not None and value == self._last[1] else 0
        share = max(self._repeats, 2 / (self._count + 2))
        self._repeats += (min(self._same, 1) - self._repeats) / min(self._count, 10 * _MEMORY)
        return 1.0 if share > 0.2 or self._same < 3 else float(share ** (self._same / 2))

    def _after_a_gap(self, timestamp: float) -> None:
        """Nobody saw what happened in a long gap: what came before it counts as little as a beginning."""
        if self._last is None:
            return
        gap_s = timestamp - self._last[0]
        if gap_s > _LONG_GAP * self._usual_gap_s > 0:
            self._count = min(self._count, LEAST_POINTS)
            self._side, self._fast, self._drift = 0, 0.0, 0.0
        elif gap_s > 0:
            self._usual_gap_s += (gap_s - self._usual_gap_s) / _MEMORY

    def _floor(self, level: float) -> float:
        """Less than this is no change, however still it was: a share of the level, or of the grain of counts."""
        return max(1e-9, 1e-3 * abs(level), _GRAIN * self._grain)


class Persistence:
    """Turns scores into alerts: `needed` of the last `of` points above the bound raise it, `calm` quiet ones end it.

    Args:
        needed: points above the bound that raise it, at least 1.
        of: among so many last points.
        bound: lower than that of one alarm, because several points in a row say more than one.
        calm: points at or below the bound that end it.
    """

    def __init__(self, needed: int = 3, of: int = 5, bound: float = 0.9, calm: int = 5) -> None:
        if not 1 <= needed <= of or calm < 1:
            raise ValueError(f"{needed} of {of} points, and {calm} quiet ones: not 1 or more of as many")
        self._needed = needed
        self._window = (1 << of) - 1
        self._calm = (1 << calm) - 1
        self._bound = bound
        self._seen = 0
        self.firing = False

    def update(self, score: float) -> bool:
        """Take the next score; whether the alert fires now."""
        self._seen = (self._seen << 1 | (score > self._bound)) & (self._window | self._calm)
        if (self._seen & self._window).bit_count() >= self._needed:
            self.firing = True
        elif not self._seen & self._calm:
            self.firing = False
        return self.firing
