"""The health page: the latest snapshot, rendered on the server, without script."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse

from observatory.api import html
from observatory.api.access import require
from observatory.api.health_view import SERVICES, HealthView, health_view, nothing_yet
from observatory.auth import READ

router = APIRouter(include_in_schema=False, dependencies=[Depends(require(READ))])

STALE_AFTER_S = 60.0


@router.get("/plain")
async def show(request: Request, refresh: Annotated[int, Query(ge=0, le=3_600)] = 5) -> HTMLResponse:
    """Verdict, services reporting, ten areas with their numbers, table of services; loads itself again every
    `refresh` seconds, 0 for never."""
    values = {"view": _view(request), "of": SERVICES, "refresh": refresh, "title": "Health"}
    return html.render("health.html", values)


def _view(request: Request) -> HealthView:
    snapshots = getattr(request.app.state, "snapshots", None)
    latest = None if snapshots is None else snapshots.latest
    if latest is None:
        return nothing_yet()
    # A tick may be set to minutes; then a picture is old only when some rounds are missing.
    stale_after_s = getattr(request.app.state, "stale_after_s", STALE_AFTER_S)
    return health_view(latest.system_health, latest.services, request.app.state.clock.now(), stale_after_s)
