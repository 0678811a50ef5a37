"""Streaming anomaly detection: one score per point, in constant memory, with a stated rate of false alarms."""

from __future__ import annotations

import math
import statistics

from observatory.analytics.seasons import SLOTS, Seasons
from observatory.analytics.tail import Tail

ALARM = 0.99
FALSE_ALARMS = 0.001
DAY_S = 86_400.0

# Points before the first score; the level and the size of the noise are read from them.
LEAST_POINTS = 24
# Same-sided points out of the usual that make a new level of what was an anomaly.
_PERSISTENCE = 24
_MEMORY = 100
_LONG_GAP = 20.0
# Noise is taken to be at least this share of the smallest step ever seen (1 in counts; next to nothing in measured
# values).
_GRAIN = 0.25
# The valve: points without alarm between two incidents, bounds and step of the factor (as a logarithm), and the share
# of the stated rate that it aims at.
_CALM = 5
_EASIEST, _HARDEST, _STEP, _KEPT = -1.5, 6.0, 0.5, 0.5
# Three looks at each point (level, drift, step) count as one test; how fast each one's tails learn (small departures
# that add up come in long runs).
_GAINS = (0.02, 0.004, 0.02)


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
    """One way to look at a point: its tails on both sides."""

    __slots__ = ("_down", "_up")

    def __init__(self, gain: float) -> None:
        self._up, self._down = Tail(gain), Tail(gain)

    def rarity(self, value: float) -> float:
        """How rare a value this far out is, then learnt."""
        found = self._up.rarity(value) if value > 0 else self._down.rarity(-value)
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


class Detector:
    """Scores each point of one series by how rare it is among what the series did before.

    Each point is looked at in three ways: how far it is from the level (with the season where there is one and it
    helps), whether small departures to one side add up, and how far it is from the points just before. How rare each
    departure is is read from the series' own tails, so that heavy tails, counts and noise with memory alarm no more
    often than others. Values that stay exactly the same in a series that hardly ever repeats one are an anomaly too.

    A new level is an anomaly until it has lasted, then it is the usual. Memory does not grow.

    Args:
        season_s: seconds after which the series repeats; a day unless said, None for no season. It is used only when
            it was seen twice and makes what is left smaller.
        slots: pieces of a season that have their own level.
        false_alarms: share of points of a series without anomalies that may score above 0.99.

    Source: extreme value tails, A. Siffer et al., KDD (2017); drift, S. Roberts, Control chart tests based on geometric
    moving averages, Technometrics 1 (1959); robust level, P. Huber, Annals of Mathematical Statistics 35 (1964). The
    rate of false alarms is measured by benchmarks/analytics.
    """

    def __init__(self, season_s: float | None = DAY_S, slots: int = SLOTS, false_alarms: float = FALSE_ALARMS) -> None:
        self._valve = Valve(false_alarms)
        self._seasons = Seasons(season_s, slots) if season_s is not None else None
        self._first: list[float] = []
        self._count = 0
        self._plain = Level(0.0, 0.0)
        self._seasonal: Level | None = None
        self._step = Level(0.0, 0.0)
        self._fast = 0.0
        self._drift = 0.0
        self._side = 0
        self._looks = tuple(Look(gain) for gain in _GAINS)
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
        if self._seasons is not None:
            self._seasons.learn(timestamp, value, math.inf)
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
        level, away = self._expected(timestamp, value)
        size = max(level.size, floor)
        left = away - level.value
        distance = left / size
        step = (left - self._fast) / max(self._step.size, floor)
        self._drift += 0.05 * (min(3.0, max(-3.0, distance)) - self._drift)
        near, drift, far = self._looks[0].rarity(distance), 1.0, self._looks[2].rarity(step)
        if self._count > _MEMORY:
            drift = self._looks[1].rarity(4 * self._drift)
        self._learn(timestamp, value, floor)
        self._step.learn(left - self._fast, 1 / _MEMORY, floor)
        self._fast += 0.3 * (min(6 * size, max(-6 * size, left)) - self._fast)
        self._settle(distance, left, level)
        return min(1.0, len(_GAINS) * min(near, drift, far))

    def _expected(self, timestamp: float, value: float) -> tuple[Level, float]:
        """The level to compare with, and the value as it is measured from the season."""
        season = self._seasons.expected(timestamp) if self._seasons is not None else None
        if season is None or self._seasonal is None or self._seasonal.size > 0.9 * self._plain.size:
            return self._plain, value
        return self._seasonal, value - season

    def _learn(self, timestamp: float, value: float, floor: float) -> None:
        gain = max(1 / _MEMORY, 1 / self._count)
        self._plain.learn(value, gain, floor)
        if self._seasons is not None:
            season = self._seasons.expected(timestamp)
            if season is not None and self._seasonal is None:
                self._seasonal = Level(value - season, 2 * self._plain.size)  # it has to earn its place
            elif season is not None and self._seasonal is not None:
                self._seasonal.learn(value - season, gain, floor)
            self._seasons.learn(timestamp, value, 3 * max(self._plain.size, floor))

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
    """Turns scores into alerts: `needed` of the last `of` points above the bound raise it, `calm` quiet ones end it."""

    def __init__(self, needed: int = 3, of: int = 5, bound: float = ALARM, calm: int = 5) -> None:
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
