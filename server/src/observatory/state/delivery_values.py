"""What the ledger of notifications holds, as immutable values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from observatory.model.alert import Severity
from observatory.model.notification import DeliveryState, Message, Status


@dataclass(frozen=True, slots=True)
class Delivery:
    """One notification to one channel, or the note that none was sent.

    Attributes:
        key: names it for ever; goes out with it, so that a repetition is known as one.
        channel: id of the channel; empty when nobody was told.
        kind, environment, grouping, severity, status: as of its messages; the worst, if they differ.
        state: where it stands.
        stage, reason: which stage suppressed, put off or ended it, and why in words.
        created_at: when it was written down.
        due_at: when it is tried next.
        messages: what it tells, oldest first.
        note: why it is sent: first notification, new alerts added, ...
        id: counts up; 0 before it is kept.
        attempts: how often it was tried.
        sent_at: when the other side took it; None before that.
    """

    key: str
    channel: str
    kind: str
    environment: str
    grouping: str
    severity: Severity
    status: Status
    state: DeliveryState
    stage: str
    reason: str
    created_at: datetime
    due_at: datetime
    messages: tuple[Message, ...]
    note: str = ""
    id: int = 0
    attempts: int = 0
    sent_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """Which deliveries are asked for; an empty field asks for all."""

    environment: str = ""
    channel: str = ""
    fingerprint: str = ""
    kind: str = ""
    states: tuple[str, ...] = ()
    stage: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """How a channel does.

    Attributes:
        channel: its id.
        failures: attempts that failed since the last that did not.
        failing_since: when the first of them failed; None when there are none.
        sent_at, failed_at: newest attempt that ended so.
        error: what the newest failed one said.
        given_up: messages that were given up since the last one that was delivered.
    """

    channel: str
    failures: int = 0
    failing_since: datetime | None = None
    sent_at: datetime | None = None
    failed_at: datetime | None = None
    error: str = ""
    given_up: int = 0


@dataclass(frozen=True, slots=True)
class Past:
    """What a grouping was told before, by channel: alert ids with what was said last, and when the last was made."""

    told: Mapping[str, Mapping[str, Status]] = field(default_factory=dict)
    last_at: datetime | None = None
    worst: Severity | None = None


@dataclass(frozen=True, slots=True)
class GivenUp:
    """That a channel was to tell of an alert, and could not.

    Attributes:
        alert: its id.
        channel: the channel.
        at: when it gave up last.
        times: how often it did.
    """

    alert: str
    channel: str
    at: datetime
    times: int
