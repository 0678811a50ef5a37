"""Cost anomalies: what costs more than expected, since when, why, and who is behind it; what people say of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from observatory.api import cost_anomaly_json, health_json
from observatory.api.access import require
from observatory.api.cost_anomaly_models import (
    CostAnomalyList,
    CostAnomalyWhole,
    FeedbackShown,
    FeedbackWanted,
    KindName,
    StateName,
)
from observatory.api.cost_asked import expect_only
from observatory.api.deep_dives import Environment, expect_environment
from observatory.api.listing import Cursor
from observatory.api.ranges import Range, Ranged
from observatory.api.snapshot import ANSWERS, send
from observatory.auth import OPERATE, READ, Principal
from observatory.costs.anomalies import CostAnomalies
from observatory.state import AnomalyRecord
from observatory.tick import DEFAULT_ENVIRONMENT

router = APIRouter(prefix="/api/v1/monitoring/costs/anomalies", tags=["costs"], responses=ANSWERS)

AnomalyId = Annotated[int, Path(ge=1, le=2**63 - 1)]
_KNOWN = {"environment", "window", "from", "to", "as_of", "limit", "cursor", "kind", "state"}


@router.get("", response_model=CostAnomalyList, dependencies=[Depends(require(READ))])
async def show(
    request: Request,
    asked: Annotated[Range, Depends(Ranged("24h"))],
    environment: Environment = DEFAULT_ENVIRONMENT,
    kind: KindName | None = None,
    state: StateName | None = None,
    limit: Annotated[int, Query(ge=1, le=200, description="Most items of one page.")] = 50,
    cursor: Cursor = None,
) -> Response:
    """The cost anomalies that were open at some time of the range, newest first."""
    expect_only(request, _KNOWN)
    expect_environment(request, environment)
    anomalies = _anomalies(request)
    is_open = None if state is None else state == "open"
    found = await anomalies.page(environment, (asked.start, asked.end), cursor, limit + 1, kind, is_open)
    excess = anomalies.excess_usd(environment)
    values = {
        "items": [_item(anomalies, record) for record in found[:limit]],
        "next": str(found[limit - 1].id) if len(found) > limit else None,
        "open": sum(each.environment == environment for each in anomalies.open),
        "open_excess_usd": None if excess is None else float(excess),
        "looked_at": health_json.moment(anomalies.looked_at(environment)),
    }
    return send(request, values)


@router.get("/{anomaly_id}", response_model=CostAnomalyWhole, dependencies=[Depends(require(READ))])
async def show_one(request: Request, anomaly_id: AnomalyId) -> Response:
    """One cost anomaly with its parts, who is behind it, and what was said of it."""
    expect_only(request, set())
    anomalies = _anomalies(request)
    record, said = await anomalies.one(anomaly_id)
    return send(request, cost_anomaly_json.whole(record, _said(anomalies, record), said))


@router.post("/{anomaly_id}/feedback", status_code=201, response_model=FeedbackShown)
async def say(
    request: Request,
    principal: Annotated[Principal, Depends(require(OPERATE))],
    anomaly_id: AnomalyId,
    wanted: FeedbackWanted,
) -> Mapping[str, Any]:
    """Say whether an anomaly is expected.

    The same scope and factor is then shown but not counted, as long as it is at most twice as dear.
    """
    said = await _anomalies(request).say(anomaly_id, wanted.expected, principal.actor, wanted.reason)
    return cost_anomaly_json.feedback(said)


def _anomalies(request: Request) -> CostAnomalies:
    found: CostAnomalies = request.app.state.cost_anomalies
    return found


def _item(anomalies: CostAnomalies, record: AnomalyRecord) -> Mapping[str, Any]:
    return cost_anomaly_json.item(record, _said(anomalies, record))


def _said(anomalies: CostAnomalies, record: AnomalyRecord) -> Any:
    return anomalies.says(record.environment, json.loads(record.document)["pattern"])
