"""The explorer's traces: found, drawn, and compared group against group."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from observatory.api import health_json, trace_json
from observatory.api.access import require
from observatory.api.comparison_models import Comparison
from observatory.api.explorer import Asked, Asker, CursorText, Limit, read_cursor, whole, write_cursor
from observatory.api.ranges import LONGEST, Range, Ranged, moment
from observatory.api.snapshot import ANSWERS, send
from observatory.api.trace_filters import Filters, changed, filters
from observatory.api.trace_models import TRACE_ID, TraceDetail, TraceList
from observatory.auth import READ
from observatory.errors import InvalidRequest, NotFound
from observatory.explore import Change, Span, compare
from observatory.explore.calls import model_calls
from observatory.explore.groups import LEAST_TRACES
from observatory.explore.layout import Layout, lay_out
from observatory.explore.logs import Logs
from observatory.explore.look import Cursor
from observatory.explore.paths import critical
from observatory.explore.traces import MOST_SPANS, Traces
from observatory.explore.wanted import Sort, Wanted

router = APIRouter(prefix="/api/v1/monitoring/traces", tags=["explorer"], responses=ANSWERS)

MOST_COMPARED = 500
_MOST_LOGS = 200
_MOST_LINKED = 8
_AROUND_NS = 60_000_000_000
Wants = Annotated[Filters, Depends(filters)]
Ids = Annotated[
    list[str] | None,
    Query(max_length=200, description="Ids of the traces themselves, instead of filters."),
]


@router.get("", response_model=TraceList)
async def find(
    request: Request,
    asked: Asked,
    found: Wants,
    ranged: Annotated[Range, Depends(Ranged())],
    sort: Annotated[Sort, Query(description="What comes first.")] = Sort.NEWEST,
    limit: Limit = 50,
    cursor: CursorText = None,
) -> Response:
    """Traces one of whose spans fits every filter.

    `operation`, `cohort`, `model`, `exchange`, `attribute` and the ids are looked for among all spans, the others among
    calls of services. A range that is too much to be looked at in time is answered in part: `total.complete` says so,
    and `next` goes on. Spans of one trace that start more than an hour apart may bring it twice.
    """
    after = read_cursor(cursor, _cursor)
    wanted = found.wanted(asked, ranged.start, ranged.end)
    page = await Traces(request.app.state.store.reader).search(wanted, sort, limit, after, asked.only)
    values = {
        "environment": asked.environment,
        "from": health_json.moment(ranged.start),
        "to": health_json.moment(ranged.end),
        "sort": sort,
        "items": [trace_json.item(each) for each in page.items],
        "total": {"at_least": page.at_least, "complete": page.complete},
        "untrusted": trace_json.LISTED,
        "next": write_cursor(page.next.value, page.next.trace) if page.next else None,
    }
    return send(request, values)


def _cursor(value: str, trace: str) -> Cursor:
    return Cursor(whole(value), trace)


@dataclass(frozen=True, slots=True)
class _Group:
    """Traces to be compared, and what is said of them."""

    traces: Mapping[str, Sequence[Span]]
    told: Mapping[str, Any]


@router.get("/compare", response_model=Comparison, dependencies=[Depends(require(READ))])
async def hold_against(
    request: Request,
    asked: Asked,
    found: Wants,
    ranged: Annotated[Range, Depends(Ranged())],
    usual: Annotated[
        list[str] | None,
        Query(
            max_length=16,
            description="What is different for the first group: `status=ok`, `model=gpt-4o`. Without a time of its own "
            "it is then of the same range.",
            examples=["status=ok"],
        ),
    ] = None,
    usual_from: Annotated[str | None, Query(max_length=40, json_schema_extra={"format": "date-time"})] = None,
    usual_to: Annotated[str | None, Query(max_length=40, json_schema_extra={"format": "date-time"})] = None,
    traces: Ids = None,
    usual_traces: Ids = None,
    limit: Annotated[int, Query(ge=1, le=MOST_COMPARED, description="Most traces of each group, the newest.")] = 200,
    change: Annotated[Change | None, Query(description="Only places that became this.")] = None,
    most: Annotated[int, Query(ge=1, le=1_000, description="Most places.")] = 100,
) -> Response:
    """Two groups of traces held against each other, place by place: added, missing, slower, more often.

    Without anything said of the first group it is the range before, of the same length and by the same filters.
    """
    since, until = _usual_range(ranged, usual_from, usual_to, bool(usual))
    first, second = await asyncio.gather(
        _group(request, asked, usual_traces, changed(found, usual or []).wanted(asked, since, until), limit),
        _group(request, asked, traces, found.wanted(asked, ranged.start, ranged.end), limit),
    )
    differences = await asyncio.to_thread(compare, list(first.traces.values()), list(second.traces.values()))
    counts: dict[str, int] = {}
    for each in differences:
        counts[each.change] = counts.get(each.change, 0) + 1
    shown = [each for each in differences if change in (None, each.change)]
    values = {
        "environment": asked.environment,
        "usual": first.told,
        "now": second.told,
        "enough": min(len(first.traces), len(second.traces)) >= LEAST_TRACES,
        "least_traces": LEAST_TRACES,
        "counts": counts,
        "source": "otel_traces",
        "items": [trace_json.difference(each) for each in shown[:most]],
        "untrusted": ["items.place"],
        "next": None,
    }
    return send(request, values)


def _usual_range(ranged: Range, since: str | None, until: str | None, same: bool) -> tuple[datetime, datetime]:
    if since is None and until is None:
        length = ranged.end - ranged.start
        return (ranged.start, ranged.end) if same else (ranged.start - length, ranged.start)
    if since is None or until is None:
        raise InvalidRequest("query parameter usual_from: only together with usual_to")
    start, end = moment("usual_from", since), moment("usual_to", until)
    if not timedelta(0) < end - start <= LONGEST:
        raise InvalidRequest("query parameter usual_from: must be before usual_to, by at most 90 days")
    return start, end


async def _group(request: Request, asked: Asker, ids: list[str] | None, wanted: Wanted, limit: int) -> _Group:
    reader = Traces(request.app.state.store.reader)
    if ids:
        named = [_trace_id(each) for each in ids]
        spans = await reader.spans(named, environment=asked.environment)
        return _Group(spans, _told(spans, None, None, len(spans) == len(set(named))))
    page = await reader.search(wanted, limit=limit)
    around = [each.at_ns for each in page.items]
    spans = await reader.spans([each.trace_id for each in page.items], around, asked.environment)
    return _Group(spans, _told(spans, wanted.since, wanted.until, page.complete and page.next is None))


def _told(
    spans: Mapping[str, Sequence[Span]], since: datetime | None, until: datetime | None, complete: bool
) -> Mapping[str, Any]:
    return {
        "traces": len(spans),
        "spans": sum(len(each) for each in spans.values()),
        "from": health_json.moment(since),
        "to": health_json.moment(until),
        "complete": complete,
    }


def _trace_id(text: str) -> str:
    if len(text) != len(TRACE_ID) or not set(text.lower()) <= set("0123456789abcdef"):
        raise InvalidRequest("query parameter traces: each must be a trace id of 32 hexadecimal digits")
    return text.lower()


@router.get("/{trace_id}", response_model=TraceDetail)
async def show(
    request: Request,
    asked: Asked,
    trace_id: Annotated[
        str,
        Path(pattern="^[0-9a-fA-F]{32}$", description="32 hexadecimal digits.", examples=[TRACE_ID]),
    ],
    limit: Annotated[int, Query(ge=1, le=MOST_SPANS, description="Most spans.")] = 1_000,
    follow: Annotated[
        Literal["links", "none"], Query(description="Whether the critical path goes on into linked traces.")
    ] = "links",
) -> Response:
    """One trace: waterfall, flame, critical path, the logs and the model calls that belong to it.

    A user's own token sees its user's spans and records only; what lies between them is then missing.
    """
    state = request.app.state
    reader = Traces(state.store.reader)
    trace = await reader.one(trace_id.lower(), asked.environment, asked.only or asked.user or None, limit)
    if not trace.spans:
        raise NotFound(f"no trace {trace_id.lower()} is kept")
    spans = trace_json.spans_of(trace)
    around = (min(each.start_ns for each in spans) - _AROUND_NS, max(each.end_ns for each in spans) + _AROUND_NS)
    only = asked.only or asked.user or None
    drawn, logs, calls = await asyncio.gather(
        asyncio.to_thread(lay_out, spans),
        Logs(state.store.reader).of_trace(trace_id.lower(), around, only, _MOST_LOGS + 1),
        model_calls(state.store.reader, trace_id.lower(), around, only),
    )
    assert drawn is not None
    values = await asyncio.to_thread(trace_json.detail, trace, drawn, asked.environment)
    if follow == "links" and values["linked_traces"] and only is None:
        values["critical_path"] = await _followed(reader, asked.environment, drawn, values["linked_traces"])
    return send(
        request,
        {
            **values,
            "logs": [trace_json.log(each) for each in logs[:_MOST_LOGS]],
            "logs_truncated": len(logs) > _MOST_LOGS,
            "model_calls": trace_json.calls(calls, state.shelf.newest),
            "untrusted": trace_json.DETAILED,
        },
    )


async def _followed(reader: Traces, environment: str, drawn: Layout, linked: Sequence[str]) -> list[dict[str, Any]]:
    """The critical path to the end of this trace's own, begun in the traces that it links to."""
    others = await reader.spans(linked[:_MOST_LINKED], environment=environment)
    own = [bar.span for bar in drawn.bars]
    last = drawn.path[-1].span if drawn.path else max(own, key=lambda span: span.end_ns)
    end = max((each.span for each in drawn.path), key=lambda span: span.end_ns, default=last)
    spans = [*own, *(span for each in others.values() for span in each)]
    return trace_json.path(await asyncio.to_thread(critical, spans, end.key))
