"""Silence: is a source quiet by chance, or has it stopped?"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from scipy import special

FACTOR = 3.0
RARE = 0.01
LEAST_GAPS = 5

# From so many gaps on their regularity can be told; fewer are taken for chance (Poisson).
_LEAST_FOR_SHAPE = 8
_SHAPES = (0.1, 20.0)
# A gap this much longer than the next longest was an outage, and no example of the usual.
_OUTAGE = 20.0


class Verdict(StrEnum):
    """What the age of the newest event means."""

    FLOWING = "flowing"
    SILENT = "silent"
    UNKNOWN = "unknown"

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        return _SENTENCES[self]


_SENTENCES = {
    Verdict.FLOWING: "Events come as usual.",
    Verdict.SILENT: "Nothing has come for longer than the usual gap and chance explain.",
    Verdict.UNKNOWN: "Too few events were seen to know the usual gap.",
}


@dataclass(frozen=True, slots=True)
class Silence:
    """The verdict, and what it rests on.

    `usual_gap_s` is the median gap, `usual_gaps` the age in units of it, `probability` that of so long a gap in a
    source that works as before. They are None while unknown.
    """

    verdict: Verdict
    usual_gap_s: float | None
    usual_gaps: float | None
    probability: float | None
    samples: int


def judge(
    gaps_s: Sequence[float], age_s: float, factor: float = FACTOR, rare: float = RARE, least: int = LEAST_GAPS
) -> Silence:
    """Judge the age of the newest event by the gaps that were usual before.

    A source is silent when the age is above `factor` usual gaps and so long a gap is rarer than `rare`. The probability
    is that of no event in a Poisson process whose rate is known from these gaps only: of few gaps it falls slowly.
    Where the gaps are more regular than chance it falls faster, where they come in bursts more slowly (gaps of a gamma
    distribution, of which Poisson is the shape 1).

    Args:
        gaps_s: recent gaps between events in seconds, in any order; a single outage among them is left out.
        age_s: seconds since the newest event.
        factor: usual gaps that are no silence yet.
        rare: probability above which a gap counts as chance.
        least: fewer gaps than this give no verdict.

    Returns:
        The verdict and what it rests on.

    Source: telemetry contract, section 3 (silent above 3 usual gaps); predictive survival of a gamma renewal process,
    J. Aitchison, I. Dunsmore, Statistical prediction analysis (1975), ch. 2.
    """
    gaps = sorted(gap for gap in gaps_s if gap is not None and math.isfinite(gap) and gap >= 0)
    if len(gaps) > least and gaps[-1] > _OUTAGE * gaps[-2]:
        gaps.pop()
    if len(gaps) < max(1, least) or not math.isfinite(age_s) or sum(gaps) == 0:
        return Silence(Verdict.UNKNOWN, None, None, None, len(gaps))
    age = max(0.0, age_s)
    usual = statistics.median(gaps)
    probability = _survival(gaps, age)
    silent = age > factor * usual and probability < rare
    ratio = age / usual if usual else None
    return Silence(Verdict.SILENT if silent else Verdict.FLOWING, usual, ratio, probability, len(gaps))


def _survival(gaps: list[float], age: float) -> float:
    """The next gap per the sum of those seen is beta prime distributed when gaps are of one gamma shape."""
    shape, total = _shape(gaps), math.fsum(gaps)
    return float(special.betainc(len(gaps) * shape, shape, total / (total + age)))


def _shape(gaps: list[float]) -> float:
    variance = statistics.variance(gaps) if len(gaps) >= _LEAST_FOR_SHAPE else 0.0
    if len(gaps) < _LEAST_FOR_SHAPE:
        return 1.0
    low, high = _SHAPES
    return high if variance == 0 else min(high, max(low, statistics.fmean(gaps) ** 2 / variance))
