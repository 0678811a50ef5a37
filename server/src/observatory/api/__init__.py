"""The HTTP face: one file per noun, each with a `router`. `include` puts all of them on an application."""

from __future__ import annotations

import asyncio
from pathlib import Path

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.staticfiles import StaticFiles

from observatory.api import (
    acknowledge_page,
    acknowledgements,
    alertmanager,
    alerts,
    audit,
    backups,
    budgets,
    channels,
    cost_anomalies,
    cost_breakdown,
    cost_economics,
    cost_export,
    cost_forecast,
    cost_prices,
    deep_dives,
    diagnose,
    docs,
    emergency,
    erasures,
    escalations,
    exceptions,
    histories,
    incident_history,
    incidents,
    login_links,
    logs,
    marks,
    metrics,
    notifications,
    page,
    probes,
    problems,
    rule_replay,
    rules,
    runbooks,
    schedules,
    selfwatch_json,
    selfwatch_page,
    services,
    session,
    shell,
    silences,
    slos,
    stream,
    summaries,
    system_health,
    tokens,
    topology,
    traces,
    user,
    views,
    who,
)
from observatory.api.headers import SecurityHeaders
from observatory.api.kept import Kept
from observatory.api.limits import BodyLimit
from observatory.auth import Throttle

ROUTERS: tuple[APIRouter, ...] = (
    probes.router,
    session.router,
    who.router,
    acknowledge_page.router,
    page.router,
    shell.router,
    selfwatch_page.router,
    selfwatch_json.router,
    docs.router,
    metrics.router,
    system_health.router,
    services.router,
    topology.router,
    budgets.router,
    cost_prices.router,
    cost_export.router,
    cost_economics.router,
    cost_anomalies.router,
    cost_breakdown.router,
    cost_forecast.router,
    deep_dives.router,
    user.router,
    histories.router,
    marks.router,
    views.router,
    diagnose.router,
    traces.router,
    logs.router,
    exceptions.router,
    tokens.router,
    login_links.router,
    alerts.router,
    rule_replay.router,
    rules.router,
    silences.router,
    notifications.router,
    channels.router,
    alertmanager.router,
    stream.router,
    slos.router,
    runbooks.router,
    incident_history.router,
    summaries.router,
    incidents.router,
    acknowledgements.router,
    escalations.router,
    schedules.router,
    audit.router,
    backups.router,
    erasures.router,
)

_STATIC = Path(__file__).parent / "static"


def application() -> FastAPI:
    """An application for `include`, without FastAPI's own documentation pages."""
    return FastAPI(title="Observatory", docs_url=None, redoc_url=None, openapi_url=None)


def include(app: FastAPI) -> None:
    """Put every router, the problem details and the security headers on `app`.

    The routes read from `app.state`, which the composition root fills before the first request: `tokens`, `clock`,
    `selfwatch`, `ready` (a function that tells whether the server can serve) and `snapshots` (whose `latest` has
    `system_health` and `services`, or is None before the first tick).

    Raises:
        ValueError: `app` has FastAPI's own documentation pages, which load scripts from a CDN and ask for no token.
    """
    if app.docs_url or app.redoc_url or app.openapi_url:
        raise ValueError("make the application with api.application()")
    app.state.throttle = Throttle()
    app.state.diagnoses = asyncio.Semaphore(diagnose.AT_ONCE)
    app.state.kept = Kept()
    app.state.told = dict(emergency.TELLERS)
    app.state.answers = [
        route.response_model for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)
    ]
    app.add_middleware(BodyLimit)
    app.add_middleware(SecurityHeaders)
    problems.include(app)
    for router in ROUTERS:
        app.include_router(router, responses=problems.RESPONSES)
    shell.include(app)
    app.mount("/static", StaticFiles(directory=_STATIC), name="static")
