"""What a strategy's backtests let one expect of it live, and whether live trades keep to it.

Backtests tell one return each, over many trades. Taken as sums of independent log returns of trades, they give the mean
of a trade and how much trades differ; both bound what the sum of so many live trades may be.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy import stats

from observatory.analytics import intervals

LEAST_BACKTESTS = 3
# The boundary for looking after each trade is narrowest after about ten times as many trades.
_WEIGHT = 10.0


@dataclass(frozen=True, slots=True)
class Expectation:
    """The log return of one trade as backtests have it.

    Attributes:
        mean: mean log return of a trade.
        deviation: standard deviation of the log return of a trade.
        trades: trades in all backtests.
        backtests: backtests that had trades.
    """

    mean: float
    deviation: float
    trades: int
    backtests: int


@dataclass(frozen=True, slots=True)
class Standing:
    """Live trades against an expectation; returns are shares (0.01 is one per cent) of all trades compounded.

    Attributes:
        trades: live trades that were looked at.
        total: what they returned.
        expected: what the backtests' mean trade would have returned.
        low: lower end of the band for so many trades.
        high: its upper end.
        outside: place of the trade at which the sum left the boundary that holds however often one looks; or None.
    """

    trades: int
    total: float
    expected: float
    low: float
    high: float
    outside: int | None


def expect(returns: Sequence[float], trades: Sequence[int]) -> Expectation | None:
    """What one trade returns, from backtests of several trades each.

    Args:
        returns: return of each backtest as a share, above -1.
        trades: trades of each backtest; those without any are left out, as are returns that are no number.

    Returns:
        The mean log return of a trade, weighted by trades, and its deviation (from the spread between backtests, with
        n - 1); None for fewer than three backtests with trades.

    Source: inverse-variance weighting of means of different sample sizes, W. G. Cochran, Supplement to JRSS 4 (1937).
    """
    pairs = [
        (math.log1p(each), count)
        for each, count in zip(returns, trades, strict=True)
        if count > 0 and math.isfinite(each) and each > -1
    ]
    if len(pairs) < LEAST_BACKTESTS:
        return None
    total = sum(count for _, count in pairs)
    mean = math.fsum(log for log, _ in pairs) / total
    squares = math.fsum((log - count * mean) ** 2 / count for log, count in pairs)
    return Expectation(mean, math.sqrt(squares / (len(pairs) - 1)), total, len(pairs))


def hold(
    mean: float, deviation: float, trades: int, backtests: int, live: Sequence[float], level: float = intervals.LEVEL
) -> Standing | None:
    """Hold live trades against an expectation.

    Args:
        mean: mean log return of a trade in the backtests.
        deviation: its standard deviation, not below 0.
        trades: trades in the backtests.
        backtests: how many backtests, at least 2.
        live: return of each live trade as a share, in the order in which they closed; what is not above -1 is left out.
        level: probability that the band covers the total, and that the boundary is never left by chance.

    Returns:
        The standing; None without live trades, or without a deviation to hold them against.

    Source: band: prediction interval of a sum of normal values with Student's quantile. Boundary: normal mixture of
    H. Robbins, Statistical methods related to the law of the iterated logarithm, Ann. Math. Statist. 41 (1970), half of
    the error for it and half for the backtests' mean. Independent trades are assumed.
    """
    logs = [math.log1p(each) for each in live if math.isfinite(each) and each > -1]
    if not logs or not deviation > 0 or trades <= 0 or backtests < 2:
        return None
    count, total = len(logs), math.fsum(logs)
    quantile = float(stats.t.ppf((1 + level) / 2, backtests - 1))
    reach = quantile * deviation * math.sqrt(count * (1 + count / trades))
    return Standing(
        trades=count,
        total=math.expm1(total),
        expected=math.expm1(count * mean),
        low=math.expm1(count * mean - reach),
        high=math.expm1(count * mean + reach),
        outside=_leaves(logs, mean, deviation, _doubt(trades, backtests, level), (1 - level) / 2),
    )


def _doubt(trades: int, backtests: int, level: float) -> float:
    """How far the backtests' mean may be from the truth, in deviations of one trade."""
    return float(stats.t.ppf(1 - (1 - level) / 4, backtests - 1)) / math.sqrt(trades)


def _leaves(logs: Sequence[float], mean: float, deviation: float, doubt: float, chance: float) -> int | None:
    away = 0.0
    for place, each in enumerate(logs):
        away += each - mean
        weighed = place + 1 + _WEIGHT
        reach = math.sqrt(weighed * math.log(weighed / (_WEIGHT * chance**2))) + (place + 1) * doubt
        if abs(away) > deviation * reach:
            return place
    return None
