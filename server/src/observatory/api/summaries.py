"""Incidents in plain words: the facts that are known, by a template, or by a model that is held to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request

from observatory import incidents
from observatory.api.access import require
from observatory.api.alerts import control_of
from observatory.api.deep_dives import Environment
from observatory.api.diagnose import About, about, diagnosed, times
from observatory.api.health_json import moment
from observatory.api.incident_models import ID
from observatory.api.incidents import reports_of
from observatory.api.summary_models import SummaryAnswer
from observatory.auth import READ
from observatory.diagnose.doctor import Asked
from observatory.errors import StoreError
from observatory.incidents import evidence
from observatory.insight import Insight, Summary
from observatory.model.evidence import Evidence
from observatory.tick import DEFAULT_ENVIRONMENT

router = APIRouter(prefix="/api/v1/monitoring", tags=["incidents"], dependencies=[Depends(require(READ))])

_PLAIN = ("id", "sentence", "value", "usual", "unit", "samples", "source", "link")


@router.get("/incidents/{incident_id}/summary", response_model=SummaryAnswer)
async def of_incident(
    request: Request, incident_id: Annotated[str, Path(pattern=ID, description="Id of an incident.")]
) -> dict[str, Any]:
    """An incident in a few sentences, each with the evidence that it rests on."""
    now = request.app.state.clock.now()
    async with control_of(request).reading() as rows:
        case = await incidents.find(rows, incident_id)
    reports = reports_of(request)
    try:
        entries, impact = await reports.timeline(case, now), await reports.impact(case, now)
    except StoreError:
        # The alerts are kept elsewhere: what they say is worth telling all the same.
        entries, impact = [], None
    known = evidence.gather(case, entries, impact)
    told = await insight_of(request).summarise(f"incident {incident_id}", evidence.verdict(case), known)
    return encode(told, known)


@router.get("/diagnose/summary", response_model=SummaryAnswer, tags=["diagnosis"])
async def of_diagnosis(
    request: Request,
    wanted: Annotated[About, Depends(about)],
    asked: Annotated[Asked, Depends(times)],
    environment: Environment = DEFAULT_ENVIRONMENT,
) -> dict[str, Any]:
    """A diagnosis in a few sentences, each with the evidence that it rests on; asked for as `diagnose` is."""
    found = await diagnosed(request, wanted, asked, environment)
    told = await insight_of(request).summarise(f"{found.kind} {found.subject}", found.verdict, found.evidence)
    return encode(told, found.evidence)


def insight_of(request: Request) -> Insight:
    """The application's writer of summaries."""
    found: Insight = request.app.state.insight
    return found


def encode(told: Summary, known: Sequence[Evidence]) -> dict[str, Any]:
    """A summary with its evidence as JSON values."""
    return {
        "subject": told.subject,
        "by": told.by,
        "sentences": [{"text": each.text, "evidence": list(each.evidence)} for each in told.sentences],
        "dropped": dict(told.dropped),
        "failure": told.failure,
        "evidence": [item(each) for each in known],
    }


def item(each: Evidence) -> dict[str, Any]:
    """One fact as JSON values."""
    times = {"since": moment(each.since), "until": moment(each.until)}
    return {**{name: getattr(each, name) for name in _PLAIN}, **times}
