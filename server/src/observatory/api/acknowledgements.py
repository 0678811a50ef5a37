"""Who took what, and what they wrote down. An acknowledgement holds until what was taken ends."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from observatory import oncall
from observatory.api import health_json
from observatory.api.access import require
from observatory.api.alerts import control_of
from observatory.api.listing import Cursor, Limit, Listing, Numbered, cut
from observatory.auth import OPERATE, READ, Principal
from observatory.errors import NotFound
from observatory.state.oncall import Acknowledgement, Note

router = APIRouter(prefix="/api/v1/monitoring", tags=["on call"], dependencies=[Depends(require(READ))])

Operator = Annotated[Principal, Depends(require(OPERATE))]
Number = Annotated[int, Path(ge=1, le=2**63 - 1)]
SUBJECT = r"^(alert:[0-9a-f]{24}:[1-9][0-9]{0,9}|incident:[0-9]{8}t[0-9]{6}-[0-9a-f]{8})$"
_SUBJECT = "alert:7b0f6f4d5c3b2a1908f7e6d5:1"
_AT = "2026-01-02T03:04:05.000Z"
_HELD: dict[str, Any] = {
    "id": 3,
    "subject": _SUBJECT,
    "environment": "production",
    "at": _AT,
    "by": "token:3",
    "reason": "looking at it",
    "ended_at": None,
    "ended_by": "",
    "ended_why": "",
}
_TAKEN: dict[str, Any] = {
    "subject": _SUBJECT,
    "environment": "production",
    "severity": "critical",
    "sentence": "age of the oldest order in an unknown state: 1 min 12 s",
    "since": _AT,
    "by": "token:3",
    "at": _AT,
    "reason": "looking at it",
    "new": True,
}
_NOTE: dict[str, Any] = {"id": 4, "subject": _SUBJECT, "at": _AT, "by": "token:3", "text": "the exchange was told"}


class AcknowledgementItem(Numbered):
    """Somebody took an alert or an incident. `ended_at` is null while it holds."""

    model_config = ConfigDict(json_schema_extra={"examples": [_HELD]})

    subject: str = Field(description="alert:<id> or incident:<id>.")
    environment: str
    at: str
    by: str
    reason: str
    ended_at: str | None
    ended_by: str
    ended_why: str


class AcknowledgementList(Listing[AcknowledgementItem]):
    """One page of acknowledgements, newest first."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [_HELD], "next": None}]})


class Taken(BaseModel):
    """Who has it, since when. `new` is false when somebody had it already: the first one keeps it."""

    model_config = ConfigDict(json_schema_extra={"examples": [_TAKEN]})

    subject: str = Field(description="Of an incident that was merged into another: that one.")
    environment: str
    severity: str
    sentence: str
    since: str
    by: str
    at: str
    reason: str
    new: bool


class AcknowledgementWanted(BaseModel):
    """What is taken, and why."""

    model_config = ConfigDict(extra="forbid")

    subject: str = Field(pattern=SUBJECT, examples=[_SUBJECT])
    reason: str = Field("", max_length=512, examples=["looking at it"])


class NoteItem(Numbered):
    """What somebody wrote down beside an alert or an incident."""

    model_config = ConfigDict(json_schema_extra={"examples": [_NOTE]})

    subject: str
    at: str
    by: str
    text: str


class NoteList(Listing[NoteItem]):
    """One page of notes, newest first."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [_NOTE], "next": None}]})


class BesideWhat(BaseModel):
    """What is written down, and beside what."""

    model_config = ConfigDict(extra="forbid")

    subject: str = Field(pattern=SUBJECT, examples=[_SUBJECT])
    text: str = Field(min_length=1, max_length=4_000, examples=["the exchange was told"])


Subject = Annotated[str, Query(pattern=SUBJECT, description="alert:<id> or incident:<id>.")]


@router.get("/acknowledgements", response_model=AcknowledgementList)
async def show(
    request: Request,
    subject: Annotated[str | None, Query(pattern=SUBJECT, description="Of this alert or incident.")] = None,
    ended: Annotated[bool, Query(description="Those as well that ended.")] = False,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Listing[AcknowledgementItem]:
    """Who has what, newest first."""
    async with control_of(request).reading() as rows:
        found = await rows.acknowledgements.page(cursor, limit + 1, subject or "", ended)
    return cut([_item(each) for each in found], limit)


@router.get("/acknowledgements/{acknowledgement_id}", response_model=AcknowledgementItem)
async def one(request: Request, acknowledgement_id: Number) -> AcknowledgementItem:
    """One acknowledgement."""
    async with control_of(request).reading() as rows:
        found = await rows.acknowledgements.find(acknowledgement_id)
    if found is None:
        raise NotFound(f"no acknowledgement {acknowledgement_id}")
    return _item(found)


@router.post("/acknowledgements", status_code=201, response_model=Taken)
async def take(
    request: Request, response: Response, principal: Operator, wanted: AcknowledgementWanted
) -> dict[str, Any]:
    """Take an alert or an incident until it ends: nobody else is told. 200 when somebody has it already."""
    now = request.app.state.clock.now()
    async with control_of(request).writing() as rows:
        standing, new = await oncall.acknowledge(rows, wanted.subject, principal.actor, wanted.reason, now)
    if not new:
        response.status_code = 200
    return {
        "subject": standing.subject,
        "environment": standing.environment,
        "severity": standing.severity.value,
        "sentence": standing.sentence,
        "since": health_json.moment(standing.since),
        "by": standing.by,
        "at": health_json.moment(standing.acknowledged_at),
        "reason": standing.reason,
        "new": new,
    }


@router.delete("/acknowledgements/{acknowledgement_id}", status_code=204)
async def give_back(
    request: Request,
    principal: Operator,
    acknowledgement_id: Number,
    reason: Annotated[str, Query(max_length=512, description="Why.")] = "",
) -> None:
    """Give it back: those on call are told again, from the first level."""
    now = request.app.state.clock.now()
    async with control_of(request).writing() as rows:
        await oncall.give_back(rows, acknowledgement_id, principal.actor, reason, now)


@router.get("/notes", response_model=NoteList)
async def notes(request: Request, subject: Subject, limit: Limit = 50, cursor: Cursor = None) -> Listing[NoteItem]:
    """Notes beside an alert or an incident, newest first."""
    async with control_of(request).reading() as rows:
        found = await rows.acknowledgements.notes(subject, cursor, limit + 1)
    return cut([_note(each) for each in found], limit)


@router.post("/notes", status_code=201, response_model=NoteItem)
async def write(request: Request, principal: Operator, wanted: BesideWhat) -> NoteItem:
    """Write something down. Beside an incident it is part of its timeline."""
    now = request.app.state.clock.now()
    async with control_of(request).writing() as rows:
        return _note(await oncall.note(rows, wanted.subject, principal.actor, wanted.text, now))


def _item(found: Acknowledgement) -> AcknowledgementItem:
    return AcknowledgementItem(
        id=found.id,
        subject=found.subject,
        environment=found.environment,
        at=health_json.moment(found.at) or "",
        by=found.by,
        reason=found.reason,
        ended_at=health_json.moment(found.ended_at),
        ended_by=found.ended_by,
        ended_why=found.ended_why,
    )


def _note(found: Note) -> NoteItem:
    at = health_json.moment(found.at) or ""
    return NoteItem(id=found.id, subject=found.subject, at=at, by=found.by, text=found.text)
