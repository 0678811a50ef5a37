"""The upper tail of a stream in a few numbers: how rare is a value as large as this one?"""

from __future__ import annotations

# The share of values above the tracked quantile; what lies above it is the tail.
SHARE = 0.02
# Heavier than normal noise and about as heavy as Student's with four degrees; so many peaks of a stream's own weigh as
# much as this guess, and no tail is taken to be lighter or heavier than the bounds.
_SHAPE, _GUESS = 0.25, 100
_LIGHTEST, _HEAVIEST = 0.05, 0.3
_START = 2.3
_LOWEST, _HIGHEST = 0.25, 1e6
# Share by which a value above the quantile moves it: once much was seen, and at most.
_GAIN, _MOST_GAIN = 0.02, 0.2
# Peaks with fewer values than this between them are one, as long as that is no longer: the many of one fault would make
# it the usual by themselves.
_APART, _LONGEST = 10, 50
# So many values have told as much about a tail as was known before; until then it may be wider than it looks.
_CAUTION = 30


class Tail:
    """Peaks over a threshold that follows the stream: a quantile, and mean and mean square of the excess above it.

    Values are to be near 1 in size (deviations from the usual per their typical size). No distribution is assumed up to
    the quantile; beyond it the tail is generalised Pareto, its shape from both moments.

    Args:
        most: a peak counts as at most so many mean excesses.

    Source: A. Siffer et al., Anomaly detection in streams with extreme value theory, KDD (2017); shape by moments and
    peaks apart from each other, J. Hosking, J. Wallis, Technometrics 29 (1987), A. Davison, R. Smith, JRSS B 52 (1990);
    the quantile by stochastic approximation, H. Robbins, S. Monro (1951).
    """

    __slots__ = ("_count", "_excess", "_length", "_most", "_peaks", "_quantile", "_quiet", "_square", "_top")

    def __init__(self, most: float) -> None:
        self._most = most
        self._count = 0
        self._peaks = 0
        self._top, self._length, self._quiet = 0.0, 0, 0
        self._quantile = _START
        self._excess = _START / 5
        self._square = 2 * self._excess**2 * (1 - _SHAPE) / (1 - 2 * _SHAPE)

    def rarity(self, value: float) -> float:
        """The share of values as large as this one, 0 to 1."""
        if value <= 0:
            return 1.0
        value /= 1 + _CAUTION / (self._count + _CAUTION)
        if value <= self._quantile:
            return float(SHARE ** (value / self._quantile))
        shape = self._shape()
        beyond = (value - self._quantile) / (self._excess * (1 - shape))
        return float(SHARE * (1 + shape * beyond) ** (-1 / shape))

    def _shape(self) -> float:
        variance = self._square - self._excess**2
        own = 0.5 * (1 - self._excess**2 / variance) if variance > 0 else _LIGHTEST
        shape = (own * self._peaks + _SHAPE * _GUESS) / (self._peaks + _GUESS)
        return min(_HEAVIEST, max(_LIGHTEST, shape))

    def learn(self, value: float) -> None:
        """Take one value in."""
        self._count += 1
        gain = min(_MOST_GAIN, max(_GAIN, 10 / self._count))
        beyond = value - self._quantile
        if beyond > 0:
            if not self._top:
                self._quantile *= 1 + gain * (1 - SHARE)
            self._top = max(self._top, beyond)
            self._quiet = 0
        else:
            self._quantile *= 1 - gain * SHARE
            self._quiet += 1
        self._quantile = min(_HIGHEST, max(_LOWEST, self._quantile))
        if self._top:
            self._length += 1
            if self._quiet >= _APART or self._length >= _LONGEST:
                self._fold()

    def _fold(self) -> None:
        """The highest of some peaks stands for them."""
        self._peaks += 1
        excess = min(self._top, self._most * self._excess)
        share = max(0.01, 1 / (self._peaks + 10))
        self._excess += (excess - self._excess) * share
        self._square += (excess * excess - self._square) * share
        self._excess = max(self._excess, self._quantile / 20)
        self._top, self._length, self._quiet = 0.0, 0, 0
