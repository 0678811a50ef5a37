"""Incidents: what is wrong now, and one of them with its timeline, its impact and a draft of its post-mortem."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from observatory import incidents, oncall
from observatory.api import incident_json
from observatory.api.access import require
from observatory.api.alerts import control_of
from observatory.api.incident_models import (
    ID,
    Done,
    ImpactItem,
    IncidentDetail,
    IncidentList,
    MergeWanted,
    NoteWanted,
    SeverityName,
    SplitWanted,
    StateName,
    StateWanted,
    Timeline,
    UndoWanted,
)
from observatory.api.listing import Cursor, Limit
from observatory.api.ranges import AsOf, moment
from observatory.auth import OPERATE, READ, Principal
from observatory.errors import StoreError
from observatory.incidents import Case, IncidentChange, Reports, State, statistics
from observatory.model.alert import Severity
from observatory.state import IncidentsWanted, Rows

router = APIRouter(prefix="/api/v1/monitoring/incidents", tags=["incidents"], dependencies=[Depends(require(READ))])

Operator = Annotated[Principal, Depends(require(OPERATE))]
IncidentId = Annotated[str, Path(pattern=ID, description="Id of an incident.")]
# Earlier incidents are looked through so far back for those that look like one.
_ALIKE = timedelta(days=90)
_MOST_ALIKE = 1_000
_OPEN = tuple(each for each in State if each.open)


async def wanted(
    environment: Annotated[str, Query(max_length=128, description="Empty: of all environments.")] = "",
    service: Annotated[str, Query(max_length=160, description="One of the services concerned.")] = "",
    area: Annotated[str, Query(max_length=64, description="One of the areas concerned.")] = "",
    state: Annotated[list[StateName] | None, Query(description="Any of these; without: those that are open.")] = None,
    severity: Annotated[list[SeverityName] | None, Query(description="Any of these.")] = None,
    merged: Annotated[bool, Query(description="Those as well that were merged into another.")] = False,
) -> IncidentsWanted:
    """The filters of a request."""
    states = tuple(State(each) for each in state or ()) or _OPEN
    severities = tuple(Severity(each) for each in severity or ())
    return IncidentsWanted(environment, service, area, states, severities, merged)


@router.get("", response_model=IncidentList)
async def show(
    request: Request,
    filters: Annotated[IncidentsWanted, Depends(wanted)],
    as_of: AsOf = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> dict[str, Any]:
    """Incidents that are open, unless `state` says otherwise, newest first; with `as_of` as it was then.

    A page may hold fewer than `limit` and still have a `next`.
    """
    at = None if as_of is None else moment("as_of", as_of)
    async with control_of(request).reading() as rows:
        page = await rows.incidents.page(filters, cursor, limit, at)
    return {
        "items": [incident_json.item(each.case) for each in page.cases],
        "next": None if page.next is None else str(page.next),
    }


@router.get("/{incident_id}", response_model=IncidentDetail)
async def one(request: Request, incident_id: IncidentId, as_of: AsOf = None) -> dict[str, Any]:
    """One incident: its alerts with why each is part of it, its changes, and earlier incidents like it."""
    at = None if as_of is None else moment("as_of", as_of)
    async with control_of(request).reading() as rows:
        case = await _case(rows, incident_id, at)
        changes = [each for each in await rows.incidents.changes(incident_id) if at is None or each.at <= at]
        alike = await _alike(rows, case)
        notes = await rows.incidents.notes([each.case.incident.id for each in alike])
    root = statistics.root_of(case)
    return {
        "incident": incident_json.item(case),
        "members": [incident_json.member(each) for each in case.members],
        "changes": [incident_json.change(each) for each in changes],
        "similar": [incident_json.similar(each, notes[each.case.incident.id]) for each in alike],
        "runbooks": list(dict.fromkeys(each.runbook for each in (root, *case.members) if each.runbook)),
    }


@router.get("/{incident_id}/timeline", response_model=Timeline)
async def timeline(
    request: Request,
    incident_id: IncidentId,
    related: Annotated[bool, Query(description="Only what is of its services and alerts.")] = False,
    limit: Annotated[int, Query(ge=1, le=1_000, description="Most lines of one page.")] = 200,
    cursor: Cursor = None,
    as_of: AsOf = None,
) -> dict[str, Any]:
    """What happened, oldest first: first deviation, alerts, deployments, flags, breakers, fallbacks, recovery."""
    case, now = await _now(request, incident_id)
    until = now if as_of is None else moment("as_of", as_of)
    entries = await reports_of(request).timeline(case, now)
    told = [each for each in entries if each.at <= until and (each.related or not related)]
    start = cursor or 0
    return {
        "incident": incident_id,
        "items": [incident_json.entry(each) for each in told[start : start + limit]],
        "left_out": sum(each.times for each in told if each.kind == "left_out"),
        "next": str(start + limit) if len(told) > start + limit else None,
    }


@router.get("/{incident_id}/impact", response_model=ImpactItem)
async def impact(request: Request, incident_id: IncidentId, as_of: AsOf = None) -> dict[str, Any]:
    """Users, orders, signals, money and credits, over the incident and over as long before it."""
    case, now = await _now(request, incident_id)
    if as_of is None:
        return incident_json.impact(incident_id, await reports_of(request).impact(case, now))
    then = min(now, moment("as_of", as_of))
    async with control_of(request).reading() as rows:
        case = await incidents.as_of(rows, case, then)
    return incident_json.impact(incident_id, await reports_of(request).impact(case, then, anew=True))


@router.get(
    "/{incident_id}/postmortem",
    response_class=Response,
    responses={200: {"content": {"text/markdown": {"schema": {"type": "string"}}}, "description": "The draft."}},
)
async def postmortem(request: Request, incident_id: IncidentId) -> Response:
    """A draft in Markdown: facts only, each line with what it is known from."""
    case, now = await _now(request, incident_id)
    reports = reports_of(request)
    entries = await reports.timeline(case, now)
    try:
        found = await reports.impact(case, now)
    except StoreError:
        found = None
    async with control_of(request).reading() as rows:
        alike = await _alike(rows, case)
    told = incidents.postmortem.write(case, entries, found, alike)
    return Response(told, media_type="text/markdown; charset=utf-8")


@router.post("/{incident_id}/state", response_model=Done)
async def set_state(
    request: Request, principal: Operator, incident_id: IncidentId, asked: StateWanted
) -> dict[str, Any]:
    """Say how far an incident is. It is resolved by itself, when its last alert ends."""

    async def change(rows: Rows, at: datetime) -> Sequence[IncidentChange]:
        done = await incidents.set_state(rows, incident_id, State(asked.state), at, principal.actor, asked.reason)
        if done and asked.state == State.ACKNOWLEDGED.value:
            standing = await oncall.look(rows, f"incident:{incident_id}")
            await oncall.tell_taken(rows, standing, principal.actor, asked.reason, at)
        return done

    return await _done(request, principal, incident_id, f"incident.{asked.state}", asked.reason, change)


@router.post("/{incident_id}/merge", response_model=Done)
async def merge(request: Request, principal: Operator, incident_id: IncidentId, asked: MergeWanted) -> dict[str, Any]:
    """Put all alerts of this incident into another. It can be undone."""

    async def change(rows: Rows, at: datetime) -> Sequence[IncidentChange]:
        graphs = request.app.state.graphs
        return await incidents.merge(rows, graphs, incident_id, asked.into, at, principal.actor, asked.reason)

    return await _done(request, principal, incident_id, "incident.merged", asked.reason, change)


@router.post("/{incident_id}/split", response_model=Done)
async def split(request: Request, principal: Operator, incident_id: IncidentId, asked: SplitWanted) -> dict[str, Any]:
    """Make an incident of its own of some alerts of this one. It can be undone."""

    async def change(rows: Rows, at: datetime) -> Sequence[IncidentChange]:
        graphs = request.app.state.graphs
        return await incidents.split(rows, graphs, incident_id, asked.alerts, at, principal.actor, asked.reason)

    return await _done(request, principal, incident_id, "incident.split", asked.reason, change)


@router.post("/{incident_id}/undo", response_model=Done)
async def undo(request: Request, principal: Operator, incident_id: IncidentId, asked: UndoWanted) -> dict[str, Any]:
    """Take back the newest merge or split that this incident had part in."""

    async def change(rows: Rows, at: datetime) -> Sequence[IncidentChange]:
        graphs = request.app.state.graphs
        return await incidents.undo(rows, graphs, incident_id, at, principal.actor, asked.reason)

    return await _done(request, principal, incident_id, "incident.undone", asked.reason, change)


@router.post("/{incident_id}/note", response_model=Done)
async def note(request: Request, principal: Operator, incident_id: IncidentId, asked: NoteWanted) -> dict[str, Any]:
    """Write something down beside an incident."""

    async def change(rows: Rows, at: datetime) -> Sequence[IncidentChange]:
        return await incidents.note(rows, incident_id, at, principal.actor, asked.text)

    return await _done(request, principal, incident_id, "incident.noted", asked.text, change)


def reports_of(request: Request) -> Reports:
    """The application's timelines and impacts."""
    found: Reports = request.app.state.incidents
    return found


