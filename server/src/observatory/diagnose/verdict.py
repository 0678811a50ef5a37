"""The answer in one sentence, and how sure it is. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from observatory.diagnose.candidates import Candidate
from observatory.diagnose.deviation import Deviation
from observatory.diagnose.diagnosis import Confidence, Hop, Suspect
from observatory.diagnose.facts import number
from observatory.diagnose.subject import Subject

# A suspect that scores less is told, and not believed.
_HIGH = 0.55
_MEDIUM = 0.35
# Where what was asked about is itself as usual, only what is clear counts.
_CALM = 0.5
_CALM_OWN = 0.45
_CALM_SURPRISE = 2.0
_AHEAD = 0.85


def confidence(candidates: Sequence[Candidate], calm: bool, targets: Collection[str]) -> Confidence:
    """Of the first candidate.

    Args:
        candidates: the likeliest first.
        calm: whether the calls of what was asked about are as usual.
        targets: its services: what they themselves recorded is about it, whatever its calls say.
    """
    if not candidates:
        return "none"
    first = candidates[0]
    its_own = bool(first.services & set(targets))
    # Of what there should be none of, what is beyond chance is enough.
    sure = first.surprise >= (1.0 if first.never else _CALM_SURPRISE)
    if calm and (first.score < (_CALM_OWN if its_own else _CALM) or not sure):
        return "none"
    others = [each for each in candidates[1:] if not each.symptom and not _same(first, each)]
    ahead = not others or others[0].score <= _AHEAD * first.score
    if first.score >= _HIGH and first.kinds >= 2 and ahead and not calm and first.surprise >= 1:
        return "high"
    return "medium" if first.score >= _MEDIUM and (ahead or first.kinds >= 2) else "low"


def _same(one: Candidate, other: Candidate) -> bool:
    """Two names of one trouble rest on the same evidence, or are of one service."""
    return bool(one.evidence.keys() & other.evidence.keys()) or bool(one.service and one.service == other.service)


def sentence(
    subject: Subject,
    own: Sequence[Deviation],
    suspects: Sequence[Suspect],
    path: Sequence[Hop],
    onset: datetime | None,
    sure: Confidence,
) -> str:
    """What happened to what was asked about, and what most likely caused it."""
    told = _told(subject, own)
    when = f" since {onset:%Y-%m-%d %H:%M:%S} UTC" if onset and own else ""
    if sure == "none":
        if own:
            return f"{told}{when}, and nothing that was looked at explains it."
        return f"Nothing unusual: {subject.sentence} is as it was before, and so is what it depends on."
    first = suspects[0]
    likely = {"high": "", "medium": "most likely ", "low": "possibly "}[sure]
    name = first.subject if first.kind == "service" else f"{first.kind.replace('_', ' ')} {first.subject}"
    cause = f"{likely}because of {name} ({first.cause.replace('_', ' ')}): {first.sentence}"
    hop = next((each for each in path if (each.added_ratio or 0) >= 0.2 and own), None)
    share = f"; {hop.added_ratio:.0%} of the added time is in {hop.service} {hop.operation}" if hop else ""
    return f"{told}{when}, {cause}{share}."


def _told(subject: Subject, own: Sequence[Deviation]) -> str:
    name = subject.sentence[0].upper() + subject.sentence[1:]
    if not own:
        return f"{name} itself is as it was before, but something that it depends on is not"
    parts = []
    for each in sorted(own, key=lambda one: (-one.surprise, one.series.measure.name))[:2]:
        usual, level = (number(value, each.series.measure.unit) for value in (each.usual, each.level))
        parts.append(f"{each.series.measure.name} {'rose' if each.up else 'fell'} from {usual} to {level}")
    return f"{name}: {' and '.join(parts)}"
