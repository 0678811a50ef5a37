"""The areas' own endpoints: a route for each deep dive that an area's folder describes."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from observatory import areas
from observatory.api import health_json
from observatory.api.access import require
from observatory.api.deep_dive_models import model
from observatory.api.ranges import Range, Ranged
from observatory.api.snapshot import ANSWERS, send
from observatory.areas import Definition, deepdive
from observatory.areas.assess import Span
from observatory.areas.deepdive import DeepDive, Shown
from observatory.auth import READ
from observatory.errors import InvalidRequest, NotFound
from observatory.model import Measurement
from observatory.tick import DEFAULT_ENVIRONMENT, Snapshots

router = APIRouter(
    prefix="/api/v1/monitoring", tags=["areas"], dependencies=[Depends(require(READ))], responses=ANSWERS
)

LIMIT = 50
_KNOWN = {"environment", "window", "from", "to", "as_of", "limit", "section", "cursor"}

Environment = Annotated[
    str, Query(min_length=1, max_length=128, description="Deployment environment; never mixed with another.")
]
Limit = Annotated[int, Query(ge=1, le=1_000, description="Most rows of each section.")]
Only = Annotated[str | None, Query(max_length=64, description="Id of the one section to answer with.")]
Cursor = Annotated[str | None, Query(max_length=64, description="`next` of the section's page before.")]


def _route(definition: Definition, found: DeepDive) -> Callable[..., Awaitable[Response]]:
    async def show(
        request: Request,
        asked: Annotated[Range, Depends(Ranged())],
        environment: Environment = DEFAULT_ENVIRONMENT,
        limit: Limit = LIMIT,
        section: Only = None,
        cursor: Cursor = None,
    ) -> Response:
        _expect_section(found, section, cursor)
        filters = _filters(request, found)
        expect_environment(request, environment)
        store = request.app.state.store
        span = Span(asked.end, asked.window_s, request.app.state.listening_since)
        alive = await areas.alive(store.reader, environment, definition.emitters, span.end)
        shown = await deepdive.read(definition, found, store.reader, environment, span, alive, section)
        after = _place(cursor)
        values = {
            "area": definition.id,
            "environment": environment,
            "from": health_json.moment(asked.start),
            "to": health_json.moment(asked.end),
            "window_s": asked.window_s,
            **{each.section.id: _section(each, filters, span, limit, after) for each in shown},
        }
        return send(request, values)

    return show


def _expect_section(found: DeepDive, section: str | None, cursor: str | None) -> None:
    names = [each.id for each in found.sections]
    if section is not None and section not in names:
        raise InvalidRequest(f"query parameter section: must be one of {', '.join(names)}")
    if cursor is not None and section is None:
        raise InvalidRequest("query parameter cursor: needs the section that it belongs to")


def expect_environment(request: Request, environment: str) -> None:
    """Raise NotFound for an environment that never sent anything."""
    snapshots: Snapshots = request.app.state.snapshots
    known = snapshots.environments or (DEFAULT_ENVIRONMENT,)
    if environment not in known:
        raise NotFound(f"no telemetry of the environment {environment!r} has been seen; there are {', '.join(known)}")


def _filters(request: Request, found: DeepDive) -> Mapping[str, str]:
    filters: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name in _KNOWN:
            continue
        if name not in found.filters:
            names = ", ".join(sorted({*_KNOWN, *found.filters}))
            raise InvalidRequest(f"query parameter {name[:64]}: not known here; there are {names}")
        if not value or len(value) > 200:
            raise InvalidRequest(f"query parameter {name}: must have from 1 to 200 characters")
        filters[name] = value
    return filters


def _section(shown: Shown, filters: Mapping[str, str], span: Span, limit: int, after: int) -> Mapping[str, Any]:
    section = shown.section
    if not section.members and not section.rows:
        return {
            **{field: health_json.number(each) for field, each in shown.numbers.items()},
            "provenance": {field: health_json.provenance(each) for field, each in shown.numbers.items()},
        }
    fitting = [row for row in shown.rows if _fits(row, filters)]
    page = fitting[after : after + limit]
    more = len(fitting) > after + limit
    listed = {"items": [_row(row, section.numbers) for row in page], "next": _cursor(after + limit) if more else None}
    if not section.rows:
        return listed
    # A plain row says where it is from once for all of them.
    of_all = {
        "samples": len(fitting),
        "window_s": max(span.window_s, section.at_least_s),
        "as_of": health_json.moment(span.end),
        "source": section.source,
        "estimated": False,
    }
    return {**listed, "provenance": of_all}


def _fits(row: Mapping[str, Any], filters: Mapping[str, str]) -> bool:
    # A filter of another section's rows says nothing of these.
    return all(name not in row or str(row[name]) == value for name, value in filters.items())


def _row(row: Mapping[str, Any], numbers: Mapping[str, str]) -> Mapping[str, Any]:
    measured = {field: each for field, each in row.items() if isinstance(each, Measurement)}
    values = {field: health_json.number(each) if field in measured else plain(each) for field, each in row.items()}
    if measured or numbers:
        values["provenance"] = {field: health_json.provenance(each) for field, each in measured.items()}
    return values


def plain(value: Any) -> Any:
    """A value of a row as JSON has it: times as RFC 3339, money as a number, what is not finite as null."""
    match value:
        case datetime():
            return health_json.moment(value)
        case date():
            return value.isoformat()
        case Decimal():
            return float(value)
        case float():
            return health_json.rounded(value)
        case Mapping():
            return {str(name): plain(each) for name, each in value.items()}
        case str() | bytes():
            return value if isinstance(value, str) else value.decode(errors="replace")
        case Sequence():
            return [plain(each) for each in value]
    return value


def _cursor(place: int) -> str:
    return base64.urlsafe_b64encode(f"row:{place}".encode()).decode()


def _place(cursor: str | None) -> int:
    if cursor is None:
        return 0
    try:
        head, _, place = base64.urlsafe_b64decode(cursor).decode().partition(":")
    except (binascii.Error, ValueError):
        head, place = "", ""
    if head != "row" or not place.isdecimal() or int(place) > deepdive.MOST_ROWS:
        raise InvalidRequest("query parameter cursor: must be `next` of the page before")
    return int(place)


def _parameters(found: DeepDive) -> list[Mapping[str, Any]]:
    schema = {"type": "string", "minLength": 1, "maxLength": 200}
    return [
        {"name": name, "in": "query", "required": False, "schema": schema, "description": f"Keep rows of this {name}."}
        for name in found.filters
    ]


for _area in areas.load():
    for _found in deepdive.load(_area):
        router.add_api_route(
            f"/{_found.path}",
            _route(_area, _found),
            methods=["GET"],
            response_model=model(_area, _found),
            summary=_found.sentence,
            description=f"{_found.sentence}\n\nEvery number is measured or null and says where it comes from; "
            "lists come in pages of `limit` rows (`section` and `cursor` ask for the next one).",
            operation_id=f"show_{_found.path.replace('/', '_').replace('-', '_')}",
            openapi_extra={"parameters": _parameters(_found)},
        )
