"""The ledger of notifications: what was sent to whom, each attempt, and what was suppressed and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query, Request

from observatory.api import health_json
from observatory.api.access import require
from observatory.api.alerts import control_of
from observatory.api.listing import Cursor, Limit
from observatory.api.notification_models import AttemptItem, NotificationItem, NotificationList, ToldAlert
from observatory.api.ranges import From, To, moment
from observatory.auth import READ
from observatory.errors import NotFound
from observatory.model.notification import Attempt
from observatory.state.deliveries import Asked, Delivery

router = APIRouter(
    prefix="/api/v1/monitoring/notifications", tags=["notifications"], dependencies=[Depends(require(READ))]
)

State = Literal["queued", "sent", "failed", "suppressed"]
KindName = Literal["alert", "incident", "escalation", "reminder", "digest", "test"]
Text = Annotated[str, Query(max_length=160)]


async def asked(
    environment: Annotated[str, Query(max_length=128, description="Empty: of all environments.")] = "",
    channel: Text = "",
    fingerprint: Annotated[str, Query(pattern="^([0-9a-f]{24})?$", description="Of one alert.")] = "",
    kind: KindName | None = None,
    state: Annotated[list[State] | None, Query(description="Any of these.")] = None,
    stage: Annotated[str, Query(max_length=16, description="Suppressed, put off or ended by this stage.")] = "",
    start: From = None,
    to: To = None,
) -> Asked:
    """The filters of a request."""
    since = None if start is None else moment("from", start)
    until = None if to is None else moment("to", to)
    return Asked(environment, channel, fingerprint, kind or "", tuple(state or ()), stage, since, until)


@router.get("", response_model=NotificationList)
async def show(
    request: Request, filters: Annotated[Asked, Depends(asked)], limit: Limit = 50, cursor: Cursor = None
) -> NotificationList:
    """Every message that was sent, is to be sent, or was suppressed, newest first."""
    async with control_of(request).reading() as rows:
        found = await rows.deliveries.page(filters, cursor, limit + 1)
        attempts = await rows.deliveries.attempts([each.id for each in found])
    items = [item(each, attempts.get(each.id, ())) for each in found[:limit]]
    return NotificationList(items=items, next=str(items[-1].id) if len(found) > limit else None)


@router.get("/{notification_id}", response_model=NotificationItem)
async def one(request: Request, notification_id: Annotated[int, Path(ge=1, le=2**63 - 1)]) -> NotificationItem:
    """One of them."""
    async with control_of(request).reading() as rows:
        found = await rows.deliveries.find(notification_id)
        attempts = await rows.deliveries.attempts([notification_id])
    if found is None:
        raise NotFound(f"no notification {notification_id}")
    return item(found, attempts.get(notification_id, ()))


def item(delivery: Delivery, attempts: Sequence[Attempt]) -> NotificationItem:
    """A delivery as JSON."""
    told = [each for each in delivery.messages if each.alert is not None]
    return NotificationItem.model_validate(
        {
            "id": delivery.id,
            "key": delivery.key,
            "channel": delivery.channel,
            "kind": delivery.kind,
            "environment": delivery.environment,
            "grouping": delivery.grouping,
            "severity": delivery.severity.value,
            "status": delivery.status.value,
            "state": delivery.state.value,
            "stage": delivery.stage,
            "reason": delivery.reason,
            "note": delivery.note,
            "title": delivery.messages[0].title,
            "incident": delivery.messages[0].incident,
            "created_at": health_json.moment(delivery.created_at),
            "due_at": health_json.moment(delivery.due_at),
            "sent_at": health_json.moment(delivery.sent_at),
            "alerts": [
                ToldAlert(
                    id=each.alert.id,
                    fingerprint=each.alert.fingerprint,
                    rule=each.alert.rule,
                    member=each.alert.member,
                    status=each.status.value,
                )
                for each in told
                if each.alert is not None
            ],
            "attempts": [
                AttemptItem(
                    at=health_json.moment(each.at) or "",
                    took_ms=each.took_ms,
                    outcome=each.outcome.value,
                    detail=each.detail,
                )
                for each in attempts
            ],
        }
    )
