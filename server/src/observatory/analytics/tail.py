"""The upper tail of a stream in three numbers: how rare is a value as large as this one?"""

from __future__ import annotations

# The share of values above the tracked quantile; what lies above it is the tail.
SHARE = 0.02
# Heavier than normal noise and about as heavy as Student's with four degrees: a tail that turns out lighter alarms
# less.
_SHAPE = 0.25
_START = 2.3
_LOWEST, _HIGHEST = 0.25, 1e6
_MOST_GAIN = 0.2


class Tail:
    """Peaks over a threshold that follows the stream: a quantile, and the mean excess above it.

    Values are to be near 1 in size (deviations from the usual per their typical size). No distribution is assumed up to
    the quantile; beyond it the tail is generalised Pareto with a fixed shape.

    Args:
        gain: share by which a value above the quantile moves it, once much was seen; small where values come in runs.

    Source: A. Siffer et al., Anomaly detection in streams with extreme value theory, KDD (2017); the quantile by
    stochastic approximation, H. Robbins, S. Monro (1951).
    """

    __slots__ = ("_count", "_excess", "_gain", "_peaks", "_quantile")

    def __init__(self, gain: float) -> None:
        self._gain = gain
        self._count = 0
        self._peaks = 0
        self._quantile = _START
        self._excess = _START / 5

    def rarity(self, value: float) -> float:
        """The share of values as large as this one, 0 to 1."""
        if value <= 0:
            return 1.0
        # Few values have told little about the tail.
        value /= 1 + 12 / (self._count + 12)
        if value <= self._quantile:
            return float(SHARE ** (value / self._quantile))
        beyond = (value - self._quantile) / (self._excess * (1 - _SHAPE))
        return float(SHARE * (1 + _SHAPE * beyond) ** (-1 / _SHAPE))

    def learn(self, value: float) -> None:
        """Take one value in."""
        self._count += 1
        gain = min(_MOST_GAIN, max(self._gain, 10 / self._count))
        if value > self._quantile:
            self._peaks += 1
            excess = min(value - self._quantile, 10 * self._excess)
            self._excess += (excess - self._excess) * max(0.02, 1 / (self._peaks + 3))
            self._quantile *= 1 + gain * (1 - SHARE)
        else:
            self._quantile *= 1 - gain * SHARE
        self._quantile = min(_HIGHEST, max(_LOWEST, self._quantile))
        self._excess = max(self._excess, self._quantile / 20)
