"""The explorer's logs: found by words and fields, and grouped into patterns."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from observatory.api import health_json
from observatory.api.explorer import (
    Asked,
    Attributes,
    CursorText,
    Limit,
    TraceId,
    at,
    attributes_of,
    read_cursor,
    whole,
    write_cursor,
)
from observatory.api.log_models import LogList, LogPatterns, SeverityName
from observatory.api.ranges import Range, Ranged
from observatory.api.snapshot import ANSWERS, send
from observatory.api.trace_json import severity as severity_name
from observatory.errors import InvalidRequest
from observatory.explore.logs import LogCursor, Logs, LogsWanted, Record, words
from observatory.explore.patterns import Pattern, patterns

router = APIRouter(prefix="/api/v1/monitoring/logs", tags=["explorer"], responses=ANSWERS)

UNTRUSTED = ["items.body", "items.event_name", "items.severity_text", "items.attributes"]
_TOLD = 10_000
Hour = Annotated[Range, Depends(Ranged())]


async def wanted(
    asked: Asked,
    ranged: Hour,
    text: Annotated[
        str,
        Query(
            max_length=1_000,
            description='Words in the body or the event name, in any case; `"two words"`; `-word`: not that one.',
            examples=['refused "rate limit" -test'],
        ),
    ] = "",
    service: Annotated[str, Query(max_length=200, description="Id of the service.")] = "",
    severity: Annotated[SeverityName | None, Query(description="The least severity.")] = None,
    trace: TraceId = "",
    span: Annotated[str, Query(pattern="^([0-9a-fA-F]{16})?$", description="Span id.")] = "",
    event: Annotated[str, Query(max_length=200, description="Name of the event.")] = "",
    attribute: Attributes = None,
) -> LogsWanted:
    """What a record must be.

    Raises:
        InvalidRequest: an attribute without a name, too many words, or part of a trace id.
    """
    if trace and len(trace) != 32:
        raise InvalidRequest("query parameter trace: must be a whole trace id of 32 hexadecimal digits here")
    words(text)
    return LogsWanted(
        asked.environment,
        ranged.start,
        ranged.end,
        text,
        service,
        severity or "",
        trace.lower(),
        span.lower(),
        asked.user,
        event,
        attributes_of(attribute),
    )


Wanted = Annotated[LogsWanted, Depends(wanted)]


@router.get("", response_model=LogList)
async def find(request: Request, found: Wanted, limit: Limit = 100, cursor: CursorText = None) -> Response:
    """Log records that fit every filter, newest first.

    A range that is too much to be looked at in time is answered in part: `complete` says so, and `next` goes on.
    """
    after = read_cursor(cursor, _cursor)
    page = await Logs(request.app.state.store.reader).search(found, limit, after)
    values = {
        **_range(found),
        "items": [item(each) for each in page.items],
        "complete": page.complete,
        "untrusted": UNTRUSTED,
        "next": write_cursor(page.next.at_ns, page.next.told) if page.next else None,
    }
    return send(request, values)


@router.get("/patterns", response_model=LogPatterns)
async def group(request: Request, found: Wanted, limit: Limit = 50) -> Response:
    """What the records say over and over, with how often now and in the window before. New patterns come first."""
    told = await patterns(request.app.state.store.reader, found)
    values = {
        **_range(found),
        "before_from": health_json.moment(found.since - (found.until - found.since)),
        "samples": told.records,
        "estimated": told.share < 1,
        "complete": told.complete and len(told.items) <= limit,
        "source": "otel_logs",
        "items": [_pattern(each) for each in told.items[:limit]],
        "untrusted": ["items.template", "items.example"],
        "next": None,
    }
    return send(request, values)


def _cursor(at_ns: str, told: str) -> LogCursor:
    found = LogCursor(whole(at_ns), whole(told))
    if found.told > _TOLD:
        raise ValueError("more records than a page of one moment has")
    return found


def _range(found: LogsWanted) -> dict[str, Any]:
    return {
        "environment": found.environment,
        "from": health_json.moment(found.since),
        "to": health_json.moment(found.until),
    }


def item(record: Record) -> dict[str, Any]:
    """A log record as JSON values."""
    return {
        "id": record.id,
        "at": at(record.at_ns),
        "service": record.service,
        "severity": severity_name(record.severity_number),
        "severity_number": record.severity_number,
        "severity_text": record.severity_text or None,
        "body": record.body,
        "cut": record.cut,
        "event_name": record.event_name or None,
        "trace_id": record.trace_id or None,
        "span_id": record.span_id or None,
        "user_id": record.user or None,
        "attributes": dict(record.attributes),
        "redacted": record.redacted,
    }


def _pattern(found: Pattern) -> dict[str, Any]:
    return {
        "template": found.template,
        "count": found.now,
        "count_before": found.before,
        "new": found.new,
        "severity": severity_name(found.severity),
        "services": sorted(found.services),
        "first_seen": at(found.first_ns),
        "last_seen": at(found.last_ns),
        "example": found.example,
        "example_id": found.example_id,
        "trace_ids": found.traces,
    }
