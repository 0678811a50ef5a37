"""How far live trading is from the paper trading of the same signals, and what the distance is made of.

One signal is taken in both modes. What each gained per unit that was meant is compared, so that the mode that did not
fill at all is part of the comparison and not left out of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from observatory.analytics import intervals
from observatory.analytics.execution import BPS
from observatory.analytics.samples import finite

_SIGNS = {"buy": 1, "sell": -1}


@dataclass(frozen=True, slots=True)
class Divergence:
    """What live lost against paper on one signal, in basis points of the decision price per unit meant.

    A part that cannot be known is None, and so is the total then. Positive: live did worse.

    Attributes:
        total_bps: all parts together.
        price_bps: a worse price against the mid that the order itself met.
        timing_bps: the mid had moved between the two orders.
        fill_bps: live filled less (or more) of what was meant, and what that part earned or lost.
        missed_bps: the same where live filled nothing, or paper nothing.
    """

    total_bps: float | None
    price_bps: float | None
    timing_bps: float | None
    fill_bps: float | None
    missed_bps: float | None


@dataclass(frozen=True, slots=True)
class Difference:
    """A mean of paired differences with Student's interval, and how probable one as large is when there is none."""

    mean: float
    low: float | None
    high: float | None
    p_value: float | None
    samples: int


def decompose(
    side: str,
    decision_price: float | None,
    live_price: float | None,
    live_mid: float | None,
    live_filled_ratio: float | None,
    paper_price: float | None,
    paper_mid: float | None,
    paper_filled_ratio: float | None,
    return_ratio: float | None = None,
) -> Divergence | None:
    """Split what live lost against paper into price, timing, fill and missed trades; the parts add up exactly.

    With the cost of an entry c = s (price - decision price) / decision price and the signal's return r from there,
    a mode that filled the share f gains f (r - c) per unit meant. Paper's gain less live's is

        f_live (c_live - c_paper) + (f_paper - f_live) (r - c_paper),

    and c_live - c_paper is the difference of the prices against their own mids (price) and that of the mids (timing).

    Args:
        side: `buy` or `sell`.
        decision_price: price when the decision fell.
        live_price: average price of the live fills; not needed when nothing was filled.
        live_mid: mid when the live order started.
        live_filled_ratio: filled share of the live order, 0 to 1.
        paper_price: average price of the paper fills.
        paper_mid: mid when the paper order started.
        paper_filled_ratio: filled share of the paper order, 0 to 1.
        return_ratio: what the signal returned from the decision price on, 0.01 is 1 %; None: not known yet.

    Returns:
        The parts; None for another side, without a decision price, or when a filled share is not known.
    """
    sign, decision = _SIGNS.get(side), _price(decision_price)
    if sign is None or decision is None or live_filled_ratio is None or paper_filled_ratio is None:
        return None
    scale = sign * BPS / decision
    filled = live_filled_ratio, paper_filled_ratio
    price, timing = _entry(scale, (live_price, live_mid), (paper_price, paper_mid), *filled)
    paid = _price(paper_price if paper_filled_ratio else live_price)
    cost = None if paid is None else scale * (paid - decision)
    rest = _rest(paper_filled_ratio - live_filled_ratio, return_ratio, cost)
    both = bool(live_filled_ratio and paper_filled_ratio)
    fill, missed = (rest, 0.0) if both else (0.0, rest)
    parts = (price, timing, fill, missed)
    known = [each for each in parts if each is not None]
    return Divergence(sum(known) if len(known) == len(parts) else None, *parts)


def compare(differences: Sequence[float | None], level: float = intervals.LEVEL) -> Difference | None:
    """Whether paired differences are different from nothing.

    Args:
        differences: one a pair, in any unit; those that are not known are left out.
        level: probability that the interval is to cover.

    Returns:
        The mean with its interval and the two-sided p-value of Student's paired test; both None for fewer than two
        pairs, the p-value also where all are equal; None without pairs.

    Source: Student, The probable error of a mean, Biometrika 6 (1908).
    """
    known = finite(differences)
    if known.size == 0:
        return None
    mean = float(known.mean())
    deviation = float(known.std(ddof=1)) if known.size > 1 else math.nan
    low, high = intervals.mean(mean, deviation, known.size, level) or (None, None)
    # Where all are equal but for rounding there is nothing to hold the mean against.
    varied = known.size > 1 and deviation > 1e-12 * float(np.abs(known).max())
    p_value = float(stats.ttest_1samp(known, 0.0).pvalue) if varied else None
    return Difference(mean, low, high, p_value, int(known.size))


def _entry(
    scale: float,
    live: tuple[float | None, float | None],
    paper: tuple[float | None, float | None],
    live_filled: float,
    paper_filled: float,
) -> tuple[float | None, float | None]:
    """Price and timing: only of what both modes filled."""
    if not live_filled or not paper_filled:
        return 0.0, 0.0
    found = [_price(each) for each in (*live, *paper)]
    known = [each for each in found if each is not None]
    if len(known) < len(found):
        return None, None
    live_price, live_mid, paper_price, paper_mid = known
    price = scale * ((live_price - live_mid) - (paper_price - paper_mid)) * live_filled
    return price, scale * (live_mid - paper_mid) * live_filled


def _rest(less: float, return_ratio: float | None, cost_bps: float | None) -> float | None:
    """What the part earned that one mode filled and the other did not."""
    if less == 0:
        return 0.0
    if return_ratio is None or cost_bps is None or not math.isfinite(return_ratio):
        return None
    return less * (return_ratio * BPS - cost_bps)


def _price(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) and value > 0 else None
