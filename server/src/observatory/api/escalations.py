"""Escalation policies, how far escalations are, and what a policy would do."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request

from observatory.api import health_json
from observatory.api.access import require
from observatory.api.alerts import control_of
from observatory.api.escalation_models import (
    ID,
    PolicyItem,
    PolicyList,
    PolicyTerms,
    PolicyWanted,
    Simulation,
    SimulationWanted,
)
from observatory.api.ranges import utc
from observatory.auth import OPERATE, READ, Principal
from observatory.errors import InvalidRequest, NotFound
from observatory.oncall import Escalation, Happening, Policy, policy, records, simulate
from observatory.state import Rows
from observatory.state.oncall import Told

router = APIRouter(prefix="/api/v1/monitoring/escalations", tags=["on call"], dependencies=[Depends(require(READ))])

Operator = Annotated[Principal, Depends(require(OPERATE))]
PolicyId = Annotated[str, Path(pattern=ID)]
Reason = Annotated[str, Query(max_length=512, description="Why.")]
MOST = 100


@router.get("", response_model=PolicyList)
async def show(request: Request) -> dict[str, Any]:
    """All policies, and the escalations that have not ended."""
    async with control_of(request).reading() as rows:
        told = await rows.oncall.policies()
        schedules = {each.id for each in await rows.oncall.schedules()}
        living = [records.of_record(each) for each in await rows.oncall.escalations()]
    items = [_item(each, channels_of(request), schedules) for each in told]
    return {"items": items, "running": [_running(each) for each in living]}


@router.get("/{policy_id}", response_model=PolicyItem)
async def one(request: Request, policy_id: PolicyId) -> dict[str, Any]:
    """One policy."""
    async with control_of(request).reading() as rows:
        return await _one(request, rows, policy_id)


@router.put("/{policy_id}", response_model=PolicyItem)
async def put(request: Request, principal: Operator, policy_id: PolicyId, wanted: PolicyWanted) -> dict[str, Any]:
    """Keep a policy. Escalations that are under way go on by the one they began with."""
    now = request.app.state.clock.now()
    told = policy.encode(_policy(policy_id, wanted))
    async with control_of(request).writing() as rows:
        known = await rows.oncall.policies()
        if len(known) >= MOST and policy_id not in {each.id for each in known}:
            raise InvalidRequest(f"policy_id: there are {MOST} policies already")
        new = await rows.oncall.put_policy(policy_id, told, principal.actor, now)
        action = "escalation.created" if new else "escalation.changed"
        await rows.audit.insert(principal.actor, action, f"escalation:{policy_id}", wanted.reason, now)
        return await _one(request, rows, policy_id)


@router.delete("/{policy_id}", status_code=204)
async def drop(request: Request, principal: Operator, policy_id: PolicyId, reason: Reason = "") -> None:
    """Delete a policy. Escalations that are under way go on."""
    now = request.app.state.clock.now()
    async with control_of(request).writing() as rows:
        if not await rows.oncall.drop_policy(policy_id):
            raise NotFound(f"no policy {policy_id}")
        await rows.audit.insert(principal.actor, "escalation.deleted", f"escalation:{policy_id}", reason, now)


@router.post("/{policy_id}/simulate", response_model=Simulation)
async def play(request: Request, policy_id: PolicyId, wanted: SimulationWanted) -> dict[str, Any]:
    """What the policy would do, told nobody: the one that is kept, or the one in the question before it is."""
    start = utc("started_at", wanted.started_at or request.app.state.clock.now())
    async with control_of(request).reading() as rows:
        schedules = await records.schedules(rows)
        kept = {each.id: each for each in await records.policies(rows)}
    if wanted.policy is None and policy_id not in kept:
        raise NotFound(f"no policy {policy_id}")
    asked = kept[policy_id] if wanted.policy is None else _policy(policy_id, wanted.policy)
    taken = [_later(start, each, "acknowledged_after_s") for each in wanted.acknowledged_after_s]
    ended = None if wanted.ended_after_s is None else _later(start, wanted.ended_after_s, "ended_after_s")
    found = simulate(asked, start, _later(start, wanted.lasts_s, "lasts_s"), taken, ended, schedules)
    return {"policy": policy_id, "items": [_happening(each, start) for each in found]}


def channels_of(request: Request) -> frozenset[str] | None:
    """Ids of the channels that there are; None on an application without channels."""
    known = getattr(request.app.state, "channels", None)
    return None if known is None else frozenset(each.id for each in known.all)


async def _one(request: Request, rows: Rows, policy_id: str) -> dict[str, Any]:
    told = next((each for each in await rows.oncall.policies() if each.id == policy_id), None)
    if told is None:
        raise NotFound(f"no policy {policy_id}")
    schedules = {each.id for each in await rows.oncall.schedules()}
    return _item(told, channels_of(request), schedules)


def _policy(policy_id: str, wanted: PolicyTerms) -> Policy:
    return policy.decode(policy_id, wanted.model_dump(mode="json"))


def _item(told: Told, channels: Collection[str] | None, schedules: Collection[str]) -> dict[str, Any]:
    found = policy.decode(told.id, told.told)
    return {
        "id": told.id,
        **policy.encode(found),
        "changed_at": health_json.moment(told.changed_at),
        "changed_by": told.changed_by,
        "problems": _problems(found, channels, schedules),
    }


def _problems(found: Policy, channels: Collection[str] | None, schedules: Collection[str]) -> Sequence[str]:
    named = dict.fromkeys(one.channel for each in found.levels for one in each.whom if one.channel)
    missing = [] if channels is None else [each for each in named if each not in channels]
    gone = [each for each in policy.schedules_of(found) if each not in schedules]
    return [*(f"there is no channel {each}" for each in missing), *(f"there is no schedule {each}" for each in gone)]


def _running(found: Escalation) -> Mapping[str, Any]:
    return {
        "subject": found.subject,
        "environment": found.environment,
        "severity": found.severity.value,
        "policy": found.policy.id,
        "state": found.state.value,
        "started_at": health_json.moment(found.started_at),
        "run": found.run,
        "told": found.step,
        "of": found.policy.steps,
        "due_at": health_json.moment(found.due_at),
    }


def _happening(found: Happening, start: datetime) -> Mapping[str, Any]:
    return {
        "at": health_json.moment(found.at),
        "after_s": (found.at - start).total_seconds(),
        "kind": found.kind,
        "run": found.run,
        "round": None if found.round is None else found.round + 1,
        "level": None if found.level is None else found.level + 1,
        "targets": [{"channel": each.channel, "person": each.person} for each in found.targets],
    }


def _later(start: datetime, after_s: float, name: str) -> datetime:
    try:
        return start + timedelta(seconds=after_s)
    except (OverflowError, ValueError):
        raise InvalidRequest(f"{name}: reaches beyond what a time can be") from None
