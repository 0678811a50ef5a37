"""Alerts: what is wrong now, what was wrong at any time, and every change of each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from observatory.alerting import Evaluator
from observatory.api import health_json
from observatory.api.access import require
from observatory.api.health_models import Provenance
from observatory.api.listing import Cursor, Limit
from observatory.api.ranges import AsOf, moment
from observatory.auth import READ
from observatory.errors import NotFound
from observatory.model.alert import Alert, Phase, Severity
from observatory.state import State, Wanted
from observatory.state.alerts import Kept

router = APIRouter(prefix="/api/v1/monitoring/alerts", tags=["alerts"], dependencies=[Depends(require(READ))])

PhaseName = Literal["pending", "firing", "resolved", "inactive"]
SeverityName = Literal["critical", "warning", "info"]
Text = Annotated[str, Query(max_length=512)]
_OPEN = (Phase.PENDING, Phase.FIRING)
_AT = "2026-01-02T03:04:05.000Z"
_ALERT: dict[str, Any] = {
    "id": "7b0f6f4d5c3b2a1908f7e6d5:1",
    "fingerprint": "7b0f6f4d5c3b2a1908f7e6d5",
    "change": 12,
    "environment": "production",
    "rule": "trading_execution.unknown_age.critical",
    "member": "",
    "severity": "critical",
    "phase": "firing",
    "since": _AT,
    "started_at": _AT,
    "fired_at": _AT,
    "resolved_at": None,
    "seen_at": _AT,
    "episode": 1,
    "sentence": "age of the oldest order in an unknown state: 1 min 12 s, above the critical bound of 1 min",
    "value": 72.0,
    "bound": "above the critical bound of 1 min",
    "provenance": None,
    "area": "trading_execution",
    "services": ["trade_execution_service"],
    "labels": {"rule_kind": "indicator"},
    "runbook": "trading-execution-unknown-age",
    "evidence": [],
    "no_data": False,
}
_CHANGE: dict[str, Any] = {
    "id": 12,
    "at": _AT,
    "before": "inactive",
    "after": "firing",
    "reason": "age of the oldest order in an unknown state: 1 min 12 s",
    "alert": _ALERT,
}


class AlertItem(BaseModel):
    """One rule on one member. `id` names the episode, `fingerprint` the alert through all of them."""

    id: str
    fingerprint: str
    change: int = Field(description="Number of its newest change of phase; counts up over all alerts.")
    environment: str
    rule: str
    member: str = Field(description="Which of the rule's members; empty for the whole.")
    severity: SeverityName
    phase: PhaseName
    since: str = Field(description="Since when it is in this phase.")
    started_at: str = Field(description="First bad observation of the episode.")
    fired_at: str | None
    resolved_at: str | None
    seen_at: str = Field(description="Newest bad observation.")
    episode: int
    sentence: str
    value: float | None = Field(description="What was judged; null when there is no number.")
    bound: str = Field(description="What it was held against, in words.")
    provenance: Provenance | None = Field(description="Where the value comes from; null without one.")
    area: str
    services: list[str]
    labels: dict[str, str]
    runbook: str
    evidence: list[str] = Field(description="Ids of traces, or links.")
    no_data: bool = Field(description="Nothing is known of the member now.")


class AlertList(BaseModel):
    """One page of alerts, those that changed last first. `next` is null on the last page."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [_ALERT], "next": None}]})

    items: list[AlertItem]
    next: str | None


class AlertChange(BaseModel):
    """One change of phase, and the alert as it was after it."""

    id: int
    at: str
    before: PhaseName
    after: PhaseName
    reason: str
    alert: AlertItem


class AlertChanges(BaseModel):
    """One page of changes, newest first. `next` is null on the last page."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [_CHANGE], "next": None}]})

    items: list[AlertChange]
    next: str | None


async def wanted(
    environment: Annotated[str, Query(max_length=128, description="Empty: of all environments.")] = "",
    rule: Text = "",
    member: Text = "",
    area: Text = "",
    service: Annotated[str, Query(max_length=160, description="One of the services concerned.")] = "",
    phase: Annotated[list[PhaseName] | None, Query(description="Any of these.")] = None,
    severity: Annotated[list[SeverityName] | None, Query(description="Any of these.")] = None,
) -> Wanted:
    """The filters of a request."""
    phases = tuple(Phase(each) for each in phase or ())
    severities = tuple(Severity(each) for each in severity or ())
    return Wanted(environment, rule, member, area, "", phases, severities, service)


Filters = Annotated[Wanted, Depends(wanted)]


def evaluator_of(request: Request) -> Evaluator:
    """The application's evaluator."""
    found: Evaluator = request.app.state.alerts
    return found


