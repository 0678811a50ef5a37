"""Well-known detectors beside ours, each as it is usually run on a stream: scores of points from the past only."""

from __future__ import annotations

import math
import warnings
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from libspot import Spot
from river import anomaly as river_anomaly
from river import time_series as river_time_series
from statsmodels.tsa.holtwinters import ExponentialSmoothing
from statsmodels.tsa.seasonal import STL

from observatory.analytics.anomaly import Detector

Values = np.ndarray[tuple[int, ...], np.dtype[np.float64]]

# Half of its functions have no types.
anomaly: Any = river_anomaly
time_series: Any = river_time_series

_WARM_UP = 100
_HOUR_S, _DAY_S = 3_600.0, 86_400.0
_TINY = 1e-9


class Method(Protocol):
    """One series' detector."""

    def update(self, time_s: float, value: float) -> float:
        """The score of the next point: the higher, the more unusual."""


def _size(away: Values) -> float:
    """The median absolute deviation as a deviation; the mean one where more than half of the values are the same."""
    return max(_TINY, 1.4826 * float(np.median(away)) or 1.2533 * float(away.mean()))


class Mad:
    """Distance from the median of a sliding window, in scaled median absolute deviations.

    Source: B. Iglewicz, D. Hoaglin, How to detect and handle outliers, ASQC (1993).
    """

    def __init__(self, window: int = 1_440, again: int = 10) -> None:
        self._kept: deque[float] = deque(maxlen=window)
        self._again, self._seen = again, 0
        self._middle, self._size = 0.0, 1.0

    def update(self, time_s: float, value: float) -> float:
        """Score, then keep."""
        score = abs(value - self._middle) / self._size if self._seen >= _WARM_UP else 0.0
        self._kept.append(value)
        self._seen += 1
        if self._seen % self._again == 0:
            kept = np.array(self._kept)
            self._middle = float(np.median(kept))
            self._size = max(1e-3 * abs(self._middle), _size(np.abs(kept - self._middle)))
        return score


class Ewma:
    """A control chart of the exponentially weighted mean and variance.

    Source: S. Roberts, Technometrics 1 (1959); variance after J. MacGregor, T. Harris, J. Quality Technology 25 (1993).
    """

    def __init__(self, fast: float = 0.3, slow: float = 0.01) -> None:
        self._fast_gain, self._slow_gain = fast, slow
        self._seen, self._fast, self._mean, self._variance = 0, 0.0, 0.0, 0.0

    def update(self, time_s: float, value: float) -> float:
        """Score, then learn."""
        if not self._seen:
            self._fast = self._mean = value
        self._seen += 1
        self._fast += self._fast_gain * (value - self._fast)
        # The fast mean varies by this share of one value's variance.
        size = math.sqrt(self._variance * self._fast_gain / (2 - self._fast_gain))
        score = abs(self._fast - self._mean) / max(size, 1e-3 * abs(self._mean), _TINY)
        gain = max(self._slow_gain, 1 / self._seen)
        away = value - self._mean
        self._mean += gain * away
        self._variance = (1 - gain) * (self._variance + gain * away * away)
        return score if self._seen > _WARM_UP else 0.0


class Spread:
    """How far what is left is, by the median absolute deviation of what was left before."""

    def __init__(self, window: int = 720, again: int = 20) -> None:
        self._kept: deque[float] = deque(maxlen=window)
        self._again, self._seen, self._size = again, 0, math.inf

    def score(self, left: float) -> float:
        """Score, then keep."""
        score = abs(left) / self._size
        self._kept.append(left)
        self._seen += 1
        if self._seen % self._again == 0 and self._seen >= _WARM_UP // 2:
            self._size = _size(np.abs(np.array(self._kept)))
        return score