async def _done(
    request: Request,
    principal: Principal,
    incident_id: str,
    action: str,
    reason: str,
    change: Callable[[Rows, datetime], Awaitable[Sequence[IncidentChange]]],
) -> dict[str, Any]:
    now = request.app.state.clock.now()
    async with control_of(request).writing() as rows:
        changes = await change(rows, now)
        if changes:
            await rows.audit.insert(principal.actor, action, f"incident:{incident_id}", reason, now)
        names = dict.fromkeys([*(each.incident.id for each in changes), incident_id])
        cases = [await incidents.find(rows, name) for name in names]
    return {"changed": bool(changes), "items": [incident_json.item(case) for case in cases]}


async def _now(request: Request, incident_id: str) -> tuple[Case, datetime]:
    async with control_of(request).reading() as rows:
        return await incidents.find(rows, incident_id), request.app.state.clock.now()


async def _case(rows: Rows, incident_id: str, at: datetime | None) -> Case:
    case = await incidents.find(rows, incident_id)
    return case if at is None else await incidents.as_of(rows, case, at)


async def _alike(rows: Rows, case: Case) -> Sequence[statistics.Similar]:
    opened = case.incident.opened_at
    within = IncidentsWanted(case.incident.environment, since=opened - _ALIKE, until=opened)
    return await asyncio.to_thread(statistics.similar, case, await rows.incidents.between(within, _MOST_ALIKE))
