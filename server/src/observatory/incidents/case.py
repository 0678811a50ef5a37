"""An incident put together from its alerts: its root, its words, its severity, and how far it is."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from observatory.incidents.graph import Graph
from observatory.incidents.links import name, terms
from observatory.incidents.model import Case, Incident, Member, State
from observatory.model.alert import Alert, Severity

_REASONS = 5
_TITLE_CHARACTERS = 300
_SILENT = "silent"


def concerns(alert: Alert) -> bool:
    """Whether it belongs into an incident: warnings and criticals of which people are told, and no routine events."""
    routine = alert.labels.get("routine") == "yes" or _SILENT in alert.labels
    return alert.severity is not Severity.INFO and not routine


def new_id(environment: str, alert: str, at: datetime) -> str:
    """Short, sorted by time, and the same for the same alert."""
    tail = hashlib.blake2b(f"{environment}\0{alert}".encode(), digest_size=4).hexdigest()
    return f"{at:%Y%m%dt%H%M%S}-{tail}"


def opened(incident_id: str, environment: str, members: Sequence[Member], graph: Graph) -> Case:
    """A new incident of these alerts."""
    first = members[0]
    blank = Incident(
        id=incident_id,
        environment=environment,
        title=first.sentence,
        state=State.OPENED,
        severity=first.severity,
        opened_at=first.first_fired_at,
        first_deviation_at=None,
        acknowledged_at=None,
        mitigated_at=None,
        resolved_at=None,
        alerts=(),
        services=(),
        areas=(),
        root=first.alert,
        reason="",
        confidence=1.0,
    )
    return made(blank, members, graph)


def made(incident: Incident, members: Sequence[Member], graph: Graph) -> Case:
    """The incident as these alerts make it. What people did to it, and how far it is, stays."""
    cause = root(members, graph)
    deviated = [each.deviated_at for each in members if each.deviated_at is not None]
    found = replace(
        incident,
        title=cause.sentence[:_TITLE_CHARACTERS],
        severity=max((each.severity for each in members), key=lambda severity: severity.rank),
        opened_at=min(each.first_fired_at for each in members),
        first_deviation_at=min(deviated, default=None),
        alerts=tuple(each.alert for each in members),
        services=tuple(dict.fromkeys(service for each in members for service in each.services)),
        areas=tuple(dict.fromkeys(each.area for each in members if each.area)),
        root=cause.alert,
        reason=_reason(members),
        confidence=min(each.confidence for each in members),
    )
    return Case(found, tuple(members))


def deviated(case: Case, fingerprint: str, at: datetime) -> Case:
    """With the change point of one alert's series."""
    members = tuple(replace(each, deviated_at=at) if each.fingerprint == fingerprint else each for each in case.members)
    first = min(each.deviated_at for each in members if each.deviated_at is not None)
    return Case(replace(case.incident, first_deviation_at=first), members)


def stepped(case: Case) -> Case:
    """Resolved once nothing of it fires, and open again when something does."""
    incident = case.incident
    if not case.firing:
        ended = max(each.resolved_at for each in case.members if each.resolved_at is not None)
        return _with(case, replace(incident, state=State.RESOLVED, resolved_at=ended))
    if incident.state is State.RESOLVED:
        # Taken once is not taken for good: whoever did may have gone.
        incident = replace(incident, state=State.OPENED, acknowledged_at=None, mitigated_at=None, resolved_at=None)
    return _with(case, incident)


def eased(case: Case, at: datetime) -> Case:
    """Mitigated once nothing critical of a critical incident fires any more."""
    incident = case.incident
    critical = any(each.severity is Severity.CRITICAL for each in case.firing)
    if critical or incident.severity is not Severity.CRITICAL or incident.state in (State.MITIGATED, State.RESOLVED):
        return case
    return _with(case, replace(incident, state=State.MITIGATED, mitigated_at=at))


def back(case: Case) -> Case:
    """A mitigated incident that is not over after all: taken, if somebody took it."""
    state = State.ACKNOWLEDGED if case.incident.acknowledged_at is not None else State.OPENED
    return _with(case, replace(case.incident, state=state, mitigated_at=None))


def root(members: Sequence[Member], graph: Graph) -> Member:
    """The alert that is thought to be the first cause: of the earliest the one that most of the others call."""
    earliest = min(each.started_at for each in members) + timedelta(seconds=terms().root_s)
    first = [each for each in members if each.started_at <= earliest]
    many = Counter(each.services for each in first)
    depth = {services: _depth(services, many, graph) for services in many}
    return min(first, key=lambda each: (-depth[each.services], each.started_at, -each.severity.rank, each.alert))


def _depth(services: Sequence[str], others: Mapping[tuple[str, ...], int], graph: Graph) -> int:
    """How many of the others call the services, less how many of them these call."""
    callers = {caller for service in services for caller in graph.callers(service)}.difference(services)
    callees = {callee for service in services for callee in graph.callees(service)}.difference(services)
    return sum(
        times * ((not callers.isdisjoint(other)) - (not callees.isdisjoint(other))) for other, times in others.items()
    )


def _reason(members: Sequence[Member]) -> str:
    if len(members) == 1:
        return "one alert"
    linked = [each for each in members if each.link]
    told = [f"{name(each)}: {each.reason}" for each in linked[:_REASONS]]
    more = [f"and {len(linked) - _REASONS} more"] if len(linked) > _REASONS else []
    return ". ".join([f"{len(members)} alerts", *told, *more])


def _with(case: Case, incident: Incident) -> Case:
    return Case(incident, case.members)