class HoltWinters:
    """Forecast errors of Holt's damped trend (parameters by statsmodels), on what the hour of the day leaves.

    Source: P. Winters, Management Science 6 (1960); E. Gardner, E. McKenzie, Management Science 31 (1985).
    """

    def __init__(self) -> None:
        self._kept: deque[float] = deque(maxlen=720)
        self._hours: list[list[float]] = [[0.0, 0.0] for _ in range(24)]
        self._spread = Spread()
        self._seen, self._begun_s = 0, math.inf
        self._alpha, self._beta, self._phi = 0.2, 0.01, 0.95
        self._level, self._trend = math.nan, 0.0

    def update(self, time_s: float, value: float) -> float:
        """Score, then learn; parameters are fitted again every 1,440 points."""
        self._begun_s = min(self._begun_s, time_s)
        hour = self._hours[int(time_s // _HOUR_S) % 24]
        season = hour[0] if time_s - self._begun_s > 2 * _DAY_S and hour[1] else 0.0
        hour[1] += 1
        hour[0] += (value - hour[0]) / min(hour[1], 7 * 60)
        value -= season
        self._kept.append(value)
        self._seen += 1
        if self._seen == _WARM_UP or self._seen % 1_440 == 0:
            self._fit()
        if math.isnan(self._level):
            self._level = value
            return 0.0
        expected = self._level + self._phi * self._trend
        level = self._alpha * value + (1 - self._alpha) * expected
        self._trend = self._beta * (level - self._level) + (1 - self._beta) * self._phi * self._trend
        self._level = level
        return self._spread.score(value - expected)

    def _fit(self) -> None:
        kept = np.array(self._kept)
        if float(np.ptp(kept)) < _TINY:
            return
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = ExponentialSmoothing(kept, trend="add", damped_trend=True, initialization_method="estimated").fit()
        numbers = (found.params[name] for name in ("smoothing_level", "smoothing_trend", "damping_trend"))
        alpha, beta, phi = (float(each) for each in numbers)
        if all(map(math.isfinite, (alpha, beta, phi))):
            self._alpha, self._beta, self._phi = min(0.9, alpha), beta / max(alpha, _TINY), phi
            self._beta = min(1.0, self._beta)


class StlEsd:
    """What STL's season and trend of the last days leave, fitted every three hours, or the median.

    Source: R. Cleveland et al., J. Official Statistics 6 (1990); S-H-ESD's use of the median and its deviation,
    J. Hochenbaum et al. (2017).
    """

    def __init__(self, bin_s: float = 300.0, days: int = 4) -> None:
        self._bin_s = bin_s
        self._day = round(_DAY_S / bin_s)
        self._bins: deque[float] = deque(maxlen=days * self._day)
        self._open: list[float] = []
        self._at: int | None = None
        self._season: Values | None = None
        self._recent: deque[float] = deque(maxlen=120)
        self._spread = Spread()
        self._seen, self._middle = 0, 0.0

    def update(self, time_s: float, value: float) -> float:
        """Score, then learn."""
        at = int(time_s // self._bin_s)
        if self._at is not None and at != self._at:
            self._close(at)
        self._at = at
        self._open.append(value)
        left = value - (0.0 if self._season is None else float(self._season[at % self._day]))
        self._recent.append(left)
        self._seen += 1
        if self._seen % 5 == 0 or self._seen < 5:
            self._middle = float(np.median(np.array(self._recent)))
        return self._spread.score(left - self._middle)

    def _close(self, at: int) -> None:
        assert self._at is not None
        mean = float(np.mean(self._open))
        self._bins.extend([mean] * min(at - self._at, self._day))
        self._open = []
        each = round(3 * _HOUR_S / self._bin_s)
        if len(self._bins) >= 2 * self._day and at // each != self._at // each:
            found = STL(np.array(self._bins), period=self._day, robust=False, seasonal_jump=10, trend_jump=30).fit()
            last = np.asarray(found.seasonal[-self._day :])
            self._season = np.roll(last, at % self._day)


class DriftSpot:
    """Peaks over a threshold of both tails, of the distance to a moving mean (DSPOT), by its author's library.

    Source: A. Siffer et al., Anomaly detection in streams with extreme value theory, KDD (2017).
    """

    def __init__(self, depth: int = 50, begin: int = 300) -> None:
        self._recent: deque[float] = deque(maxlen=depth)
        self._first: list[float] = []
        self._begin = begin
        self._tails = [Spot(q=1e-4, low=False, discard_anomalies=True, level=0.98, max_excess=200) for _ in range(2)]

    def update(self, time_s: float, value: float) -> float:
        """Minus the logarithm of how likely a value so far out is."""
        if len(self._recent) < (self._recent.maxlen or 0):
            self._recent.append(value)
            return 0.0
        away = value - math.fsum(self._recent) / len(self._recent)
        if len(self._first) < self._begin:
            self._first.append(away)
            if len(self._first) == self._begin:
                self._tails[0].fit(np.array(self._first))
                self._tails[1].fit(-np.array(self._first))
            self._recent.append(value)
            return 0.0
        scores = []
        anomalous = False
        for tail, each in zip(self._tails, (away, -away), strict=True):
            scores.append(self._rarity(tail, each))
            anomalous |= tail.step(each) == 1
        if not anomalous:
            self._recent.append(value)
        return max(scores)

    @staticmethod
    def _rarity(tail: Spot, each: float) -> float:
        """From the tail's own parameters, because the library tells none beyond the end of a short tail."""
        if not each > tail.excess_threshold:
            return 0.0
        # A tail that ends would make all beyond it alike, and no threshold could tell them apart.
        beyond, sigma, gamma = each - tail.excess_threshold, max(tail.sigma, _TINY), max(tail.gamma, 0.01)
        return float(math.log1p(gamma * beyond / sigma) / gamma - math.log(1 - tail.level))


class HalfSpaceTrees:
    """River's half-space trees over a value and the two before it, scaled by what was seen.

    Source: S. Tan et al., Fast anomaly detection for streaming data, IJCAI (2011).
    """

    def __init__(self) -> None:
        self._trees = anomaly.HalfSpaceTrees(n_trees=15, height=6, window_size=250, seed=1)
        self._first: list[float] = []
        self._low, self._high = 0.0, 1.0
        self._last: tuple[float, float] = (0.5, 0.5)
        self._seen = 0

    def update(self, time_s: float, value: float) -> float:
        """Score, then learn."""
        self._seen += 1
        if self._seen <= _WARM_UP:
            self._first.append(value)
            if self._seen == _WARM_UP:
                spread = max(float(np.ptp(self._first)), _TINY)
                self._low, self._high = min(self._first) - spread, max(self._first) + spread
            return 0.0
        scaled = min(1.0, max(0.0, (value - self._low) / (self._high - self._low)))
        point = {"now": scaled, "before": self._last[0], "earlier": self._last[1]}
        score = float(self._trees.score_one(point))
        self._trees.learn_one(point)
        self._last = (scaled, self._last[0])
        return score if self._seen > _WARM_UP + 250 else 0.0


class Predictive:
    """River's predictive anomaly detection over its own Holt-Winters; the squared error against its usual size.

    Source: N. Laptev et al., Generic and scalable framework for automated time-series anomaly detection, KDD (2015).
    """

    def __init__(self) -> None:
        model = time_series.HoltWinters(alpha=0.2, beta=0.01)
        # So many deviations that the score, which ends at 1, does not: the threshold is chosen like all others.
        self._found = anomaly.PredictiveAnomalyDetection(model, horizon=1, n_std=30.0, warmup_period=_WARM_UP)
        self._seen = 0

    def update(self, time_s: float, value: float) -> float:
        """Score, then learn."""
        self._seen += 1
        score = self._found.score_one({}, value) if self._seen > 5 else 0.0
        self._found.learn_one(None, value)
        return float(score)


class Gaussian:
    """River's running normal distribution over the last day's worth of points: the probability of the middle.

    Source: the normal law; river.anomaly.GaussianScorer.
    """

    def __init__(self, window: int = 1_440) -> None:
        self._found = anomaly.GaussianScorer(window_size=window, grace_period=_WARM_UP)

    def update(self, time_s: float, value: float) -> float:
        """Score, then learn."""
        score = float(self._found.score_one(None, value))
        self._found.learn_one(None, value)
        return score


METHODS: dict[str, Callable[[], Method]] = {
    "ours": Detector,
    "median, MAD": Mad,
    "EWMA chart": Ewma,
    "Holt-Winters (statsmodels)": HoltWinters,
    "STL, MAD (statsmodels)": StlEsd,
    "DSPOT (libspot)": DriftSpot,
    "half-space trees (river)": HalfSpaceTrees,
    "predictive (river)": Predictive,
    "Gaussian (river)": Gaussian,
}
