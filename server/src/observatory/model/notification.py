"""A message to be told, and what became of it: each change first becomes a message, delivery comes after."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from observatory.model.alert import Alert, Severity


class Kind(StrEnum):
    """What a message is about."""

    ALERT = "alert"
    INCIDENT = "incident"
    ESCALATION = "escalation"
    REMINDER = "reminder"
    DIGEST = "digest"
    TEST = "test"


class Status(StrEnum):
    """What a message says: something began, something ended, or neither."""

    FIRING = "firing"
    RESOLVED = "resolved"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Message:
    """Something that somebody is to be told.

    Attributes:
        key: names it for ever; a message whose key is known is not added again.
        kind: what it is about.
        environment: where.
        grouping: messages of one grouping are told together; one incident, or one rule.
        severity: how urgent it is.
        status: what it says.
        at: when it became true.
        title: one line.
        text: more lines, plain or Markdown; empty when the alert says it all.
        html: the same as HTML, for e-mail; empty without one.
        alert: the alert as it was at that time; None for what is not about one.
        incident: id of the incident that it belongs to; empty without one.
        targets: ids of the channels that are to tell it; empty: those whose routes fit.
        person: who is meant; empty: whoever reads the channel.
    """

    key: str
    kind: Kind
    environment: str
    grouping: str
    severity: Severity
    status: Status
    at: datetime
    title: str
    text: str = ""
    html: str = ""
    alert: Alert | None = None
    incident: str = ""
    targets: tuple[str, ...] = ()
    person: str = ""


class Outcome(StrEnum):
    """How one attempt to send ended. Only a `failed` one is tried again."""

    SENT = "sent"
    FAILED = "failed"
    REFUSED = "refused"


class DeliveryState(StrEnum):
    """Where a delivery stands. `suppressed`: nobody is told, and the reason says why."""

    QUEUED = "queued"
    SENT = "sent"
    FAILED = "failed"
    SUPPRESSED = "suppressed"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to send a delivery.

    Attributes:
        at: when it began.
        took_ms: how long it took.
        outcome: how it ended.
        detail: what the other side said, without secrets.
    """

    at: datetime
    took_ms: int
    outcome: Outcome
    detail: str
