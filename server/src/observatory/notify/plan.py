"""Changes become messages. Pure: what is muted, grouped or sent is decided later, so that nothing is lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from observatory.model.alert import Alert, Phase, Severity, Transition
from observatory.model.incident import Incident, IncidentChange
from observatory.model.notification import Kind, Message, Status
from observatory.state.deliveries import GivenUp


def plan(
    transitions: Sequence[Transition],
    incidents: Sequence[IncidentChange],
    beginnings: Mapping[str, Message] | None = None,
) -> list[Message]:
    """The messages to be, in the order of the changes.

    An alert that fires is told, and so is its end; what is only to be known (`info`) has no end that anybody waits for.

    Args:
        transitions: changes of alerts.
        incidents: what became of incidents by them.
        beginnings: by alert id, the message that it fires, of what was told before: its end is told with it.
    """
    folded = _folded(incidents)
    before = beginnings or {}
    return [
        _of_alert(each, folded.get(each.alert.id), before.get(each.alert.id)) for each in transitions if _told(each)
    ]


def _folded(changes: Sequence[IncidentChange]) -> Mapping[str, Incident]:
    found: dict[str, Incident] = {}
    for change in changes:
        if change.incident.merged_into is None:
            found |= dict.fromkeys(change.incident.alerts, change.incident)
    return found


def _told(change: Transition) -> bool:
    if change.alert.phase is Phase.FIRING:
        return True
    ended = change.alert.phase is Phase.RESOLVED
    return ended and change.alert.severity is not Severity.INFO


def _of_alert(change: Transition, incident: Incident | None, beginning: Message | None) -> Message:
    alert = change.alert
    status = Status.FIRING if alert.phase is Phase.FIRING else Status.RESOLVED
    part = incident.id if incident is not None else beginning.incident if beginning is not None else ""
    told_with = grouping(alert, part) if beginning is None else beginning.grouping
    return Message(
        key=f"{alert.id}:{status.value}",
        kind=Kind.ALERT,
        environment=alert.environment,
        grouping=told_with,
        severity=alert.severity,
        status=status,
        at=change.at,
        title=title(alert),
        text=_cause(alert, incident),
        alert=alert,
        incident=part,
    )


def _cause(alert: Alert, incident: Incident | None) -> str:
    """What is thought to be behind it, if that is not the alert itself."""
    if incident is None or incident.root in ("", alert.id) or alert.phase is not Phase.FIRING:
        return ""
    return f"suspected cause: {incident.title} ({incident.reason}; confidence {incident.confidence:.0%})"


def grouping(alert: Alert, incident: str) -> str:
    """What is told together: one trouble, or one rule when nobody knows of what trouble it is."""
    return f"incident/{incident}" if incident else f"rule/{alert.environment}/{alert.rule}"[:256]


def title(alert: Alert) -> str:
    """The alert in one line."""
    return f"{alert.rule} ({alert.member})" if alert.member else alert.rule


def as_it_stands(alert: Alert, at: datetime) -> Message:
    """An alert as a message by itself, for a system that keeps its own state."""
    status = Status.FIRING if alert.phase is Phase.FIRING else Status.RESOLVED
    told = Transition(alert, Phase.INACTIVE, at, "")
    return replace(_of_alert(told, None, None), status=status)


def again(alert: Alert, beginning: Message, given_up: GivenUp, at: datetime) -> Message:
    """That an alert fires, once more, for a channel that could not tell it.

    Args:
        alert: as it stands.
        beginning: the message that it fires.
        given_up: by which channel, and how often.
        at: now.
    """
    return replace(
        beginning,
        key=f"{alert.id}:again:{given_up.channel}:{given_up.times}",
        at=at,
        alert=alert,
        targets=(given_up.channel,),
    )


def reminder(alert: Alert, beginning: Message, told_at: datetime, at: datetime) -> Message:
    """That an alert fires still.

    Args:
        alert: as it stands.
        beginning: the message that it fires.
        told_at: when somebody was told of it last.
        at: now.
    """
    return replace(
        beginning,
        key=f"{alert.id}:reminder:{told_at.isoformat()}",
        kind=Kind.REMINDER,
        at=at,
        text="it fires still, and nobody took it",
        alert=alert,
    )