def control_of(request: Request) -> State:
    """The application's control store."""
    found: State = request.app.state.control
    return found


@router.get("", response_model=AlertList)
async def show(
    request: Request, filters: Filters, as_of: AsOf = None, limit: Limit = 50, cursor: Cursor = None
) -> dict[str, Any]:
    """Alerts that are pending or firing, unless `phase` says otherwise; with `as_of` as it was then."""
    asked = filters if filters.phases else _opened(filters)
    at = None if as_of is None else moment("as_of", as_of)
    if at is None and not filters.phases:
        # What is open is in memory, with what the newest round measured.
        current = {each.fingerprint: each for each in evaluator_of(request).alerts}
    else:
        current = {}
    # An alert may have had another phase before: the newest change decides, so the phase is looked at after it.
    kept = await _newest(request, asked, cursor, limit + 1, at)
    items = [
        alert_item(current.get(each.transition.alert.fingerprint, each.transition.alert), each.id) for each in kept
    ]
    return {"items": items[:limit], "next": str(items[limit - 1]["change"]) if len(items) > limit else None}


@router.get("/changes", response_model=AlertChanges)
async def changes(request: Request, filters: Filters, limit: Limit = 50, cursor: Cursor = None) -> dict[str, Any]:
    """Every change of phase, newest first."""
    return await _changes(request, filters, limit, cursor)


@router.get("/{fingerprint}", response_model=AlertChanges)
async def one(
    request: Request,
    fingerprint: Annotated[str, Path(pattern="^[0-9a-f]{24}$", description="An alert's fingerprint.")],
    limit: Limit = 50,
    cursor: Cursor = None,
) -> dict[str, Any]:
    """Every change of one alert, newest first."""
    found = await _changes(request, Wanted(fingerprint=fingerprint), limit, cursor)
    if not found["items"] and cursor is None:
        raise NotFound(f"no alert {fingerprint}")
    return found


async def _newest(
    request: Request, asked: Wanted, cursor: int | None, limit: int, at: datetime | None
) -> Sequence[Kept]:
    async with control_of(request).reading() as rows:
        return await rows.alerts.page(asked, cursor, limit, at)


async def _changes(request: Request, asked: Wanted, limit: int, cursor: int | None) -> dict[str, Any]:
    async with control_of(request).reading() as rows:
        kept = await rows.alerts.history(asked, cursor, limit + 1)
    items = [change_item(each) for each in kept]
    return {"items": items[:limit], "next": str(items[limit - 1]["id"]) if len(items) > limit else None}


def change_item(kept: Kept) -> dict[str, Any]:
    """A change of phase as JSON values."""
    return {
        "id": kept.id,
        "at": health_json.moment(kept.transition.at),
        "before": kept.transition.before.value,
        "after": kept.transition.alert.phase.value,
        "reason": kept.transition.reason,
        "alert": alert_item(kept.transition.alert, kept.id),
    }


def _opened(filters: Wanted) -> Wanted:
    names = ("environment", "rule", "member", "area", "fingerprint")
    plain = {name: getattr(filters, name) for name in names}
    return Wanted(**plain, phases=_OPEN, severities=filters.severities, service=filters.service)


def alert_item(alert: Alert, change: int) -> dict[str, Any]:
    """An alert as JSON values."""
    measured = alert.measurement
    times = {name: health_json.moment(getattr(alert, name)) for name in ("since", "started_at", "fired_at")}
    times |= {name: health_json.moment(getattr(alert, name)) for name in ("resolved_at", "seen_at")}
    plain = ("fingerprint", "environment", "rule", "member", "episode", "sentence", "bound", "area", "runbook")
    return {
        "id": alert.id,
        "change": change,
        **{name: getattr(alert, name) for name in plain},
        **times,
        "severity": alert.severity.value,
        "phase": alert.phase.value,
        "value": None if measured is None else health_json.number(measured),
        "provenance": None if measured is None else health_json.provenance(measured),
        "services": list(alert.services),
        "labels": dict(alert.labels),
        "evidence": list(alert.evidence),
        "no_data": alert.no_data,
    }
