"""What a diagnosis says: every part of it, and the evidence that it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from observatory.model.evidence import Evidence

Measure = Literal["slow_or_failed", "share", "duration_ms"]
Confidence = Literal["high", "medium", "low", "none"]

# What a confidence means, told with each answer.
MEANING: Mapping[Confidence, str] = {
    "high": "the first suspect deviates far beyond what it did before, it was first or at the onset, at least two "
    "kinds of evidence name it, and no other comes near",
    "medium": "the first suspect deviates beyond what it did before, but one kind of evidence alone names it or "
    "another comes near",
    "low": "something deviates, but it explains little of the trouble, or several are as likely",
    "none": "no suspect: nothing deviates beyond what was there before, or there is not enough evidence",
}


@dataclass(frozen=True, slots=True)
class Stretch:
    """A range of time. `chosen`: it was found by itself, and not given."""

    start: datetime
    end: datetime
    chosen: bool


@dataclass(frozen=True, slots=True)
class Hop:
    """A place on the critical paths, over all traces that were read.

    Attributes:
        service, operation: what runs there.
        hop: how the path comes to it: `root`, `call`, `message`, `link` or `gap`.
        usual_ms, now_ms: mean time on the path per trace, its own and what passed before it began.
        added_ms: the difference.
        added_ratio: its share of all that was added; None when nothing was.
        usual_failed, now_failed: share of the traces in which it failed and none of those below it did.
        failed_ratio: its share of all failures that were added; None when none were.
        traces: traces now in which it is on the path.
    """

    service: str
    operation: str
    hop: str
    usual_ms: float
    now_ms: float
    added_ms: float
    added_ratio: float | None
    usual_failed: float
    now_failed: float
    failed_ratio: float | None
    traces: int


@dataclass(frozen=True, slots=True)
class Contrast:
    """One value of an attribute that stands out.

    Attributes:
        attribute, value: which.
        measure: `slow_or_failed` (share of bad traces with it against those without), `share` (of the traces now
            against before) or `duration_ms` (of its spans, now against before).
        now, usual: both numbers.
        effect: difference of the shares, or of the durations as a share of the usual one.
        chance: probability that it is chance, corrected for all that were compared (Benjamini and Hochberg).
        samples: traces or spans with the value.
        services: that recorded it, the one with the most first.
        evidence: ids.
    """

    attribute: str
    value: str
    measure: Measure
    now: float
    usual: float
    effect: float
    chance: float
    samples: int
    services: tuple[str, ...]
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """Something that was changed near the onset.

    Attributes:
        kind: `deployment`, `config`, `flag`, `model`, `price`, `strategy`, `breaker`, `failover`, `degradation`, ...
        subject: what was changed.
        service: catalogue id of the service concerned; empty when that is not told.
        at: when it was first told.
        sentence: in words.
        before_onset_s: seconds from it to the onset; negative when it came after.
        times: how often within ten minutes.
        evidence: ids.
    """

    kind: str
    subject: str
    service: str
    at: datetime
    sentence: str
    before_onset_s: float
    times: int = 1
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Suspect:
    """What may have caused it.

    Attributes:
        cause: what kind of trouble it is, such as `provider_slow`, `deployment`, `pool_saturation`.
        kind: what the subject is: `service`, `exchange`, `provider`, `model`, `queue`, `pool`, `change`, ...
        subject: its name.
        service: catalogue id of the service that showed it; empty when none did.
        role: `symptom` when another suspect explains it.
        score: 0 to 1; comparable within one diagnosis.
        onset: when it left what was usual; None when that is not known.
        sentence: in words.
        evidence: ids, the strongest first.
    """

    cause: str
    kind: str
    subject: str
    service: str
    role: Literal["cause", "symptom"]
    score: float
    onset: datetime | None
    sentence: str
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The answer.

    Attributes:
        kind, subject: what was asked about.
        environment: where.
        verdict: one sentence.
        confidence: of the first suspect; its meaning is in `MEANING`.
        enough: whether there was enough evidence to say anything.
        missing: what was not there or could not be read, in words.
        window: what was looked at.
        baseline: what it was held against; None when there was none.
        onset: when the trouble began; None when nothing changed.
        traces_usual, traces_now: how many traces the path and the contrasts rest on.
        path, contrasts, changes, suspects: the parts, the strongest first.
        evidence: all that they rest on.
    """

    kind: str
    subject: str
    environment: str
    verdict: str
    confidence: Confidence
    enough: bool
    missing: tuple[str, ...]
    window: Stretch
    baseline: Stretch | None
    onset: datetime | None
    traces_usual: int = 0
    traces_now: int = 0
    path: tuple[Hop, ...] = ()
    contrasts: tuple[Contrast, ...] = ()
    changes: tuple[Change, ...] = ()
    suspects: tuple[Suspect, ...] = ()
    evidence: tuple[Evidence, ...] = field(default=())
