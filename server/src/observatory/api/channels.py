"""Channels of notifications: which there are, how they do, and a message to try one."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request

from observatory import notify
from observatory.api import health_json
from observatory.api.access import require
from observatory.api.alerts import control_of
from observatory.api.notification_models import ChannelItem, ChannelList, Tested
from observatory.auth import OPERATE, READ, Principal
from observatory.errors import NotFound
from observatory.model.alert import Severity
from observatory.model.notification import Kind, Message, Status
from observatory.notify.channels import Channel
from observatory.state.deliveries import Standing

router = APIRouter(prefix="/api/v1/monitoring/channels", tags=["notifications"], dependencies=[Depends(require(READ))])

ChannelId = Annotated[str, Path(max_length=64)]


@router.get("", response_model=ChannelList)
async def show(request: Request) -> ChannelList:
    """Every channel, in the order of the file."""
    channels: notify.Channels = request.app.state.channels
    async with control_of(request).reading() as rows:
        standings = await rows.deliveries.standings()
        waiting = {each.id: await rows.deliveries.waiting(each.id) for each in channels.all}
    items = [_item(each, standings.get(each.id), waiting[each.id], _deliverer(request)) for each in channels.all]
    stages = [*(each.name for each in notify.STAGES), *notify.SENDING]
    return ChannelList(items=items, problem=channels.problem, stages=stages)


@router.post("/{channel_id}/test", status_code=202, response_model=Tested)
async def try_out(
    request: Request, channel_id: ChannelId, principal: Annotated[Principal, Depends(require(OPERATE))]
) -> Tested:
    """Send a message to one channel, past every stage but throttle, send and record. The ledger says how it went."""
    channels: notify.Channels = request.app.state.channels
    if channels.find(channel_id) is None:
        raise NotFound(f"no channel {channel_id[:64]!r}")
    now = request.app.state.clock.now()
    key = f"test:{channel_id}:{uuid.uuid4().hex}"
    message = Message(
        key=key,
        kind=Kind.TEST,
        environment="",
        grouping=key,
        severity=Severity.INFO,
        status=Status.INFO,
        at=now,
        title=f"a message to try the channel {channel_id}",
        text=f"Sent by {principal.actor} at {health_json.moment(now)}. Nothing is wrong.",
        targets=(channel_id,),
    )
    async with control_of(request).writing() as rows:
        await rows.outbox.add([message])
        await rows.audit.insert(principal.actor, "channel.tested", f"channel:{channel_id}", "", now)
    _deliverer(request).wake()
    return Tested(key=key, queued=True)


def _deliverer(request: Request) -> notify.Deliverer:
    found: notify.Deliverer = request.app.state.deliverer
    return found


def _item(channel: Channel, standing: Standing | None, waiting: int, deliverer: notify.Deliverer) -> ChannelItem:
    found = standing or Standing(channel.id)
    state = "failing" if deliverer.standings.failing(channel.id) else "delivering" if found.sent_at else "unused"
    return ChannelItem.model_validate(
        {
            "id": channel.id,
            "kind": channel.kind,
            "where": channel.where,
            "severities": [each.value for each in Severity if each in channel.severities],
            "environments": sorted(channel.environments),
            "rules": list(channel.rules),
            "areas": sorted(channel.areas),
            "kinds": [each.value for each in Kind if each in channel.kinds],
            "per_minute": channel.per_minute,
            "state": state,
            "failures": found.failures,
            "failing_since": health_json.moment(found.failing_since),
            "sent_at": health_json.moment(found.sent_at),
            "failed_at": health_json.moment(found.failed_at),
            "error": found.error,
            "given_up": found.given_up,
            "waiting": waiting,
        }
    )
