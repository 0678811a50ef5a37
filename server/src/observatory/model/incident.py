"""An incident: alerts that are thought to be one trouble, what became of them, and every change of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from observatory.model.alert import Severity

Kind = Literal[
    "opened",
    "joined",
    "severity",
    "acknowledged",
    "mitigated",
    "resolved",
    "reopened",
    "merged",
    "split",
    "note",
]


class State(StrEnum):
    """How far an incident is. `mitigated`: nothing critical of it fires any more, or somebody said so."""

    OPENED = "opened"
    ACKNOWLEDGED = "acknowledged"
    MITIGATED = "mitigated"
    RESOLVED = "resolved"

    @property
    def open(self) -> bool:
        """Whether something of it still fires."""
        return self is not State.RESOLVED


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident as it stands.

    Attributes:
        id: short, and sorted by the time of opening.
        environment: where; alerts of two environments are never one incident.
        title: what it is about, in words: the sentence of its root.
        state: how far it is.
        severity: the worst that any of its alerts had.
        opened_at: when its first alert fired.
        first_deviation_at: change point of the indicator that moved first; None until or unless one was found.
        acknowledged_at: when somebody took it; None before that.
        mitigated_at: when the worst was over; None before that.
        resolved_at: when its last alert ended; None before that.
        alerts: ids (`fingerprint:episode`) of its alerts, in the order in which they joined.
        services: catalogue ids of the services concerned, in that order.
        areas: area ids, in that order.
        root: id of the alert that is thought to be the first cause.
        reason: why its alerts are one incident, in words.
        confidence: of the weakest link that holds it together, 0 to 1; 1 for a single alert.
        merged_into: id of the incident that took its alerts; None when it stands by itself.
        first_acknowledged_at: when somebody took it first, whatever became of that; None before that.
    """

    id: str
    environment: str
    title: str
    state: State
    severity: Severity
    opened_at: datetime
    first_deviation_at: datetime | None
    acknowledged_at: datetime | None
    mitigated_at: datetime | None
    resolved_at: datetime | None
    alerts: tuple[str, ...]
    services: tuple[str, ...]
    areas: tuple[str, ...]
    root: str
    reason: str
    confidence: float
    merged_into: str | None = None
    first_acknowledged_at: datetime | None = None

    @property
    def open(self) -> bool:
        """Whether it stands by itself and is not resolved."""
        return self.state.open and self.merged_into is None


@dataclass(frozen=True, slots=True)
class Member:
    """One alert as part of an incident: of each fingerprint its newest episode.

    Attributes:
        alert: id of the newest episode.
        rule, member: what the alert is of.
        severity: of the rule.
        sentence: what is wrong, in words, as it was when it fired.
        subjects: what it is about, as in `exchange binance`, from its labels.
        services: catalogue ids of the services concerned.
        area: area id; empty for Observatory itself.
        evidence: trace ids or links.
        runbook: id of the runbook; empty without one.
        started_at: first bad observation of its first episode here.
        first_fired_at: when its first episode here fired.
        fired_at: when its newest episode fired.
        resolved_at: when its newest episode ended; None while it fires.
        joined_at: when it became part of this incident.
        deviated_at: change point of its indicator's series; None until or unless one was found.
        times: how often it fired within this incident.
        link: id of the alert that it was folded by; empty for the one that opened the incident.
        reason: why it was folded into this incident, in words.
        confidence: how sure that is, 0 to 1.
    """

    alert: str
    rule: str
    member: str
    severity: Severity
    sentence: str
    subjects: tuple[str, ...]
    services: tuple[str, ...]
    area: str
    evidence: tuple[str, ...]
    runbook: str
    started_at: datetime
    first_fired_at: datetime
    fired_at: datetime
    resolved_at: datetime | None
    joined_at: datetime
    deviated_at: datetime | None
    times: int
    link: str
    reason: str
    confidence: float

    @property
    def fingerprint(self) -> str:
        """The alert's, whatever its episode."""
        return self.alert.rpartition(":")[0]

    @property
    def firing(self) -> bool:
        """Whether its newest episode has not ended."""
        return self.resolved_at is None


@dataclass(frozen=True, slots=True)
class Case:
    """An incident with the alerts that it is made of."""

    incident: Incident
    members: tuple[Member, ...]

    @property
    def firing(self) -> tuple[Member, ...]:
        """Those of its alerts that have not ended."""
        return tuple(each for each in self.members if each.firing)


@dataclass(frozen=True, slots=True)
class Move:
    """Alerts that went from one incident to another by a merge or a split, with what is needed to undo it.

    Attributes:
        key: names this move.
        fingerprints: of the alerts that moved.
        source: the incident that they left, as it was before.
        target: the incident that they went to, as it was before; None when the move made it.
        target_id: its id.
        undoes: key of the move that this one undoes; empty when it undoes none.
    """

    key: str
    fingerprints: tuple[str, ...]
    source: Case
    target: Case | None
    target_id: str
    undoes: str = ""


@dataclass(frozen=True, slots=True)
class IncidentChange:
    """One change of an incident.

    Attributes:
        incident: as it is after the change.
        kind: what changed.
        at: when.
        alert: id of the alert that caused it; None when a person did.
        reason: why, in words.
        actor: who: `server`, or as in the audit log.
        move: the alerts that moved with it; None for all but merges and splits.
    """

    incident: Incident
    kind: Kind
    at: datetime
    alert: str | None
    reason: str
    actor: str = "server"
    move: Move | None = None
