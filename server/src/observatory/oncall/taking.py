"""What people do: take an alert or an incident, give it back, write something down. Inside one transaction, audited."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from observatory import incidents
from observatory.errors import InvalidRequest, NotFound
from observatory.model.alert import Phase
from observatory.oncall import escalation
from observatory.oncall.news import tell_taken
from observatory.oncall.records import of_record, to_record
from observatory.oncall.standing import Standing
from observatory.state import Rows
from observatory.state.oncall import Acknowledgement, Note

ALERT = re.compile(r"alert:([0-9a-f]{24}):([1-9][0-9]{0,9})")
INCIDENT = re.compile(r"incident:([0-9]{8}t[0-9]{6}-[0-9a-f]{8})")
_MOST_MERGES = 20


async def look(rows: Rows, subject: str) -> Standing:
    """How it stands.

    Raises:
        InvalidRequest: the subject is neither an alert nor an incident.
        NotFound: there is none.
    """
    if (found := ALERT.fullmatch(subject)) is not None:
        return await _alert(rows, subject, found[1], int(found[2]))
    if (found := INCIDENT.fullmatch(subject)) is not None:
        return await _incident(rows, found[1])
    raise InvalidRequest("subject: must be alert:<fingerprint>:<episode> or incident:<id>")


async def acknowledge(rows: Rows, subject: str, actor: str, reason: str, at: datetime) -> tuple[Standing, bool]:
    """Take it until it ends; returns how it stands then, and whether that is new: the first one has it.

    Raises:
        InvalidRequest: it has ended.
        NotFound: there is none.
    """
    standing = await look(rows, subject)
    if standing.over:
        raise InvalidRequest(f"subject: {standing.subject} has ended, there is nothing to take")
    if standing.acknowledged_at is not None:
        return standing, False
    kept = await rows.acknowledgements.insert(standing.subject, standing.environment, actor, reason, at)
    if kept is None:
        return await look(rows, subject), False
    kind, _, name = standing.subject.partition(":")
    if kind == "incident":
        await incidents.acknowledge(rows, name, at, actor, reason)
    await rows.audit.insert(actor, f"{kind}.acknowledged", standing.subject, reason, at)
    await tell_taken(rows, standing, actor, reason, at)
    return replace(standing, by=kept.by, acknowledged_at=kept.at, reason=kept.reason), True


async def give_back(rows: Rows, acknowledgement_id: int, actor: str, reason: str, at: datetime) -> Acknowledgement:
    """Take back an acknowledgement: who was told before is told again.

    Raises:
        NotFound: there is none that holds.
    """
    ended = await rows.acknowledgements.end(acknowledgement_id, actor, reason, at)
    if ended is None:
        raise NotFound(f"no acknowledgement {acknowledgement_id} that holds")
    kind, _, name = ended.subject.partition(":")
    if kind == "incident":
        case = await rows.incidents.find(name)
        if case is not None and case.incident.state is incidents.State.ACKNOWLEDGED:
            await incidents.set_state(rows, name, incidents.State.OPENED, at, actor, reason)
    for record in await rows.oncall.escalations([ended.subject]):
        if record.subject == ended.subject:
            found = of_record(record)
            if found.state is not escalation.State.ENDED:
                await rows.oncall.keep_escalation(to_record(replace(found, lapsed_at=at)))
    await rows.audit.insert(actor, f"{kind}.given_back", ended.subject, reason, at)
    return ended


async def note(rows: Rows, subject: str, actor: str, text: str, at: datetime) -> Note:
    """Write something down; beside an incident it is part of its timeline as well.

    Raises:
        NotFound: there is no such alert or incident.
    """
    standing = await look(rows, subject)
    kept = await rows.acknowledgements.note(standing.subject, actor, text, at)
    kind, _, name = standing.subject.partition(":")
    if kind == "incident":
        await incidents.note(rows, name, at, actor, text)
    await rows.audit.insert(actor, f"{kind}.noted", standing.subject, text, at)
    return kept


async def taken(rows: Rows) -> frozenset[str]:
    """Ids of the alerts that fire and somebody has, by themselves or with their incident.

    Raises:
        StateError: the control store failed.
    """
    held = {each.subject for each in await rows.acknowledgements.holding()}
    found = {name for kind, _, name in (each.partition(":") for each in held) if kind == "alert"}
    for case in await rows.incidents.open():
        subject, since = f"incident:{case.incident.id}", case.incident.acknowledged_at
        if subject in held or (since is not None and (await _incident(rows, case.incident.id)).acknowledged_at):
            found |= {each.alert for each in case.firing}
    return frozenset(found)


async def _lapsed(rows: Rows) -> Mapping[str, datetime]:
    """By subject of an escalation, until when an acknowledgement does not count any more."""
    living = [of_record(each) for each in await rows.oncall.escalations()]
    return {each.subject: each.lapsed_at for each in living if each.lapsed_at is not None}


def _given_back(at: datetime, acknowledgements: Sequence[Acknowledgement]) -> bool:
    return any(each.at <= at <= (each.ended_at or at) for each in acknowledgements)


async def _alert(rows: Rows, subject: str, fingerprint: str, episode: int) -> Standing:
    alert = await rows.alerts.find(fingerprint)
    if alert is None or episode > alert.episode:
        raise NotFound(f"no {subject.replace(':', ' ', 1)}")
    over = episode < alert.episode or alert.phase is not Phase.FIRING
    since = alert.fired_at or alert.since
    standing = Standing(subject, alert.environment, alert.severity, alert.sentence, since, over)
    if over:
        return standing
    held = [each for each in await rows.acknowledgements.of(subject) if each.ended_at is None]
    if held:
        return replace(standing, by=held[-1].by, acknowledged_at=held[-1].at, reason=held[-1].reason)
    for case in await rows.incidents.open(alert.environment):
        if any(each.alert == alert.id for each in case.firing):
            of = await _incident(rows, case.incident.id)
            return replace(standing, by=of.by, acknowledged_at=of.acknowledged_at, reason=of.reason)
    return standing


async def _incident(rows: Rows, incident_id: str) -> Standing:
    case = await incidents.find(rows, incident_id)
    for _ in range(_MOST_MERGES):
        if case.incident.merged_into is None:
            break
        case = await incidents.find(rows, case.incident.merged_into)
    incident = case.incident
    subject = f"incident:{incident.id}"
    standing = Standing(
        subject, incident.environment, incident.severity, incident.title, incident.opened_at, not incident.open
    )
    rows_of = await rows.acknowledgements.of(subject)
    held = [each for each in rows_of if each.ended_at is None]
    if held:
        return replace(standing, by=held[-1].by, acknowledged_at=held[-1].at, reason=held[-1].reason)
    taken = incident.acknowledged_at
    lapsed = (await _lapsed(rows)).get(subject)
    if taken is None or (lapsed is not None and taken <= lapsed) or _given_back(taken, rows_of):
        return standing
    changes = [each for each in await rows.incidents.changes(incident.id) if each.kind == "acknowledged"]
    by, why = (changes[-1].actor, changes[-1].reason) if changes else ("somebody", "")
    return replace(standing, by=by, acknowledged_at=taken, reason=why)
