"""The catalogue of services with live state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from observatory.api.access import require
from observatory.api.health_models import Loaded, ServiceDetail, ServiceList, Status
from observatory.api.snapshot import ANSWERS, Current, Newest, send
from observatory.auth import READ
from observatory.catalogue import Catalogue
from observatory.errors import InvalidRequest, NotFound

router = APIRouter(
    prefix="/api/v1/monitoring/services", tags=["services"], dependencies=[Depends(require(READ))], responses=ANSWERS
)


@router.get("", response_model=ServiceList)
async def show(
    request: Request,
    newest: Newest,
    group: Annotated[str | None, Query(max_length=128, description="Name of a group of the catalogue.")] = None,
    area: Annotated[str | None, Query(max_length=128, description="Id of an area.")] = None,
    status: Annotated[Status | None, Query(description="Health to keep.")] = None,
    load_state: Annotated[Loaded | None, Query(description="Load state to keep.")] = None,
    limit: Annotated[int, Query(ge=1, le=200, description="Most items of one page.")] = 100,
    cursor: Annotated[str | None, Query(max_length=128, description="`next` of the page before.")] = None,
) -> Response:
    """The services in the catalogue's order, those that fit all filters.

    Numbers are null where nothing was measured. Answers 304 to a matching `If-None-Match`.
    """
    catalogue: Catalogue = request.app.state.catalogue
    _expect("group", group, [each.name for each in catalogue.groups])
    _expect("area", area, [each.id for each in catalogue.areas])
    wanted = {"group": group, "area": area, "status": status, "load_state": load_state}
    fitting = [
        item
        for item in _after(catalogue, newest, cursor)
        if all(value is None or item[name] == value for name, value in wanted.items())
    ]
    page = fitting[:limit]
    after = page[-1]["id"] if len(fitting) > limit else None
    return send(request, {"items": page, "next": after, **newest.when})


@router.get("/{service_id}", response_model=ServiceDetail)
async def show_one(request: Request, newest: Newest, service_id: Annotated[str, Path(max_length=128)]) -> Response:
    """One service in full: its live state, objective, runbook, instances, callers and callees.

    Answers 404 for an id that is not in the catalogue.
    """
    catalogue: Catalogue = request.app.state.catalogue
    if service_id not in catalogue:
        raise NotFound(f"no service {service_id!r} in the catalogue")
    item = next(item for item in newest.services if item["id"] == service_id)
    service = catalogue.service(service_id)
    edges = newest.topology["edges"]
    values = {
        **item,
        "sentence": service.sentence,
        "runbook": service.runbook,
        "objective": {
            "availability_ratio": service.objective.availability_ratio,
            "latency_ms": service.objective.latency_ms,
        },
        "dependencies": list(service.dependencies),
        "callers": [edge for edge in edges if edge["to"] == service_id],
        "callees": [edge for edge in edges if edge["from"] == service_id],
        **newest.when,
    }
    return send(request, values)


def _after(catalogue: Catalogue, newest: Current, cursor: str | None) -> list[Mapping[str, Any]]:
    items = list(newest.services)
    if cursor is None:
        return items
    if cursor not in catalogue:
        raise InvalidRequest("query parameter cursor: must be `next` of the page before")
    place = next(place for place, item in enumerate(items) if item["id"] == cursor)
    return items[place + 1 :]


def _expect(name: str, value: str | None, allowed: list[str]) -> None:
    if value is not None and value not in allowed:
        raise InvalidRequest(f"query parameter {name}: must be one of {', '.join(allowed)}")
