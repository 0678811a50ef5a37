"""Returns of a strategy: Sharpe and Sortino with their intervals, drawdown, win rate.

Returns are daily, of UTC days, as shares of the equity at the start of the day (0.01 is one per cent); days without a
trade are days with a return of 0. Crypto trades on all days, so a year has 365.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from scipy import stats

from observatory.analytics import intervals
from observatory.analytics.samples import Floats, finite

DAYS = 365
LEAST_DAYS = 7
LEAST_TRADES = 10

# A deviation this much smaller than the returns themselves is what floating point leaves of none.
_ROUNDING = 1e-12
_DRAWN = 2_000_000


@dataclass(frozen=True, slots=True)
class Ratio:
    """A ratio of return to risk, annualised, with the interval that covers it and the days it rests on."""

    value: float
    low: float
    high: float
    samples: int


@dataclass(frozen=True, slots=True)
class Drawdown:
    """The deepest fall of equity: as a share of the peak before it, in money, and where.

    `peak` and `trough` are positions in the equity handed in. `duration` is the number of steps from the peak until
    equity was back at it, or until the end when it never was (`recovered`).
    """

    ratio: float
    amount: float
    peak: int
    trough: int
    duration: int
    recovered: bool


@dataclass(frozen=True, slots=True)
class Fall:
    """The deepest fall over closed trades as a share of the peak before it, its interval and the trades behind it."""

    value: float
    interval: tuple[float, float] | None
    samples: int


@dataclass(frozen=True, slots=True)
class WinRate:
    """Share of trades that made money, with Wilson's interval."""

    value: float
    low: float
    high: float
    wins: int
    samples: int


def sharpe(
    returns: Sequence[float], risk_free: float = 0.0, level: float = intervals.LEVEL, least: int = LEAST_DAYS
) -> Ratio | None:
    """Sharpe ratio: mean excess return per standard deviation (n - 1), times the root of 365.

    Args:
        returns: daily returns as shares; those that are not finite are left out.
        risk_free: the riskless return of one day, as a share.
        level: probability that the interval is to cover.
        least: fewer days than this give no ratio.

    Returns:
        The ratio with its interval, which allows for skew and fat tails (independent days assumed); None for too few
        days or without deviation.

    Source: A. Lo, The statistics of Sharpe ratios, Financial Analysts Journal 58 (2002); E. Mertens, Comments on
    variance of the IID estimator in Lo (2002).
    """
    excess = finite(returns) - risk_free
    if excess.size < max(2, least):
        return None
    mean, spread = float(excess.mean()), float(excess.std())
    if spread <= _ROUNDING * float(np.abs(excess).max()):
        return None
    away = (excess - mean) / spread
    influence = away - mean / spread * (away**2 - 1) / 2
    return _annualised(mean / float(excess.std(ddof=1)), influence, level)


def sortino(
    returns: Sequence[float], target: float = 0.0, level: float = intervals.LEVEL, least: int = LEAST_DAYS
) -> Ratio | None:
    """Sortino ratio: mean return above the target per downside deviation (over all days), times the root of 365.

    Args:
        returns: daily returns as shares; those that are not finite are left out.
        target: the daily return below which a day counts as a loss.
        level: probability that the interval is to cover.
        least: fewer days than this give no ratio.

    Returns:
        The ratio with its interval (delta method, independent days assumed); None for too few days or when no day was
        below the target.

    Source: F. Sortino, L. Price, Performance measurement in a downside risk framework, Journal of Investing 3 (1994).
    """
    excess = finite(returns) - target
    if excess.size < max(2, least):
        return None
    below = np.minimum(excess, 0.0)
    mean, spread = float(excess.mean()), math.sqrt(float((below**2).mean()))
    if spread <= _ROUNDING * float(np.abs(excess).max()):
        return None
    influence = (excess - mean) / spread - mean / spread * ((below / spread) ** 2 - 1) / 2
    return _annualised(mean / spread, influence, level)


