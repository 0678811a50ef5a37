"""Folding inside the transaction that keeps the alerts; and what people do, inside a transaction of theirs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

from observatory.errors import NotFound
from observatory.incidents import links, moves
from observatory.incidents.case import concerns
from observatory.incidents.fold import Folded, fold, matters
from observatory.incidents.graph import Graphs
from observatory.incidents.model import Case, IncidentChange, State
from observatory.incidents.statistics import Times, times
from observatory.model.alert import Phase, Transition
from observatory.state import IncidentsWanted, Rows

# Changes that leave the alerts of an incident as they are.
_BESIDE = ("note", "acknowledged", "mitigated")
_FACTS_STAND = timedelta(days=7)


class Folding:
    """Turns changes of alerts into changes of incidents.

    Args:
        graphs: the live service graph of an environment.
    """

    def __init__(self, graphs: Graphs) -> None:
        self._graphs = graphs
        self._adopted = False

    async def __call__(self, rows: Rows, transitions: Sequence[Transition]) -> Sequence[IncidentChange]:
        """Fold the changes of one round and keep what becomes of the incidents; returns that.

        The first call takes in alerts that fire and are part of no incident, such as those of an older version.

        Raises:
            StateError: the control store failed; nothing is kept then.
        """
        told = [each for each in transitions if matters(each)]
        if self._adopted and not told:
            return ()
        latest = max((each.at for each in told), default=None)
        after = None if latest is None else latest - timedelta(seconds=links.terms().again_s)
        await rows.incidents.lock()
        cases = await rows.incidents.open(ended_after=after)
        strays = [] if self._adopted else await _strays(rows, cases, told)
        if not told and not strays:
            self._adopted = True
            return ()
        folded = fold(cases, [*strays, *told], self._graphs)
        await keep(rows, folded)
        # Only what is committed counts: after a failure the next round starts over, and strays are taken in again.
        self._adopted = not strays
        return folded.changes


async def _strays(rows: Rows, cases: Sequence[Case], told: Sequence[Transition]) -> list[Transition]:
    held = {each.fingerprint for case in cases if case.incident.open for each in case.members if each.firing}
    held |= {each.alert.fingerprint for each in told}
    found = [alert for alert in await rows.alerts.open() if alert.phase is Phase.FIRING]
    return [
        Transition(alert, Phase.INACTIVE, alert.fired_at or alert.since, "fired before it was folded")
        for alert in found
        if alert.fingerprint not in held and concerns(alert)
    ]


async def keep(rows: Rows, folded: Folded) -> None:
    """Write down what became of incidents. What was written of one whose alerts changed is out of date.

    Of an incident that was over long ago it stays all the same: the facts may be gone.
    """
    await rows.incidents.write(folded.cases.values(), folded.changes)
    for each in folded.changes:
        ended = each.incident.resolved_at
        if each.kind not in _BESIDE and (ended is None or each.at - ended < _FACTS_STAND):
            await rows.incidents.drop_reports(each.incident.id)


async def find(rows: Rows, incident_id: str) -> Case:
    """An incident.

    Raises:
        NotFound: there is none with this id.
    """
    case = await rows.incidents.find(incident_id)
    if case is None:
        raise NotFound(f"no incident {incident_id}")
    return case


async def as_of(rows: Rows, case: Case, at: datetime) -> Case:
    """An incident as it was at a time.

    Raises:
        NotFound: it was not there yet.
    """
    found = await rows.incidents.as_of([case], at)
    if not found:
        raise NotFound(f"there was no incident {case.incident.id} at {at.isoformat(timespec='seconds')}")
    return found[0]


async def recovery(rows: Rows, environment: str, since: datetime, until: datetime) -> tuple[Times, ...]:
    """The four mean times over the incidents of an environment that opened in a stretch of time.

    Raises:
        StateError: the control store failed.
    """
    wanted = IncidentsWanted(environment, since=since, until=until)
    return await asyncio.to_thread(times, await rows.incidents.between(wanted, as_of=until))


async def acknowledge(
    rows: Rows, incident_id: str, at: datetime, actor: str, reason: str = ""
) -> Sequence[IncidentChange]:
    """Take an incident; empty when it was taken already. Nothing is written to the audit log here.

    Raises:
        NotFound: there is none with this id.
        InvalidRequest: it is resolved, or was merged into another.
    """
    case = await _held(rows, incident_id)
    if case.incident.acknowledged_at is not None and case.incident.open:
        return ()
    return await set_state(rows, incident_id, State.ACKNOWLEDGED, at, actor, reason)


async def set_state(
    rows: Rows, incident_id: str, state: State, at: datetime, actor: str, reason: str
) -> Sequence[IncidentChange]:
    """Say how far an incident is; empty when it was so already.

    Raises:
        NotFound: there is none with this id.
        InvalidRequest: what fires says otherwise, or it was merged into another.
    """
    return await _kept(rows, moves.set_state(await _held(rows, incident_id), state, at, actor, reason))


async def note(rows: Rows, incident_id: str, at: datetime, actor: str, text: str) -> Sequence[IncidentChange]:
    """Write something down beside an incident.

    Raises:
        NotFound: there is none with this id.
    """
    return await _kept(rows, moves.note(await _held(rows, incident_id), at, actor, text))


async def merge(
    rows: Rows, graphs: Graphs, incident_id: str, into: str, at: datetime, actor: str, reason: str
) -> Sequence[IncidentChange]:
    """Put all alerts of one incident into another.

    Raises:
        NotFound: there is none with one of the ids.
        InvalidRequest: the two cannot be one.
    """
    source, target = await _held(rows, incident_id), await find(rows, into)
    graph = graphs(target.incident.environment)
    return await _kept(rows, moves.merge(source, target, graph, at, actor, reason))


async def split(
    rows: Rows, graphs: Graphs, incident_id: str, alerts: Sequence[str], at: datetime, actor: str, reason: str
) -> Sequence[IncidentChange]:
    """Make an incident of its own of some alerts of one.

    Raises:
        NotFound: there is none with this id.
        InvalidRequest: alerts that it does not have, all of them, or none.
    """
    case = await _held(rows, incident_id)
    return await _kept(rows, moves.split(case, alerts, graphs(case.incident.environment), at, actor, reason))


async def undo(
    rows: Rows, graphs: Graphs, incident_id: str, at: datetime, actor: str, reason: str
) -> Sequence[IncidentChange]:
    """Take back the newest merge or split that an incident had part in.

    Raises:
        NotFound: there is no such incident, or nothing to take back.
        InvalidRequest: one of the two incidents has changed by another merge or split since.
    """
    await _held(rows, incident_id)
    move = moves.last(await rows.incidents.moves(incident_id))
    if move is None:
        raise NotFound(f"incident {incident_id} has no merge or split to take back")
    sides = (move.source.incident.id, move.target_id)
    moves.only_newest(move, [moves.last(await rows.incidents.moves(each)) for each in sides])
    source, target = await find(rows, sides[0]), await find(rows, sides[1])
    graph = graphs(source.incident.environment)
    return await _kept(rows, moves.undo(move, source, target, graph, at, actor, reason))


async def _held(rows: Rows, incident_id: str) -> Case:
    """An incident that nobody else changes before the commit."""
    await rows.incidents.lock()
    return await find(rows, incident_id)


async def _kept(rows: Rows, folded: Folded) -> Sequence[IncidentChange]:
    await keep(rows, folded)
    return folded.changes
