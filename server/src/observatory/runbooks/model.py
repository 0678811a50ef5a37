"""What a runbook is made of. Immutable."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from observatory.model import Bound

LookKind = Literal["indicator", "series", "endpoint", "services", "alerts", "slos", "metric"]
CheckKind = Literal["indicator", "alerts", "service"]


class Outcome(StrEnum):
    """What a check says: over, not over, or that nobody can tell."""

    RECOVERED = "recovered"
    NOT_YET = "not_yet"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Look:
    """A question that is asked while the runbook is read.

    Attributes:
        kind: what is asked: an indicator's newest values or its series, a section of an endpoint, the services that are
            not well (or the one that is concerned), alerts that fire, objectives that burn, a counter of Observatory's.
        of: id of the indicator, path of the endpoint, or name of the counter; empty where there is one answer only.
        section: the endpoint's section.
        window_s: seconds that are looked back.
    """

    kind: LookKind
    of: str
    section: str = ""
    window_s: int = 3_600


@dataclass(frozen=True, slots=True)
class Step:
    """What to do, and what to look at while doing it."""

    do: str
    looks: tuple[Look, ...]


@dataclass(frozen=True, slots=True)
class Check:
    """How it is known to be over.

    Attributes:
        kind: an indicator is within its bound, no alert of the runbook's rules is open, or the service is well.
        of: id of the indicator; empty for the others.
        held_s: seconds for which it must have been so.
        bound: what is bad; None: the indicator's warning bound, or its critical one when it has no other.
    """

    kind: CheckKind
    of: str
    held_s: int
    bound: Bound | None = None


@dataclass(frozen=True, slots=True)
class Runbook:
    """One runbook.

    Attributes:
        id: as rules name it.
        title: what it is about.
        means: what that means for the people who use the platform.
        steps: what to do, in order.
        checks: all of them must say that it is over.
    """

    id: str
    title: str
    means: str
    steps: tuple[Step, ...]
    checks: tuple[Check, ...]
