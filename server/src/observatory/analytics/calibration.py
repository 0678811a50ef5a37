"""Calibration: is what a model calls 70 % right 70 % of the time?

Everything takes pairs: a stated confidence (0 to 1) and whether it came true. A pair without an outcome, or with a
confidence that is none, is left out and not counted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from observatory.analytics import intervals

BINS = 10

_Pair = tuple[float, bool]


@dataclass(frozen=True, slots=True)
class Bin:
    """One bin of a reliability curve; `low` and `high` are Wilson's interval of the share that came true."""

    confidence_from: float
    confidence_to: float
    mean_confidence: float
    correct_ratio: float
    low: float
    high: float
    samples: int


@dataclass(frozen=True, slots=True)
class Calibration:
    """The scores of a set of forecasts.

    `ece_by_chance` is the equal-width error that a perfectly calibrated forecaster would show on as few samples: an
    error below it says nothing against the model.
    """

    brier: float
    ece: float
    ece_adaptive: float
    ece_by_chance: float
    samples: int


def score(confidences: Sequence[float | None], outcomes: Sequence[bool | None]) -> Calibration | None:
    """All scores at once.

    Args:
        confidences: stated probabilities, 0 to 1.
        outcomes: whether each came true; as many as confidences.

    Returns:
        The scores, with ten bins; None without pairs.
    """
    pairs = _pairs(confidences, outcomes)
    if not pairs:
        return None
    width, mass = _equal_width(pairs, BINS), _equal_mass(pairs, BINS)
    return Calibration(_brier(pairs), _error(width), _error(mass), _by_chance(width), len(pairs))


def brier(confidences: Sequence[float | None], outcomes: Sequence[bool | None]) -> float | None:
    """Brier score: mean squared distance of the confidence from 1 (came true) or 0 (did not).

    Args:
        confidences: stated probabilities, 0 to 1.
        outcomes: whether each came true.

    Returns:
        0 (certain and right) to 1 (certain and wrong); always saying 0.5 gives 0.25. None without pairs.

    Source: G. Brier, Verification of forecasts expressed in terms of probability, Monthly Weather Review 78 (1950).
    """
    pairs = _pairs(confidences, outcomes)
    return _brier(pairs) if pairs else None


def ece(
    confidences: Sequence[float | None], outcomes: Sequence[bool | None], bins: int = BINS, adaptive: bool = False
) -> float | None:
    """Expected calibration error: distance of mean confidence from the share that came true, weighted over bins.

    Args:
        confidences: stated probabilities, 0 to 1.
        outcomes: whether each came true.
        bins: how many.
        adaptive: bins of (nearly) equal counts instead of equal width; equal confidences stay in one bin.

    Returns:
        0 to 1; None without pairs.

    Source: M. Naeini, G. Cooper, M. Hauskrecht, Obtaining well calibrated probabilities using Bayesian binning, AAAI
    (2015); adaptive: J. Nixon et al., Measuring calibration in deep learning, CVPR workshops (2019).
    """
    pairs = _pairs(confidences, outcomes)
    if not pairs:
        return None
    return _error(_equal_mass(pairs, bins) if adaptive else _equal_width(pairs, bins))


def reliability(
    confidences: Sequence[float | None], outcomes: Sequence[bool | None], bins: int = BINS, adaptive: bool = False
) -> list[Bin]:
    """The reliability curve: what was said against what came true, bin by bin.

    Args:
        confidences: stated probabilities, 0 to 1.
        outcomes: whether each came true.
        bins: how many.
        adaptive: bins of (nearly) equal counts instead of equal width.

    Returns:
        The bins that hold something, lowest first; of equal width their edges are tenths, of equal counts the smallest
        and largest confidence in them.

    Source: A. Murphy, R. Winkler, Reliability of subjective probability forecasts, Applied Statistics 26 (1977).
    """
    pairs = _pairs(confidences, outcomes)
    if adaptive:
        return [_bin(each, each[0][0], each[-1][0]) for each in _equal_mass(pairs, bins)]
    return [
        _bin(each, (place := _place(each[0][0], bins)) / bins, (place + 1) / bins) for each in _equal_width(pairs, bins)
    ]


def _pairs(confidences: Sequence[float | None], outcomes: Sequence[bool | None]) -> list[_Pair]:
    return sorted(
        (float(confidence), bool(outcome))
        for confidence, outcome in zip(confidences, outcomes, strict=True)
        if confidence is not None and outcome is not None and 0 <= confidence <= 1
    )


def _place(confidence: float, bins: int) -> int:
    place = min(int(confidence * bins), bins - 1)
    # The product may round across an edge: 0.57 * 100 is 56.99999999999999.
    return place + 1 if place + 1 < bins and confidence >= (place + 1) / bins else place


def _equal_width(pairs: list[_Pair], bins: int) -> list[list[_Pair]]:
    return [list(members) for _, members in groupby(pairs, lambda pair: _place(pair[0], bins))]


def _equal_mass(pairs: list[_Pair], bins: int) -> list[list[_Pair]]:
    found: list[list[_Pair]] = []
    seen, edge = 0, 0.0
    for _, ties in groupby(pairs, lambda pair: pair[0]):
        members = list(ties)
        if seen >= edge:
            found.append([])
            edge = len(pairs) * (math.floor(seen * bins / len(pairs)) + 1) / bins
        found[-1] += members
        seen += len(members)
    return found


def _brier(pairs: list[_Pair]) -> float:
    return math.fsum((confidence - outcome) ** 2 for confidence, outcome in pairs) / len(pairs)


def _means(members: list[_Pair]) -> tuple[float, float]:
    count = len(members)
    return math.fsum(each for each, _ in members) / count, sum(outcome for _, outcome in members) / count


def _error(binned: list[list[_Pair]]) -> float:
    total = sum(len(members) for members in binned)
    return math.fsum(len(members) / total * abs(said - came) for members in binned for said, came in [_means(members)])


def _by_chance(binned: list[list[_Pair]]) -> float:
    """The mean distance of a normal variable from its mean is its deviation times the root of 2 / pi."""
    total = sum(len(members) for members in binned)
    variances = (math.fsum(each * (1 - each) for each, _ in members) for members in binned)
    return math.fsum(math.sqrt(2 / math.pi * variance) for variance in variances) / total


def _bin(members: list[_Pair], low: float, high: float) -> Bin:
    said, came = _means(members)
    ends = intervals.wilson(came, len(members)) or (0.0, 1.0)
    return Bin(low, high, said, came, *ends, len(members))