def max_drawdown(equity: Sequence[float]) -> Drawdown | None:
    """The deepest fall of equity from its running peak, the start included.

    Args:
        equity: equity in money, oldest first; the first is the balance at the start.

    Returns:
        The fall that is largest as a share of its peak (the first of equals; all zero when equity never fell); None
        for no equity, a start that is not above 0, or values that are not finite.

    Source: M. Magdon-Ismail, A. Atiya, Maximum drawdown, Risk 17 (2004).
    """
    values = np.asarray(equity, dtype=float)
    if values.size == 0 or not np.isfinite(values).all() or values[0] <= 0:
        return None
    peaks = np.maximum.accumulate(values)
    falls = (peaks - values) / peaks
    trough = int(falls.argmax())
    peak = int(values[: trough + 1].argmax())
    back = np.flatnonzero(values[trough:] >= values[peak])
    end = trough + int(back[0]) if back.size else values.size - 1
    return Drawdown(
        ratio=float(falls[trough]),
        amount=float(values[peak] - values[trough]),
        peak=peak,
        trough=trough,
        duration=end - peak,
        recovered=bool(back.size),
    )


def compounded_drawdown(
    shares: Sequence[float], level: float = intervals.LEVEL, least: int = LEAST_TRADES, draws: int = 500
) -> Fall | None:
    """The deepest fall of equity that is put whole into each trade, and how deep it may fall by chance.

    Args:
        shares: return of each closed trade, oldest first, as a share; those that are not finite are left out.
        level: probability that the interval is to cover.
        least: fewer trades than this give a fall without an interval.
        draws: how often as many trades are drawn anew from those that were seen.

    Returns:
        The fall as a share of the peak before it (0 when equity never fell), its interval and the trades it rests on;
        None without trades. The same trades always give the same interval.

    Source: B. Efron, Bootstrap methods: another look at the jackknife, Annals of Statistics 7 (1979): percentiles.
    """
    found = np.maximum(finite(shares), -1.0)
    if found.size == 0:
        return None
    fall = float(_falls(found[None, :])[0])
    if found.size < least:
        return Fall(fall, None, int(found.size))
    # Of very many trades fewer draws are as good, and the memory is bounded.
    drawn = np.random.default_rng(0).choice(found, (min(draws, max(100, _DRAWN // found.size)), found.size))
    low, high = np.quantile(_falls(drawn), [(1 - level) / 2, (1 + level) / 2])
    return Fall(fall, (min(fall, float(low)), max(fall, float(high))), int(found.size))


def _falls(shares: Floats) -> Floats:
    """The deepest fall of each row of trades."""
    equity = np.concatenate([np.ones((shares.shape[0], 1)), np.cumprod(1 + shares, axis=1)], axis=1)
    peaks = np.maximum.accumulate(equity, axis=1)
    return np.asarray(((peaks - equity) / peaks).max(axis=1))


def win_rate(profits: Sequence[float], level: float = intervals.LEVEL) -> WinRate | None:
    """Share of trades with a profit above 0, with Wilson's interval.

    Args:
        profits: profit of each closed trade, in money or as a share; a profit of 0 is no win.
        level: probability that the interval is to cover.

    Returns:
        The share with its interval; None without trades.

    Source: E. B. Wilson, Probable inference, the law of succession, and statistical inference, JASA 22 (1927).
    """
    values = finite(profits)
    wins = int((values > 0).sum())
    ends = intervals.wilson(wins / values.size, int(values.size), level) if values.size else None
    return None if ends is None else WinRate(wins / values.size, *ends, wins, int(values.size))


def daily(profits: Mapping[date, float], start: float, first: date, last: date) -> list[float]:
    """Daily returns from the profit of each UTC day; days without an entry are flat, and counted.

    Args:
        profits: profit of each UTC day, in money.
        start: equity at the start of `first`, above 0.
        first: first day.
        last: last day, included.

    Returns:
        One return a day, as a share of the equity at the start of that day; ends where equity is used up.
    """
    found: list[float] = []
    equity, day = start, first
    while day <= last and equity > 0:
        profit = profits.get(day, 0.0)
        found.append(profit / equity)
        equity, day = equity + profit, day + timedelta(days=1)
    return found


def _annualised(ratio: float, influence: Floats, level: float) -> Ratio:
    deviation = math.sqrt(float((influence**2).mean()) / influence.size)
    reach = float(stats.norm.ppf((1 + level) / 2)) * deviation
    scale = math.sqrt(DAYS)
    return Ratio(ratio * scale, (ratio - reach) * scale, (ratio + reach) * scale, int(influence.size))
