"""Incidents of a range of time: past ones, the four mean times, and what comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request

from observatory.api import health_json, incident_json
from observatory.api.access import require
from observatory.api.alerts import control_of
from observatory.api.deep_dives import Environment
from observatory.api.incident_history_models import History, Patterns
from observatory.api.incident_models import SeverityName
from observatory.api.listing import Cursor, Limit
from observatory.api.ranges import Range, Ranged
from observatory.auth import READ
from observatory.incidents import Case, statistics
from observatory.model.alert import Severity
from observatory.state import IncidentsWanted
from observatory.tick import DEFAULT_ENVIRONMENT

# Before the routes of one incident: `history` is no id.
router = APIRouter(prefix="/api/v1/monitoring/incidents", tags=["incidents"], dependencies=[Depends(require(READ))])

Long = Annotated[Range, Depends(Ranged("30d"))]
Service = Annotated[str, Query(max_length=160, description="One of the services concerned.")]
Area = Annotated[str, Query(max_length=64, description="One of the areas concerned.")]
Severities = Annotated[list[SeverityName] | None, Query(description="Any of these.")]
_MOST_ROOTS = 20
MOST = 3_000


@router.get("/history", response_model=History)
async def history(
    request: Request,
    asked: Long,
    environment: Environment = DEFAULT_ENVIRONMENT,
    service: Service = "",
    area: Area = "",
    severity: Severities = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> dict[str, Any]:
    """Past incidents and open ones that began in the range, newest first, and how fast they were seen and over."""
    cases = await _cases(request, asked, _wanted(asked, environment, service, area, severity))
    start = cursor or 0
    return {
        **_range(asked, environment),
        **await asyncio.to_thread(_past, cases),
        "items": [incident_json.item(case) for case in cases[::-1][start : start + limit]],
        "next": str(start + limit) if len(cases) > start + limit else None,
    }


def _past(cases: Sequence[Case]) -> dict[str, Any]:
    roots = statistics.tally(cases, lambda case: [_root(case)])
    return {
        "incidents": len(cases),
        "complete": len(cases) < MOST,
        "open": sum(case.incident.open for case in cases),
        "by_severity": incident_json.tally(statistics.tally(cases, lambda case: [case.incident.severity.value])),
        "by_area": incident_json.tally(statistics.tally(cases, lambda case: case.incident.areas)),
        "by_service": incident_json.tally(statistics.tally(cases, lambda case: case.incident.services)),
        "times": [incident_json.times(each) for each in statistics.times(cases)],
        "roots": [
            dict(zip(("rule", "member"), root.split("\0"), strict=True), incidents=count)
            for root, count in roots[:_MOST_ROOTS]
        ],
    }


@router.get("/patterns", response_model=Patterns)
async def patterns(
    request: Request,
    asked: Long,
    environment: Environment = DEFAULT_ENVIRONMENT,
    service: Service = "",
    area: Area = "",
    severity: Severities = None,
) -> dict[str, Any]:
    """What comes back: roots of more than one incident, hours and days at which incidents begin."""
    cases = await _cases(request, asked, _wanted(asked, environment, service, area, severity))
    return {**_range(asked, environment), **await asyncio.to_thread(_again, cases), "next": None}


def _again(cases: Sequence[Case]) -> dict[str, Any]:
    by_root = statistics.tally(cases, lambda case: statistics.root_of(case).services)
    return {
        "samples": len(cases),
        "complete": len(cases) < MOST,
        "recurrences": [incident_json.recurrence(each) for each in statistics.recurrences(cases)],
        "by_hour": list(statistics.hours(cases).values()),
        "by_weekday": list(statistics.weekdays(cases).values()),
        "by_root_service": incident_json.tally(by_root),
    }


async def _cases(request: Request, asked: Range, wanted: IncidentsWanted) -> list[Case]:
    async with control_of(request).reading() as rows:
        # What came after the range is not known at its end.
        return await rows.incidents.between(wanted, MOST, asked.end if asked.past else None)


def _wanted(
    asked: Range, environment: str, service: str, area: str, severity: list[SeverityName] | None
) -> IncidentsWanted:
    severities = tuple(Severity(each) for each in severity or ())
    return IncidentsWanted(environment, service, area, severities=severities, since=asked.start, until=asked.end)


def _root(case: Case) -> str:
    found = statistics.root_of(case)
    return f"{found.rule}\0{found.member}"


def _range(asked: Range, environment: str) -> dict[str, Any]:
    return {
        "environment": environment,
        "from": health_json.moment(asked.start),
        "to": health_json.moment(asked.end),
    }
