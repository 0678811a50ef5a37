"""Objectives of services and areas: what is left of their budgets, and how fast these burn."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from observatory import slo
from observatory.alerting.conditions.burn import SOURCE
from observatory.api import health_json
from observatory.api.access import require
from observatory.api.alerts import evaluator_of
from observatory.api.deep_dives import Environment, expect_environment
from observatory.api.snapshot import ANSWERS, send
from observatory.auth import READ
from observatory.slo import Burn, Burning
from observatory.tick import DEFAULT_ENVIRONMENT

router = APIRouter(
    prefix="/api/v1/monitoring/slos", tags=["slos"], dependencies=[Depends(require(READ))], responses=ANSWERS
)

MeasureName = Literal["availability", "latency"]
_AT = "2026-01-02T03:04:05.000Z"
_BURN: dict[str, Any] = {
    "name": "fast",
    "factor": 14.4,
    "long_window_s": 3_600,
    "short_window_s": 300,
    "long_burn_rate": 0.4,
    "short_burn_rate": 0.0,
    "events": 1_200,
    "bad_events": 1,
    "enough_events": True,
    "burning": False,
}
_SLO: dict[str, Any] = {
    "id": "service:trade_execution_service",
    "kind": "service",
    "subject": "trade_execution_service",
    "name": "Trade Execution Service",
    "measure": "availability",
    "latency_ms": 1_000.0,
    "objective_ratio": 0.999,
    "period_s": 2_592_000,
    "events": 120_000,
    "bad_events": 30,
    "budget_left_ratio": 0.75,
    "burn_in": False,
    "burns": [_BURN],
    "as_of": _AT,
    "source": SOURCE,
    "estimated": False,
}


class BurnItem(BaseModel):
    """One pair of windows. Burn rates are times the rate that spends the budget evenly; null without events."""

    name: str
    factor: float
    long_window_s: int
    short_window_s: int
    long_burn_rate: float | None
    short_burn_rate: float | None
    events: int | None = Field(description="In the long window; null when that was not counted yet.")
    bad_events: int | None
    enough_events: bool = Field(description="Enough of both to be judged.")
    burning: bool


class SloItem(BaseModel):
    """One objective: the share of calls that must be good over the period.

    Good is a call that succeeded (`availability`), or that took no longer than its service may (`latency`).
    """

    id: str
    kind: Literal["service", "area"]
    subject: str
    name: str
    measure: MeasureName
    latency_ms: float | None = Field(
        None, description="What a call may take; null for an area, whose services have their own, and for availability."
    )
    objective_ratio: float
    period_s: int
    events: int | None = Field(
        description="Calls in the period that were held against it; null when they were not counted yet."
    )
    bad_events: int | None = Field(description="Those that were not good.")
    budget_left_ratio: float | None = Field(description="Negative when overspent; null without calls.")
    burn_in: bool = Field(description="Too new for anybody to be told.")
    burns: list[BurnItem]
    as_of: str | None = Field(description="When it was counted; null when it was not yet.")
    source: str
    estimated: bool


class SloList(BaseModel):
    """Every objective of the environment: areas, then services, of each both measures."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"environment": "production", "windows_source": "a book", "items": [_SLO]}]}
    )

    environment: str
    windows_source: str = Field(description="Where windows and factors come from.")
    items: list[SloItem]


@router.get("", response_model=SloList)
async def show(
    request: Request,
    environment: Environment = DEFAULT_ENVIRONMENT,
    kind: Literal["service", "area"] | None = None,
    measure: MeasureName | None = None,
    burning: Annotated[bool, Query(description="Only those that burn too fast.")] = False,
) -> Response:
    """Objectives with budget left and burn rates, as they were last counted."""
    expect_environment(request, environment)
    burns = evaluator_of(request).inputs.burns.get(environment, {})
    windows, now = slo.windows(), request.app.state.clock.now()
    every = [
        burns.get(each.id) or slo.assess(each, slo.Counts({}, {}), windows, now)
        for each in slo.objectives(request.app.state.catalogue)
        if kind in (None, each.kind) and measure in (None, each.measure)
    ]
    shown = [each for each in every if not burning or any(pair.burning for pair in each.burnings)]
    items = [item(each, each.objective.id in burns) for each in shown]
    return send(request, {"environment": environment, "windows_source": windows.source, "items": items})


def item(burn: Burn, counted: bool) -> dict[str, Any]:
    """An objective as JSON values; `counted` says whether that was done yet."""
    objective, counts = burn.objective, burn.counts
    return {
        "id": objective.id,
        "kind": objective.kind,
        "subject": objective.subject,
        "name": objective.name,
        "measure": objective.measure,
        "latency_ms": objective.latency_ms,
        "objective_ratio": objective.promised_ratio,
        "period_s": burn.period_s,
        "events": counts.events.get(burn.period_s),
        "bad_events": counts.bad.get(burn.period_s),
        "budget_left_ratio": _finite(burn.budget_left_ratio),
        "burn_in": burn.burn_in,
        "burns": [_burn(each, counts) for each in burn.burnings],
        "as_of": health_json.moment(burn.at) if counted else None,
        "source": SOURCE,
        "estimated": counts.estimated,
    }


def _burn(burning: Burning, counts: slo.Counts) -> dict[str, Any]:
    return {
        "name": burning.pair.name,
        "factor": burning.pair.factor,
        "long_window_s": burning.pair.long_s,
        "short_window_s": burning.pair.short_s,
        "long_burn_rate": _finite(burning.long_rate),
        "short_burn_rate": _finite(burning.short_rate),
        "events": counts.events.get(burning.pair.long_s),
        "bad_events": counts.bad.get(burning.pair.long_s),
        "enough_events": burning.enough,
        "burning": burning.burning,
    }


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else health_json.rounded(value)
