"""The areas' own endpoints: a route for each deep dive that an area's folder describes."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.datastructures import State

from observatory import areas
from observatory.api import health_json, series_json
from observatory.api.access import require
from observatory.api.deep_dive_models import model
from observatory.api.ranges import Range, Ranged
from observatory.api.snapshot import ANSWERS, send
from observatory.areas import Definition, deepdive, presence, series
from observatory.areas.assess import Span
from observatory.areas.deepdive import DeepDive, Section, Shown
from observatory.auth import READ
from observatory.errors import InvalidRequest, NotFound
from observatory.model import Measurement
from observatory.tick import DEFAULT_ENVIRONMENT, Published, Snapshots

router = APIRouter(
    prefix="/api/v1/monitoring", tags=["areas"], dependencies=[Depends(require(READ))], responses=ANSWERS
)

LIMIT = 50
# Of one number; a section has some twenty of them.
MOST_POINTS = 500
_KNOWN = {"environment", "window", "from", "to", "as_of", "limit", "section", "cursor", "step"}

Environment = Annotated[
    str, Query(min_length=1, max_length=128, description="Deployment environment; never mixed with another.")
]
Limit = Annotated[int, Query(ge=1, le=1_000, description="Most rows of each section.")]
Only = Annotated[str | None, Query(max_length=64, description="Id of the one section to answer with.")]
Cursor = Annotated[str | None, Query(max_length=64, description="`next` of the section's page before.")]
DiveStep = Annotated[
    str | None,
    Query(
        max_length=16,
        description="Length of a step, such as 10s, 1m or 1h: sections of the area's own numbers then hold the history "
        f"of each over the range, at most {MOST_POINTS} points of each.",
        examples=["1m"],
    ),
]


@dataclass(frozen=True, slots=True)
class Answer:
    """What was read for a request, to be filtered and cut into pages."""

    asked: Range
    shown: Sequence[Shown]
    series: Mapping[str, Sequence[series.Step]] | None


def _route(definition: Definition, found: DeepDive) -> Callable[..., Awaitable[Response]]:
    async def show(
        request: Request,
        asked: Annotated[Range, Depends(Ranged())],
        environment: Environment = DEFAULT_ENVIRONMENT,
        limit: Limit = LIMIT,
        section: Only = None,
        cursor: Cursor = None,
        step: DiveStep = None,
    ) -> Response:
        _expect_section(found, section, cursor)
        filters = _filters(request, found)
        expect_environment(request, environment)
        after, step_s = _place(cursor), series_json.step_s(asked, step, MOST_POINTS) if step else None
        told = tuple(request.query_params.get(name) for name in ("window", "from", "to", "as_of"))
        make = partial(_read, request, definition, found, asked, environment, section, step_s)
        answer = await request.app.state.kept.of(
            (found.path, environment, section, step_s, told),
            request.app.state.snapshots.of(environment),
            request.app.state.clock.now(),
            make,
        )
        return send(request, _values(definition, answer, environment, filters, limit, after, step_s))

    return show


async def _read(
    request: Request,
    definition: Definition,
    found: DeepDive,
    asked: Range,
    environment: str,
    only: str | None,
    step_s: int | None,
) -> Answer:
    state = request.app.state
    span = Span(asked.end, asked.window_s, state.listening_since)
    alive = None if asked.past else alive_of(state.snapshots.of(environment), asked.end)
    told = await _told(state, found, only, environment, span, asked.past)
    shown, steps = await asyncio.gather(
        deepdive.read(definition, found, state.store.reader, environment, span, alive, only, told, state.ledger),
        _steps(state, definition, found, only, environment, span, step_s),
    )
    return Answer(asked, shown, steps)


async def _told(
    state: State, found: DeepDive, only: str | None, environment: str, span: Span, past: bool
) -> Mapping[str, Sequence[deepdive.Row]]:
    """By topic, what other rooms say; they are put on the application as `told`."""
    topics = [each.told for each in found.sections if each.told and only in (None, each.id)]
    rows = await asyncio.gather(*(state.told[topic](state, environment, span, past) for topic in topics))
    return dict(zip(topics, rows, strict=True))


async def _steps(
    state: State,
    definition: Definition,
    found: DeepDive,
    only: str | None,
    environment: str,
    span: Span,
    step_s: int | None,
) -> Mapping[str, Sequence[series.Step]] | None:
    """The history of every number of the area's own; None when no step was asked for."""
    if step_s is None:
        return None
    sections = (each for each in found.sections if only in (None, each.id) and not each.members and not each.plain)
    names = {f"{definition.id}.{name}" for section in sections for name in section.numbers.values()}
    if not names:
        return {}
    return await series.read_some(state.store.reader, names, environment, span, step_s, state.clock.now())


def alive_of(published: Published | None, at: datetime) -> frozenset[str] | None:
    """Services whose heartbeat is fresh at `at`, as far as the newest round knows; None when there was none."""
    if published is None:
        return None
    later_s = (at - published.snapshot.at).total_seconds()
    ages_s = {name: state.sight.heartbeat_age.value for name, state in published.snapshot.services.items()}
    return frozenset(
        name
        for name, age_s in ages_s.items()
        if age_s is not None and float(age_s) + later_s <= presence.SILENT_AFTER_S
    )


def _values(
    definition: Definition,
    answer: Answer,
    environment: str,
    filters: Mapping[str, str],
    limit: int,
    after: int,
    step_s: int | None,
) -> Mapping[str, Any]:
    asked = answer.asked
    return {
        "area": definition.id,
        "environment": environment,
        "from": health_json.moment(asked.start),
        "to": health_json.moment(asked.end),
        "window_s": asked.window_s,
        **({} if step_s is None else {"step_s": step_s}),
        **{each.section.id: section_json(definition, answer, each, filters, limit, after) for each in answer.shown},
    }


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


def section_json(
    definition: Definition, answer: Answer, shown: Shown, filters: Mapping[str, str], limit: int, after: int
) -> Mapping[str, Any]:
    """One section as JSON values: its numbers, or the rows that fit, from `after` on."""
    section, asked = shown.section, answer.asked
    if not section.members and not section.plain:
        return {
            **{field: health_json.number(each) for field, each in shown.numbers.items()},
            "provenance": {field: health_json.provenance(each) for field, each in shown.numbers.items()},
            **_series(definition, answer, section),
        }
    fitting = [row for row in shown.rows if _fits(row, filters)]
    page = fitting[after : after + limit]
    more = len(fitting) > after + limit
    listed = {"items": [_row(row, section.numbers) for row in page], "next": _cursor(after + limit) if more else None}
    if not section.plain:
        return listed
    # A plain row says where it is from once for all of them.
    of_all = {
        "samples": len(fitting),
        "window_s": max(asked.window_s, section.at_least_s),
        "as_of": health_json.moment(asked.end),
        "source": section.source,
        "estimated": False,
    }
    return {**listed, "provenance": of_all}


def _series(definition: Definition, answer: Answer, section: Section) -> Mapping[str, Any]:
    if answer.series is None:
        return {}
    found = {field: answer.series.get(f"{definition.id}.{name}", ()) for field, name in section.numbers.items()}
    return {"series": {field: [series_json.point(each) for each in steps] for field, steps in found.items()}}


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
