"""The explorer's exceptions, grouped by fingerprint."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from observatory.api import health_json
from observatory.api.explorer import Asked, CursorText, Limit, at, read_cursor, whole, write_cursor
from observatory.api.log_models import ExceptionDetail, ExceptionList
from observatory.api.ranges import Range, Ranged
from observatory.api.snapshot import ANSWERS, send
from observatory.errors import NotFound
from observatory.explore.exceptions import ExceptionGroup, Exceptions, ExceptionsWanted

router = APIRouter(prefix="/api/v1/monitoring/exceptions", tags=["explorer"], responses=ANSWERS)

_SOURCE = "otel_traces, otel_logs"
_MOST_USERS = 1_000
Day = Annotated[Range, Depends(Ranged("24h"))]


async def wanted(
    asked: Asked,
    ranged: Day,
    service: Annotated[str, Query(max_length=200, description="Id of a service that told it.")] = "",
    type_: Annotated[str, Query(alias="type", max_length=200, description="Type of the exception.")] = "",
) -> ExceptionsWanted:
    """Whose exceptions."""
    return ExceptionsWanted(asked.environment, ranged.start, ranged.end, service, asked.user, type_)


Wanted = Annotated[ExceptionsWanted, Depends(wanted)]


@router.get("", response_model=ExceptionList)
async def find(request: Request, found: Wanted, limit: Limit = 50, cursor: CursorText = None) -> Response:
    """Exceptions that spans and log records told of, the most frequent first.

    Two are the same when their type, the frames of their stack without line numbers, and their message without what
    varies are. One that passes through several spans of a trace counts once.
    """
    told = await Exceptions(request.app.state.store.reader).groups(found)
    start = read_cursor(cursor, _row) or 0
    page = told.items[start : start + limit]
    values = {
        **_range(found),
        "items": [_item(each) for each in page],
        "groups": len(told.items),
        "complete": told.complete,
        "source": _SOURCE,
        "untrusted": ["items.type", "items.template", "items.frames", "items.message"],
        "next": write_cursor("row", start + limit) if len(told.items) > start + limit else None,
    }
    return send(request, values)


@router.get("/{fingerprint}", response_model=ExceptionDetail)
async def show(
    request: Request,
    found: Wanted,
    fingerprint: Annotated[
        str, Path(pattern="^[0-9a-f]{16}$", description="As the list gives it.", examples=["1f2e3d4c5b6a7988"])
    ],
) -> Response:
    """One fingerprint: its newest stack and the newest traces with it."""
    told = await Exceptions(request.app.state.store.reader).groups(found)
    group = next((each for each in told.items if each.fingerprint == fingerprint), None)
    if group is None:
        raise NotFound(f"no exception with the fingerprint {fingerprint} was told in the range")
    values = {
        **_range(found),
        **_item(group),
        "stack": group.stack,
        "traces": [{"trace_id": trace, "at": at(at_ns)} for at_ns, trace in group.traces],
        "source": _SOURCE,
        "untrusted": ["type", "template", "frames", "message", "stack"],
    }
    return send(request, values)


def _row(word: str, place: str) -> int:
    if word != "row":
        raise ValueError(word)
    return whole(place)


def _range(found: ExceptionsWanted) -> dict[str, Any]:
    return {
        "environment": found.environment,
        "from": health_json.moment(found.since),
        "to": health_json.moment(found.until),
    }


def _item(group: ExceptionGroup) -> dict[str, Any]:
    return {
        "fingerprint": group.fingerprint,
        "type": group.kind,
        "template": group.template,
        "frames": list(group.frames),
        "message": group.message,
        "count": group.occurrences,
        "records": group.records,
        "first_seen": at(group.first_ns),
        "last_seen": at(group.last_ns),
        "services": sorted(group.services),
        "users": len(group.users),
        "users_at_least": len(group.users) >= _MOST_USERS,
        "trace_id": group.trace_id or None,
        "span_id": group.span_id or None,
    }
