"""Quiet or broken: does nobody trade, or has a feed lost the market? Other venues bear witness."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

LEAST_AGE_S = 5.0
LEAST_GAPS = 5.0
# e^-16: one false word in nine million looks.
LEAST_SURPRISE = 16.0


class Verdict(StrEnum):
    """What the age of a feed's newest event means."""

    FLOWING = "flowing"
    QUIET = "quiet"
    BROKEN = "broken"
    UNKNOWN = "unknown"

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        return _SENTENCES[self]


_SENTENCES = {
    Verdict.FLOWING: "Events come as usual.",
    Verdict.QUIET: "Nothing has come for long, and what other venues brought since does not say that it should have.",
    Verdict.BROKEN: "Nothing has come while other venues traded, for longer than chance explains.",
    Verdict.UNKNOWN: "Too little was seen to know what is usual.",
}


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict and what it rests on.

    `usual_gaps` is the age in units of the usual gap, `probability` that of so long a silence in a feed that works.
    They are None while unknown.
    """

    verdict: Verdict
    usual_gaps: float | None
    probability: float | None


def surprise(events: int, others_before: int, others_since: int) -> float:
    """How strange a silence is, as minus the natural logarithm of its probability.

    While the others brought `others_before` events, the feed brought `events`; since then they brought `others_since`
    and it none. Its events per event of theirs are taken as unknown but for that (a gamma distribution), so few
    events are weak evidence. A market that slows down everywhere is no surprise: time does not enter.

    Args:
        events: of the feed, before it fell silent.
        others_before: of the other venues in the same time.
        others_since: of the other venues since its newest event.

    Returns:
        0 and more; 16 is about one in nine million.

    Source: predictive distribution of a gamma-Poisson pair, J. Aitchison, I. Dunsmore, Statistical prediction analysis
    (1975), ch. 2.
    """
    if events <= 0 or others_since <= 0:
        return 0.0
    return events * math.log1p(others_since / max(others_before, 1))


def judge(
    age_s: float,
    usual_gap_s: float | None,
    events: int,
    others_before: int,
    others_since: int,
    least_age_s: float = LEAST_AGE_S,
    least_gaps: float = LEAST_GAPS,
) -> Judgement:
    """Judge the age of a feed's newest event.

    Args:
        age_s: seconds since its newest event came.
        usual_gap_s: its mean time between events, where known.
        events: its events before.
        others_before: those of the other venues in the same time.
        others_since: those of the other venues since its newest event.
        least_age_s: a younger event is no silence.
        least_gaps: nor is one of fewer usual gaps.

    Returns:
        Broken when the age is beyond both bounds and the others' events make it no chance; quiet when it is long and
        they do not.

    Source: telemetry contract, section 3 (stale beyond 5 s and 5 usual gaps while another venue trades it).
    """
    if usual_gap_s is None or not math.isfinite(usual_gap_s) or usual_gap_s <= 0 or events <= 0:
        return Judgement(Verdict.UNKNOWN if age_s > least_age_s else Verdict.FLOWING, None, None)
    gaps = max(0.0, age_s) / usual_gap_s
    strange = surprise(events, others_before, others_since)
    if age_s <= least_age_s or gaps <= least_gaps:
        return Judgement(Verdict.FLOWING, gaps, math.exp(-strange))
    verdict = Verdict.BROKEN if strange >= LEAST_SURPRISE else Verdict.QUIET
    return Judgement(verdict, gaps, math.exp(-strange))
