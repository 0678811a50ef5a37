"""Silences and maintenance windows: messages that are not sent. The alerts go on."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from observatory.alerting import silences
from observatory.api import health_json
from observatory.api.access import require
from observatory.api.alerts import control_of, evaluator_of
from observatory.api.listing import Cursor, Limit, Listing, Numbered, cut
from observatory.api.ranges import utc
from observatory.auth import OPERATE, READ, Principal
from observatory.errors import InvalidRequest, NotFound
from observatory.state import SilenceRecord, SilenceTerms

router = APIRouter(prefix="/api/v1/monitoring/silences", tags=["silences"], dependencies=[Depends(require(READ))])

Operator = Annotated[Principal, Depends(require(OPERATE))]
SilenceId = Annotated[int, Path(ge=1, le=2**63 - 1)]
LONGEST = timedelta(days=31)
AHEAD = timedelta(days=366)
MOST = 1_000
_AT = "2026-01-02T03:04:05.000Z"
_MATCHER: dict[str, Any] = {"name": "rule", "op": "like", "value": "market_data.*"}
_SILENCE: dict[str, Any] = {
    "id": 4,
    "kind": "maintenance",
    "state": "active",
    "environment": "production",
    "matchers": [_MATCHER],
    "starts_at": _AT,
    "ends_at": "2026-01-02T05:04:05.000Z",
    "reason": "the exchange is down for maintenance",
    "created_at": _AT,
    "created_by": "token:3",
    "ended_at": None,
    "ended_by": "",
    "alerts_open": 2,
}


class Matcher(BaseModel):
    """What must be so of an alert. Names other than those of every alert are labels."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_MATCHER]})

    name: str = Field(
        min_length=1,
        max_length=64,
        description=f"{', '.join(silences.NAMES)}, or the name of a label.",
    )
    op: Literal["=", "!=", "like", "not like"] = Field("=", description="In `like`, `*` stands for anything.")
    value: str = Field(max_length=256)


class SilenceItem(Numbered):
    """One silence. `alerts_open` is how many alerts that are open now it fits."""

    model_config = ConfigDict(json_schema_extra={"examples": [_SILENCE]})

    kind: Literal["silence", "maintenance"]
    state: Literal["pending", "active", "expired"]
    environment: str = Field(description="Empty: everywhere.")
    matchers: list[Matcher]
    starts_at: str
    ends_at: str
    reason: str
    created_at: str
    created_by: str
    ended_at: str | None = Field(description="When somebody ended it before its time.")
    ended_by: str
    alerts_open: int


class SilenceList(Listing[SilenceItem]):
    """One page of silences, newest first."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [_SILENCE], "next": None}]})


class SilenceWanted(BaseModel):
    """What shall be silent, from when until when, and why."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["silence", "maintenance"] = "silence"
    environment: str = Field("", max_length=128, description="Empty: everywhere.")
    matchers: list[Matcher] = Field(
        max_length=silences.MOST_MATCHERS, description="All must fit. Without any, an environment must be named."
    )
    starts_at: AwareDatetime | None = Field(None, description="Null: now.", examples=[_AT])
    ends_at: AwareDatetime | None = Field(None, description="Or give lasts_s.", examples=[_AT])
    lasts_s: int | None = Field(None, ge=1, le=int(LONGEST.total_seconds()), examples=[3_600])
    reason: str = Field(min_length=1, max_length=512, examples=["the exchange is down for maintenance"])


@router.get("", response_model=SilenceList)
async def show(
    request: Request,
    limit: Limit = 50,
    cursor: Cursor = None,
    expired: Annotated[bool, Query(description="Those that are over as well.")] = False,
) -> Listing[SilenceItem]:
    """Silences that are in force or to come, newest first."""
    now = request.app.state.clock.now()
    async with control_of(request).reading() as rows:
        records = await rows.silences.page(cursor, limit + 1, expired, now)
    return cut([_item(request, record) for record in records], limit)


@router.get("/{silence_id}", response_model=SilenceItem)
async def one(request: Request, silence_id: SilenceId) -> SilenceItem:
    """One silence."""
    async with control_of(request).reading() as rows:
        record = await rows.silences.find(silence_id)
    if record is None:
        raise NotFound(f"no silence {silence_id}")
    return _item(request, record)


@router.post("", status_code=201, response_model=SilenceItem)
async def create(request: Request, principal: Operator, wanted: SilenceWanted) -> SilenceItem:
    """Silence what fits, from now or later on."""
    now = request.app.state.clock.now()
    terms = _terms(wanted, now)
    async with control_of(request).writing() as rows:
        if await rows.silences.count(now) >= MOST:
            raise InvalidRequest(f"there are {MOST} silences already")
        record = await rows.silences.insert(terms, principal.actor, now)
        subject = f"silence:{record.id}"
        await rows.audit.insert(principal.actor, f"{terms.kind}.created", subject, terms.reason, now)
    return _item(request, record)


@router.delete("/{silence_id}", status_code=204)
async def end(
    request: Request, principal: Operator, silence_id: SilenceId, reason: Annotated[str, Query(max_length=512)] = ""
) -> None:
    """End a silence before its time."""
    now = request.app.state.clock.now()
    async with control_of(request).writing() as rows:
        record = await rows.silences.end(silence_id, principal.actor, now)
        if record is None:
            raise NotFound(f"no silence {silence_id} that is in force or to come")
        await rows.audit.insert(principal.actor, f"{record.terms.kind}.ended", f"silence:{silence_id}", reason, now)


def _terms(wanted: SilenceWanted, now: datetime) -> SilenceTerms:
    starts = utc("starts_at", wanted.starts_at or now)
    if (wanted.ends_at is None) == (wanted.lasts_s is None):
        raise InvalidRequest("ends_at: give either ends_at or lasts_s")
    if not now - LONGEST <= starts <= now + AHEAD:
        raise InvalidRequest("starts_at: must lie within the last 31 days or the next 366")
    ends = utc("ends_at", wanted.ends_at or starts + timedelta(seconds=wanted.lasts_s or 0))
    if ends <= starts or ends <= now:
        raise InvalidRequest("ends_at: must lie after the start, and in the future")
    if ends - starts > LONGEST:
        raise InvalidRequest(
            "ends_at: a silence lasts 31 days at most; what shall be silent for ever is a rule to switch off"
        )
    if not wanted.matchers and not wanted.environment:
        raise InvalidRequest("matchers: must not be empty, unless an environment is named")
    matchers = tuple(each.model_dump() for each in wanted.matchers)
    return SilenceTerms(wanted.kind, wanted.environment, matchers, starts, ends, wanted.reason)


def _item(request: Request, record: SilenceRecord) -> SilenceItem:
    terms, now = record.terms, request.app.state.clock.now()
    fitting = [each for each in evaluator_of(request).alerts if each.phase.open and silences.matches(record, each)]
    return SilenceItem(
        id=record.id,
        kind="maintenance" if terms.kind == "maintenance" else "silence",
        state=silences.standing(record, now).value,
        environment=terms.environment,
        matchers=[Matcher.model_validate(dict(each)) for each in terms.matchers],
        starts_at=health_json.moment(terms.starts_at) or "",
        ends_at=health_json.moment(terms.ends_at) or "",
        reason=terms.reason,
        created_at=health_json.moment(record.created_at) or "",
        created_by=record.created_by,
        ended_at=health_json.moment(record.ended_at),
        ended_by=record.ended_by,
        alerts_open=len(fitting),
    )
