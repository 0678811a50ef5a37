"""Is the system healthy right now? Answered from memory."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request, Response

from observatory.api.access import require
from observatory.api.health_models import SystemHealth
from observatory.api.snapshot import ANSWERS, Newest, send_body
from observatory.auth import READ

router = APIRouter(
    prefix="/api/v1/monitoring", tags=["health"], dependencies=[Depends(require(READ))], responses=ANSWERS
)


@router.get("/system-health", response_model=SystemHealth)
async def show(request: Request, newest: Newest) -> Response:
    """Overall status, the ten areas with their numbers, and how many of the services report.

    Every number is measured or null; `provenance` beside it says from how many samples, over which window, as of when
    and from where. When the rounds have stopped, the overall status is `unknown`, whatever the last one said.
    With `as_of` it is the state as it was then. Answers 304 to a matching `If-None-Match`, 404 for an environment that
    never sent anything and for a time of which no snapshot was kept.
    """
    return send_body(request, newest.body, newest.etag)
