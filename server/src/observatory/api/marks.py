"""What is marked on every chart: incidents, deployments, flags."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from observatory.api import health_json
from observatory.api.access import require
from observatory.api.alerts import control_of
from observatory.api.deep_dives import Environment, expect_environment
from observatory.api.ranges import Range, Ranged
from observatory.api.snapshot import ANSWERS, send
from observatory.auth import READ
from observatory.explore import marks
from observatory.incidents import Case
from observatory.state import IncidentsWanted
from observatory.tick import DEFAULT_ENVIRONMENT

router = APIRouter(
    prefix="/api/v1/monitoring/marks", tags=["marks"], dependencies=[Depends(require(READ))], responses=ANSWERS
)

# An incident that began before the range may last into it.
_LONG = timedelta(days=7)
_MOST_INCIDENTS = 1_000
_MARKS: dict[str, Any] = {
    "environment": "production",
    "from": "2026-01-02T02:04:05.000Z",
    "to": "2026-01-02T03:04:05.000Z",
    "items": [
        {
            "kind": "incident",
            "at": "2026-01-02T02:30:00.000Z",
            "until": None,
            "subject": "01hk3",
            "text": "age of the oldest order in an unknown state: 1 min 12 s",
            "severity": "critical",
        },
        {
            "kind": "flag",
            "at": "2026-01-02T02:29:00.000Z",
            "until": None,
            "subject": "new-router",
            "text": "flag new-router from off to on",
            "severity": None,
        },
    ],
    "untrusted": ["items.subject", "items.text"],
}


class MarkItem(BaseModel):
    """Something that happened."""

    kind: Literal["incident", "deployment", "flag"]
    at: str
    until: str | None = Field(description="When an incident ended; null while it lasts, and for what takes no time.")
    subject: str = Field(description="Id of the incident, name of what was deployed, or of the flag.")
    text: str
    severity: Literal["critical", "warning", "info"] | None = Field(description="Of an incident.")


class Marks(BaseModel):
    """What happened in a range, oldest first: at most 200 of each kind, the newest."""

    model_config = ConfigDict(populate_by_name=True, json_schema_extra={"examples": [_MARKS]})

    environment: str
    start: str = Field(alias="from")
    to: str
    items: list[MarkItem]
    untrusted: list[str] = Field(description="Names of fields whose text comes from whoever sent the telemetry.")


@router.get("", response_model=Marks)
async def show(
    request: Request,
    asked: Annotated[Range, Depends(Ranged())],
    environment: Environment = DEFAULT_ENVIRONMENT,
) -> Response:
    """Incidents that touch the range, deployments, and flags that came to say something else."""
    expect_environment(request, environment)
    reader = request.app.state.store.reader
    told, cases = await asyncio.gather(
        marks.read(reader, environment, asked.start, asked.end), _incidents(request, asked, environment)
    )
    found = [(each.at, _mark(each)) for each in told]
    found += [(each.incident.opened_at, _incident(each)) for each in cases[-marks.MOST :]]
    found.sort(key=lambda each: each[0])
    values = {
        "environment": environment,
        "from": health_json.moment(asked.start),
        "to": health_json.moment(asked.end),
        "items": [item for _, item in found],
        "untrusted": ["items.subject", "items.text"],
    }
    return send(request, values)


async def _incidents(request: Request, asked: Range, environment: str) -> list[Case]:
    wanted = IncidentsWanted(environment, since=asked.start - _LONG, until=asked.end)
    async with control_of(request).reading() as rows:
        found = await rows.incidents.between(wanted, _MOST_INCIDENTS)
    return [each for each in found if (ended := each.incident.resolved_at) is None or ended >= asked.start]


def _incident(case: Case) -> dict[str, Any]:
    incident = case.incident
    return {
        "kind": "incident",
        "at": health_json.moment(incident.opened_at),
        "until": health_json.moment(incident.resolved_at),
        "subject": incident.id,
        "text": incident.title,
        "severity": incident.severity.value,
    }


def _mark(mark: marks.Mark) -> dict[str, Any]:
    return {
        "kind": mark.kind,
        "at": health_json.moment(mark.at),
        "until": None,
        "subject": mark.subject,
        "text": mark.sentence,
        "severity": None,
    }
