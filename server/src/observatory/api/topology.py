"""Who calls whom: the service graph with rates, errors and latency on its edges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Depends, Request, Response

from observatory.api import health_json
from observatory.api.access import require
from observatory.api.health_models import Topology
from observatory.api.snapshot import ANSWERS, Current, Newest, send
from observatory.auth import READ

router = APIRouter(
    prefix="/api/v1/monitoring", tags=["services"], dependencies=[Depends(require(READ))], responses=ANSWERS
)

_SAME = ("id", "name", "group", "area", "status", "load_state", "rate", "error_rate", "p95_ms")


@router.get("/topology", response_model=Topology)
async def show(request: Request, newest: Newest) -> Response:
    """The graph of the last five minutes: every service of the catalogue, and whoever else called or was called.

    An edge has the calls per second, the failed share, and the latency from the caller `from` to the callee `to`.
    """
    snapshot = newest.published.snapshot
    values = {
        "environment": snapshot.environment,
        "timestamp": health_json.moment(snapshot.at),
        "nodes": [*map(_catalogued, _items(newest)), *map(_other, _others(newest))],
        "edges": [health_json.edge_item(edge) for edge in snapshot.edges],
    }
    return send(request, values)


def _items(newest: Current) -> list[Mapping[str, Any]]:
    items = newest.published.services
    return [{**item, "status": "unknown"} for item in items] if newest.overdue else list(items)


def _others(newest: Current) -> list[str]:
    snapshot = newest.published.snapshot
    names = (name for edge in snapshot.edges for name in (edge.caller, edge.callee))
    return sorted({name for name in names if name not in snapshot.services})


def _catalogued(item: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**{name: item[name] for name in _SAME}, "catalogued": True}


def _other(name: str) -> Mapping[str, Any]:
    # Nothing is promised of it and nothing known: no verdict.
    unknown: dict[str, Any] = dict.fromkeys(_SAME)
    return {**unknown, "id": name, "name": name, "status": "unknown", "catalogued": False}
