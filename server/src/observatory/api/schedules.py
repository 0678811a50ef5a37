"""Weekly rotations: whose week it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request

from observatory.api import health_json
from observatory.api.access import require
from observatory.api.alerts import control_of
from observatory.api.escalation_models import ID, ScheduleItem, ScheduleList, ScheduleWanted, ShiftList
from observatory.api.escalations import Reason
from observatory.api.ranges import moment
from observatory.auth import OPERATE, READ, Principal
from observatory.errors import InvalidRequest, NotFound
from observatory.oncall import Shift, on_call, schedule, shifts
from observatory.state import Rows
from observatory.state.oncall import Told

router = APIRouter(prefix="/api/v1/monitoring/schedules", tags=["on call"], dependencies=[Depends(require(READ))])

Operator = Annotated[Principal, Depends(require(OPERATE))]
ScheduleId = Annotated[str, Path(pattern=ID)]
MOST = 100
_AHEAD = timedelta(weeks=8)
_LONGEST = timedelta(days=750)
_YEARS = (1971, 2_261)


@router.get("", response_model=ScheduleList)
async def show(request: Request) -> dict[str, Any]:
    """All rotations, and who is on call by each now."""
    now = request.app.state.clock.now()
    async with control_of(request).reading() as rows:
        return {"items": [_item(each, now) for each in await rows.oncall.schedules()]}


@router.get("/{schedule_id}", response_model=ScheduleItem)
async def one(request: Request, schedule_id: ScheduleId) -> dict[str, Any]:
    """One rotation."""
    async with control_of(request).reading() as rows:
        return _item(await _find(rows, schedule_id), request.app.state.clock.now())


@router.get("/{schedule_id}/shifts", response_model=ShiftList)
async def turns(
    request: Request,
    schedule_id: ScheduleId,
    since: Annotated[str | None, Query(max_length=64, description="RFC 3339; without: now.")] = None,
    until: Annotated[str | None, Query(max_length=64, description="RFC 3339; without: 8 weeks after since.")] = None,
) -> dict[str, Any]:
    """Who is on call in a stretch of time, without gap; the first and the last shift may reach beyond it."""
    start = request.app.state.clock.now() if since is None else moment("since", since)
    end = start + _AHEAD if until is None else moment("until", until)
    if not start < end <= start + _LONGEST:
        raise InvalidRequest("query parameter until: must lie after since, and 750 days after it at most")
    async with control_of(request).reading() as rows:
        told = await _find(rows, schedule_id)
    found = shifts(schedule.decode(told.id, told.told), start, end)
    return {"schedule": schedule_id, "items": [_shift(each) for each in found]}


@router.put("/{schedule_id}", response_model=ScheduleItem)
async def put(request: Request, principal: Operator, schedule_id: ScheduleId, wanted: ScheduleWanted) -> dict[str, Any]:
    """Keep a rotation, its overrides with it."""
    now = request.app.state.clock.now()
    told = _checked(schedule_id, wanted)
    async with control_of(request).writing() as rows:
        known = {each.id for each in await rows.oncall.schedules()}
        if len(known) >= MOST and schedule_id not in known:
            raise InvalidRequest(f"schedule_id: there are {MOST} schedules already")
        new = await rows.oncall.put_schedule(schedule_id, told, principal.actor, now)
        action = "schedule.created" if new else "schedule.changed"
        await rows.audit.insert(principal.actor, action, f"schedule:{schedule_id}", wanted.reason, now)
        return _item(await _find(rows, schedule_id), now)


@router.delete("/{schedule_id}", status_code=204)
async def drop(request: Request, principal: Operator, schedule_id: ScheduleId, reason: Reason = "") -> None:
    """Delete a rotation. A policy that names it tells whoever is reminded of alerts."""
    now = request.app.state.clock.now()
    async with control_of(request).writing() as rows:
        if not await rows.oncall.drop_schedule(schedule_id):
            raise NotFound(f"no schedule {schedule_id}")
        await rows.audit.insert(principal.actor, "schedule.deleted", f"schedule:{schedule_id}", reason, now)


def _checked(schedule_id: str, wanted: ScheduleWanted) -> dict[str, Any]:
    times = [("handover_at", wanted.handover_at)]
    times += [(f"overrides.{place}.starts_at", each.starts_at) for place, each in enumerate(wanted.overrides)]
    times += [(f"overrides.{place}.ends_at", each.ends_at) for place, each in enumerate(wanted.overrides)]
    for name, at in times:
        if not _YEARS[0] <= at.year <= _YEARS[1]:
            raise InvalidRequest(f"{name}: the year must be one from {_YEARS[0]} to {_YEARS[1]}")
    return schedule.encode(schedule.decode(schedule_id, wanted.model_dump()))


async def _find(rows: Rows, schedule_id: str) -> Told:
    told = next((each for each in await rows.oncall.schedules() if each.id == schedule_id), None)
    if told is None:
        raise NotFound(f"no schedule {schedule_id}")
    return told


def _item(told: Told, now: datetime) -> dict[str, Any]:
    found = schedule.decode(told.id, told.told)
    return {
        "id": told.id,
        "sentence": found.sentence,
        "handover_at": health_json.moment(found.handover_at),
        "weeks": found.weeks,
        "people": [{"name": each.name, "channels": list(each.channels)} for each in found.people],
        "overrides": [
            {
                "person": each.person,
                "starts_at": health_json.moment(each.starts_at),
                "ends_at": health_json.moment(each.ends_at),
            }
            for each in found.overrides
        ],
        "changed_at": health_json.moment(told.changed_at),
        "changed_by": told.changed_by,
        "now": _shift(on_call(found, now)),
    }


def _shift(found: Shift) -> dict[str, Any]:
    return {
        "person": found.person.name,
        "channels": list(found.person.channels),
        "starts_at": health_json.moment(found.starts_at.astimezone(UTC)),
        "ends_at": health_json.moment(found.ends_at.astimezone(UTC)),
        "override": found.override,
    }
