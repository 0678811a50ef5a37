"""What people do to incidents: take them, say how far they are, merge, split, and undo the last of these. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from observatory.errors import InvalidRequest
from observatory.incidents import links
from observatory.incidents.case import made, new_id, opened, stepped
from observatory.incidents.fold import Folded
from observatory.incidents.graph import Graph
from observatory.incidents.model import Case, Incident, IncidentChange, Kind, Member, Move, State

_KINDS: Mapping[State, Kind] = {
    State.OPENED: "reopened",
    State.ACKNOWLEDGED: "acknowledged",
    State.MITIGATED: "mitigated",
    State.RESOLVED: "resolved",
}


def set_state(case: Case, state: State, at: datetime, actor: str, reason: str) -> Folded:
    """Say how far an incident is; nothing changes when it is so already.

    Raises:
        InvalidRequest: it was merged into another, or what fires says otherwise.
    """
    incident = case.incident
    _alone(incident)
    taken = incident.acknowledged_at
    if incident.state is state or (state is State.ACKNOWLEDGED and taken is not None and incident.open):
        return Folded({}, [])
    if incident.state is State.RESOLVED:
        raise InvalidRequest(f"state: incident {incident.id} is resolved; one of its alerts would open it again")
    if state is State.RESOLVED:
        raise InvalidRequest(f"state: {_firing(case)}; the incident is resolved when its last alert ends")
    after = replace(incident, state=state, acknowledged_at=None, mitigated_at=None)
    if state is State.MITIGATED:
        after = replace(incident, state=state, mitigated_at=at)
    elif state is State.ACKNOWLEDGED:
        # What is mitigated already stays so: that somebody took it is another matter.
        kept = State.MITIGATED if incident.state is State.MITIGATED else State.ACKNOWLEDGED
        first = incident.first_acknowledged_at or at
        after = replace(incident, state=kept, acknowledged_at=at, first_acknowledged_at=first)
    return _one(Case(after, case.members), _KINDS[state], at, actor, reason)


def note(case: Case, at: datetime, actor: str, text: str) -> Folded:
    """Write something down beside an incident."""
    return _one(case, "note", at, actor, text)


def merge(source: Case, target: Case, graph: Graph, at: datetime, actor: str, reason: str) -> Folded:
    """Put all alerts of one incident into another.

    Raises:
        InvalidRequest: the two cannot be one.
    """
    one, other = source.incident, target.incident
    for each in (one, other):
        _alone(each)
    if one.id == other.id:
        raise InvalidRequest("into: an incident cannot be merged into itself")
    if one.environment != other.environment:
        raise InvalidRequest(
            f"into: {other.id} is of the environment {other.environment}, {one.id} of {one.environment}"
        )
    held = {each.fingerprint for each in target.members}
    shared = [each for each in source.members if each.fingerprint in held]
    if shared:
        name = links.name(shared[0])
        raise InvalidRequest(f"into: both hold {name}: {one.id} and {other.id} are two times of the same trouble")
    if len(source.members) + len(target.members) > links.terms().most_alerts:
        raise InvalidRequest(f"into: together they have more than {links.terms().most_alerts} alerts")
    moved = [replace(each, joined_at=at, reason=f"merged: {reason}" if reason else "merged") for each in source.members]
    move = Move(
        key=_key(one.id, other.id, at),
        fingerprints=tuple(each.fingerprint for each in moved),
        source=source,
        target=target,
        target_id=other.id,
    )
    left = Case(replace(one, merged_into=other.id), source.members)
    grown = stepped(made(other, (*target.members, *moved), graph))
    return _both(left, grown, move, ("merged", "merged"), at, actor, reason)


def split(case: Case, alerts: Iterable[str], graph: Graph, at: datetime, actor: str, reason: str) -> Folded:
    """Make an incident of its own of some alerts of one.

    Args:
        case: the incident.
        alerts: ids (`fingerprint:episode`) or fingerprints of its alerts; not all of them.
        graph: the service graph of its environment.
        at: now.
        actor: who splits it.
        reason: why.

    Raises:
        InvalidRequest: alerts that it does not have, all of them, or none.
    """
    _alone(case.incident)
    wanted = {each.partition(":")[0] for each in alerts}
    unknown = sorted(wanted - {each.fingerprint for each in case.members})
    if unknown:
        raise InvalidRequest(f"alerts: incident {case.incident.id} has no alert {unknown[0][:64]}")
    going = [each for each in case.members if each.fingerprint in wanted]
    staying = [each for each in case.members if each.fingerprint not in wanted]
    if not going or not staying:
        raise InvalidRequest("alerts: name some of the incident's alerts, and not all of them")
    environment = case.incident.environment
    name = new_id(environment, f"{case.incident.id}/{going[0].alert}", at)
    joined = [replace(each, joined_at=at, reason=f"split: {reason}" if reason else "split") for each in going]
    made_of = stepped(opened(name, environment, joined, graph))
    move = Move(
        key=_key(case.incident.id, name, at),
        fingerprints=tuple(each.fingerprint for each in going),
        source=case,
        target=None,
        target_id=name,
    )
    rest = stepped(made(case.incident, staying, graph))
    return _both(rest, made_of, move, ("split", "opened"), at, actor, reason)


def last(moves: Sequence[Move]) -> Move | None:
    """The newest merge or split that was not undone."""
    standing: list[Move] = []
    for each in moves:
        if not each.undoes:
            standing.append(each)
        elif standing and standing[-1].key == each.undoes:
            standing.pop()
    return standing[-1] if standing else None


def only_newest(move: Move, lasts: Iterable[Move | None]) -> None:
    """See that a move is the newest of both incidents.

    Raises:
        InvalidRequest: another one came after it.
    """
    for each in lasts:
        if each is not None and each.key != move.key:
            other = (
                each.target_id
                if each.target_id not in (move.target_id, move.source.incident.id)
                else each.source.incident.id
            )
            raise InvalidRequest(f"a later merge or split with incident {other} must be taken back first")


def undo(move: Move, source: Case, target: Case, graph: Graph, at: datetime, actor: str, reason: str) -> Folded:
    """Take a merge or split back. What happened to the alerts since stays true.

    Args:
        move: what is taken back.
        source: the incident that the alerts left, as it stands.
        target: the one that they went to, as it stands.
        graph: the service graph of their environment.
        at: now.
        actor: who takes it back.
        reason: why.

    Raises:
        InvalidRequest: one of the two has been merged into a third since.
    """
    merged = source.incident.merged_into == target.incident.id
    _alone(target.incident)
    if not merged:
        _alone(source.incident)
    moving = set(move.fingerprints)
    coming = {each.fingerprint: each for each in target.members if each.fingerprint in moving}
    own = {} if merged else {each.fingerprint: each for each in source.members}
    # An alert that fired again may be in both by now: its newest episode counts.
    now = {name: _newer(own.get(name), coming.get(name)) for name in own | coming}
    order = {each.fingerprint: nth for nth, each in enumerate(move.source.members)}
    before = {each.fingerprint: each for each in move.source.members}
    members = [_since(before[name], now[name]) for name in order if name in now]
    members += [now[name] for name in own if name not in order]
    staying = [each for each in target.members if each.fingerprint not in moving]
    restored = stepped(made(_as_it_was(source.incident, move.source.incident), members, graph))
    back = Move(
        _key(target.incident.id, source.incident.id, at),
        move.fingerprints,
        target,
        source,
        source.incident.id,
        move.key,
    )
    if staying:
        was = target.incident if move.target is None else _as_it_was(target.incident, move.target.incident)
        left = stepped(made(was, staying, graph))
    else:
        left = Case(replace(target.incident, merged_into=source.incident.id), target.members)
    kinds: tuple[Kind, Kind] = ("split", "split") if merged else ("merged", "merged")
    return _both(left, restored, back, kinds, at, actor, f"undone: {reason}" if reason else "undone")


def _newer(one: Member | None, other: Member | None) -> Member:
    if one is None or other is None:
        found = one or other
        assert found is not None
        return found
    return max(one, other, key=lambda each: each.fired_at)


def _since(before: Member, now: Member) -> Member:
    """The alert as part of its old incident, with what became of it."""
    return replace(
        now, link=before.link, reason=before.reason, confidence=before.confidence, joined_at=before.joined_at
    )


def _as_it_was(now: Incident, before: Incident) -> Incident:
    """How far it was before; an acknowledgement given since stays."""
    taken = now.acknowledged_at if now.state is State.ACKNOWLEDGED else None
    state = State.ACKNOWLEDGED if taken and before.state is State.OPENED else before.state
    return replace(
        before,
        state=state,
        acknowledged_at=before.acknowledged_at or taken,
        first_acknowledged_at=before.first_acknowledged_at or taken,
        merged_into=None,
    )


def _both(
    source: Case, target: Case, move: Move, kinds: tuple[Kind, Kind], at: datetime, actor: str, reason: str
) -> Folded:
    cases = {each.incident.id: each for each in (source, target)}
    changes = [
        IncidentChange(each.incident, kind, at, None, reason, actor, move)
        for each, kind in zip((source, target), kinds, strict=True)
    ]
    return Folded(cases, changes)


def _one(case: Case, kind: Kind, at: datetime, actor: str, reason: str) -> Folded:
    return Folded({case.incident.id: case}, [IncidentChange(case.incident, kind, at, None, reason, actor)])


def _alone(incident: Incident) -> None:
    if incident.merged_into is not None:
        raise InvalidRequest(f"incident {incident.id} was merged into {incident.merged_into}")


def _firing(case: Case) -> str:
    names = [links.name(each) for each in case.firing]
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{', '.join(names[:3])}{more} still {'fires' if len(names) == 1 else 'fire'}"


def _key(source: str, target: str, at: datetime) -> str:
    return f"{source}>{target}@{at.isoformat()}"
