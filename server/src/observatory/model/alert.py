"""An alert: one rule's verdict on one member, over time; and its transitions, which are what others act on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from observatory.model.measurement import Measurement


class Phase(StrEnum):
    """Where an alert stands. `inactive` once its condition went away before it fired."""

    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"

    @property
    def open(self) -> bool:
        """Whether the condition holds, as far as is known."""
        return self in (Phase.PENDING, Phase.FIRING)


class Severity(StrEnum):
    """How urgent it is: somebody is woken, somebody looks today, somebody may want to know."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 for `info`; grows with urgency."""
        return _RANK[self]


_RANK = {Severity.INFO: 0, Severity.WARNING: 1, Severity.CRITICAL: 2}


@dataclass(frozen=True, slots=True)
class Alert:
    """One rule on one member in one environment.

    Attributes:
        fingerprint: stable hash of environment, rule and member.
        environment: where.
        rule: id of the rule.
        member: what of its members: `binance`, `openai/gpt-4o`; empty for the whole.
        severity: of the rule.
        phase: where it stands.
        since: since when it stands there.
        started_at: first bad observation of this episode.
        fired_at: when this episode fired; None before that.
        resolved_at: when this episode resolved; None before that.
        seen_at: newest observation that spoke for the alert.
        episode: counts up with each firing, from 1; 0 when it never fired. The alert's id is `fingerprint:episode`.
        measurement: the number that was judged; None when there is none.
        bound: what it was held against, in words; empty when nothing was.
        sentence: what is wrong, in words, with value, bound and window.
        area: the area it belongs to; empty for Observatory itself.
        services: catalogue ids of the services concerned.
        labels: the rule's labels.
        runbook: id of the runbook; empty without one.
        evidence: trace ids or links.
        no_data: whether nothing is known of the member now.
    """

    fingerprint: str
    environment: str
    rule: str
    member: str
    severity: Severity
    phase: Phase
    since: datetime
    started_at: datetime
    fired_at: datetime | None
    resolved_at: datetime | None
    seen_at: datetime
    episode: int
    measurement: Measurement | None
    bound: str
    sentence: str
    area: str
    services: tuple[str, ...]
    labels: Mapping[str, str]
    runbook: str
    evidence: tuple[str, ...]
    no_data: bool

    @property
    def id(self) -> str:
        """`fingerprint:episode`."""
        return f"{self.fingerprint}:{self.episode}"


@dataclass(frozen=True, slots=True)
class Transition:
    """A change of phase.

    Attributes:
        alert: as it is after the change.
        before: the phase that it left.
        at: when.
        reason: why, in words.
    """

    alert: Alert
    before: Phase
    at: datetime
    reason: str


def fingerprint(environment: str, rule: str, member: str) -> str:
    """A stable hash of the three, 24 hexadecimal digits."""
    told = "\0".join((environment, rule, member)).encode()
    return hashlib.blake2b(told, digest_size=12).hexdigest()
