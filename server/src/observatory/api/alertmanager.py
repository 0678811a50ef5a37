"""Alertmanager's webhook, version 4, coming in: alerts of other systems become alerts here."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from observatory.api.access import require_any
from observatory.api.alerts import control_of
from observatory.auth import INGEST, OPERATE
from observatory.errors import InvalidRequest
from observatory.notify import foreign
from observatory.state.foreign import ForeignAlert
from observatory.tick import DEFAULT_ENVIRONMENT

router = APIRouter(prefix="/api/v1/monitoring/alertmanager", tags=["alerts"])

MOST_KEPT = 10_000
_AHEAD = timedelta(days=1)
_AT = "2026-01-02T03:04:05.000Z"
_NEVER = "0001-01-01T00:00:00Z"
_ALERT: dict[str, Any] = {
    "status": "firing",
    "labels": {"alertname": "DiskFull", "instance": "db-1", "severity": "critical"},
    "annotations": {"summary": "97 % of the disk of db-1 are used"},
    "startsAt": _AT,
    "endsAt": _NEVER,
    "generatorURL": "",
    "fingerprint": "1a2b3c4d5e6f7081",
}
Name = Annotated[str, Field(min_length=1, max_length=256)]
Value = Annotated[str, Field(max_length=4_096)]


class ForeignEntry(BaseModel):
    """One alert of a webhook."""

    status: Literal["firing", "resolved"]
    labels: dict[Name, Value] = Field(max_length=64)
    annotations: dict[Name, Value] = Field(default_factory=dict, max_length=64)
    starts_at: str = Field(alias="startsAt", max_length=64)
    ends_at: str = Field("", alias="endsAt", max_length=64, description=f"{_NEVER} while it fires.")
    generator_url: str = Field("", alias="generatorURL", max_length=2_048)
    fingerprint: str = Field(min_length=1, max_length=64, pattern="^[!-~]+$")


class Webhook(BaseModel):
    """A webhook of Alertmanager. Its other fields are not needed, and taken as they come."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"version": "4", "status": "firing", "alerts": [_ALERT]}]}
    )

    version: Literal["4"]
    alerts: list[ForeignEntry] = Field(max_length=1_000)


class Taken(BaseModel):
    """How many alerts were taken in. Those of Observatory itself that came back are not."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"taken": 1, "own": 0}]})

    taken: int
    own: int


@router.post("", response_model=Taken, dependencies=[Depends(require_any(INGEST, OPERATE))])
async def take(request: Request, webhook: Webhook) -> Taken:
    """Take in alerts of another system; the next round makes alerts of them, by the rules `foreign.*`."""
    now = request.app.state.clock.now()
    found = [_decoded(each, f"body.alerts.{place}", now) for place, each in enumerate(webhook.alerts)]
    taken = [each for each in found if each is not None]
    async with control_of(request).writing() as rows:
        await rows.foreign.forget(now - foreign.FORGET)
        new = await rows.foreign.keep(taken)
        # Those that are known are told again, that they are over among others: for them there is always room.
        if new and await rows.foreign.count() > MOST_KEPT:
            raise InvalidRequest(f"body.alerts: there are {MOST_KEPT} alerts of other systems already")
    return Taken(taken=len(taken), own=len(found) - len(taken))


def _decoded(entry: ForeignEntry, place: str, now: datetime) -> ForeignAlert | None:
    times: dict[str, datetime | None] = {}
    for name, text in (("startsAt", entry.starts_at), ("endsAt", entry.ends_at)):
        try:
            times[name] = foreign.moment(text)
        except (ValueError, OverflowError):
            raise InvalidRequest(f"{place}.{name}: must be a time such as 2026-01-02T03:04:05Z") from None
    starts_at = times["startsAt"] or now
    if starts_at > now + _AHEAD:
        raise InvalidRequest(f"{place}.startsAt: lies in the future")
    return foreign.decode(
        labels=entry.labels,
        annotations=entry.annotations,
        starts_at=starts_at.astimezone(UTC),
        ends_at=times["endsAt"],
        fingerprint=entry.fingerprint,
        link=entry.generator_url,
        firing=entry.status == "firing",
        home=DEFAULT_ENVIRONMENT,
        at=now,
    )
