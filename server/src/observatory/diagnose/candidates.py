"""A suspect in the making: every reason for it, and how it is handed out. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from observatory.diagnose.diagnosis import Suspect
from observatory.diagnose.measures import tables
from observatory.model.evidence import Evidence

MOST = 10


@dataclass(slots=True)
class Candidate:
    """A suspect in the making."""

    kind: str
    subject: str
    cause: str = ""
    service: str = ""
    services: set[str] = field(default_factory=set)
    score: float = 0.0
    sorts: set[str] = field(default_factory=set)
    onset: datetime | None = None
    surprise: float = 0.0
    symptom: bool = False
    held: bool = False
    common: bool = True
    never: bool = False
    evidence: dict[str, tuple[float, str, Evidence]] = field(default_factory=dict)

    def add(self, score: float, cause: str, by: str, told: Iterable[Evidence], at: datetime | None = None) -> None:
        """A reason for it: how much it says, of which kind, and its evidence."""
        if score > self.score:
            self.score, self.cause, self.onset = score, cause, at or self.onset
        for each in told:
            self.evidence.setdefault(each.id, (score, by, each))

    @property
    def kinds(self) -> int:
        """How many kinds of evidence name it."""
        return len({by for _, by, _ in self.evidence.values()})


def wider_first(candidates: list[Candidate]) -> list[Candidate]:
    """Of what is as likely the wider comes first, as the tables name them: a provider, then its models."""
    width = {kind: nth for nth, kind in enumerate(dict.fromkeys(table.kind for table in tables()))}
    made: list[Candidate] = []
    for each in candidates:
        place = len(made)
        while (
            place
            and _as_likely(each, made[place - 1])
            and width.get(each.kind, 99) < width.get(made[place - 1].kind, 99)
        ):
            place -= 1
        made.insert(place, each)
    return made


def _as_likely(one: Candidate, other: Candidate) -> bool:
    return one.score >= 0.93 * other.score and bool(one.services & other.services) and one.symptom is other.symptom


def listed(candidates: Iterable[Candidate]) -> tuple[Suspect, ...]:
    """The first of them, as they are handed out."""
    return tuple(
        Suspect(
            cause=each.cause,
            kind=each.kind,
            subject=each.subject,
            service=each.service,
            role="symptom" if each.symptom else "cause",
            score=round(min(each.score, 0.99), 4),
            onset=each.onset,
            sentence=strongest(each)[0].sentence,
            evidence=tuple(one.id for one in strongest(each)[:6]),
        )
        for each in list(candidates)[:MOST]
    )


def strongest(candidate: Candidate) -> list[Evidence]:
    # Of one score in the order in which they were added.
    told = sorted(candidate.evidence.values(), key=lambda each: -each[0])
    return [each for _, _, each in told]
