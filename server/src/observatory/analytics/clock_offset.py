"""How far a venue's clock is from ours, from one-way lags alone.

A lag is our time of receipt less the venue's time of the event: transit, less what the venue's clock is ahead of ours.
The smallest lags are those of the fastest transits, so their lower envelope shows the clock.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

LEAST_LAGS = 5
_BLOCKS = 8
_LEAST_BLOCK = 5


@dataclass(frozen=True, slots=True)
class Offset:
    """`ahead_ms` is how far the venue's clock is ahead of ours (negative: behind), give or take `uncertainty_ms`.

    A latency below the uncertainty is not told from 0.
    """

    ahead_ms: float
    uncertainty_ms: float
    samples: int


def estimate(lags_ms: Sequence[float], round_trip_ms: float | None = None, least: int = LEAST_LAGS) -> Offset | None:
    """The offset of a venue's clock.

    The lags are cut into up to eight blocks in time, and the envelope is the median of the blocks' smallest lags: one
    event dated into the future does not move it. How far the blocks' minima lie apart (the farthest one left out) is
    the uncertainty, which a drifting clock widens.

    One-way lags alone cannot tell a slow way from a clock that is behind. With the smallest round trip to the venue
    the way takes between nothing and all of it: half of it is taken, half of it is uncertain. Without one, the venue's
    clock counts as right unless events come before they happened.

    Args:
        lags_ms: receipt less event in milliseconds, oldest first; negative ones are what this is for.
        round_trip_ms: smallest time of a request to the venue and back.
        least: fewer lags than this give no estimate.

    Returns:
        The offset with its uncertainty; None for too few lags.

    Source: the minimum filter of D. Mills, Computer network time synchronization (2006), ch. 3; one-way envelopes:
    S. Moon, P. Skelly, D. Towsley, Estimation and removal of clock skew from network delay measurements, INFOCOM
    (1999).
    """
    lags = [lag for lag in lags_ms if lag is not None and math.isfinite(lag)]
    if len(lags) < max(1, least):
        return None
    minima = _minima(lags)
    envelope = statistics.median(minima)
    away = sorted(abs(each - envelope) for each in minima)
    spread = away[-2] if len(away) >= 4 else away[-1]
    if round_trip_ms is None:
        return Offset(max(0.0, -envelope), spread, len(lags))
    half = max(0.0, round_trip_ms) / 2
    return Offset(half - envelope, half + spread, len(lags))


def latency_ms(lag_ms: float, offset: Offset | None) -> float | None:
    """The latency behind a lag: what is left when the venue's clock is put right.

    Args:
        lag_ms: receipt less event in milliseconds.
        offset: of the venue's clock, where known.

    Returns:
        Milliseconds, 0 or more; None when the lag is negative and no offset explains it.
    """
    if offset is None:
        return lag_ms if lag_ms >= 0 else None
    return max(0.0, lag_ms + offset.ahead_ms)


def _minima(lags: list[float]) -> list[float]:
    blocks = max(1, min(_BLOCKS, len(lags) // _LEAST_BLOCK))
    edges = [place * len(lags) // blocks for place in range(blocks + 1)]
    return [min(lags[start:end]) for start, end in pairwise(edges)]
