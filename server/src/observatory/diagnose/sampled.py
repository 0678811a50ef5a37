"""Traces of a subject, as many as can be looked at: chosen by their ids, so that the same data give the same ones."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from observatory.diagnose.frame import Frame
from observatory.diagnose.reading import Reads
from observatory.diagnose.subject import Subject
from observatory.explore.model import Span

MOST_TRACES = 1_000
MOST_SPANS = 30_000
_MOST_LINKED = 400
# Of the attributes only those are read by which traces are held apart.
ATTRIBUTES: dict[str, str] = {
    "gen_ai.provider.name": "provider",
    "gen_ai.system": "provider",
    "gen_ai.request.model": "model",
    "gen_ai.response.model": "model",
    "ai.fallback.from": "fallback",
    "exchange.id": "exchange",
    "exchange.operation": "exchange_operation",
    "order.symbol": "symbol",
    "signal.symbol": "symbol",
    "market_data.symbol": "symbol",
    "order.type": "order_type",
    "order.mode": "order_mode",
    "order.status": "order_status",
    "user.cohort": "cohort",
    "user.plan": "plan",
    "strategy.id": "strategy",
    "signal.type": "signal_type",
    "messaging.system": "delivery",
    "payment.rail": "rail",
    "risk.kind": "risk_kind",
    "error.type": "error_type",
    "observatory.outcome.reason": "reason",
    "http.response.status_code": "status_code",
    "db.system.name": "database",
    "db.system": "database",
    "observatory.feature": "feature",
    "service.version": "version",
    "service.instance.id": "instance",
    "host.name": "host",
    "cloud.region": "region",
}
_NAMES = ", ".join(f"'{name}'" for name in ATTRIBUTES)
_AT = "toDateTime64({{{}:Int64}}, 9, 'UTC')"
_KEPT = f"mapFilter((k, v) -> v != '' AND k IN ({_NAMES}), {{}})"
_SPANS = f"""SELECT TraceId, SpanId, ParentSpanId, toString(Service) AS Of, toString(SpanName) AS Name,
    toString(SpanKind) AS Kind, toUnixTimestamp64Nano(Timestamp) AS StartNs, Duration, Failed, `Links.TraceId`,
    `Links.SpanId`, {_KEPT.format("SpanAttributes")} AS Told, {_KEPT.format("ResourceAttributes")} AS Place
FROM otel_traces
WHERE $traces AND Environment = {{environment:String}} AND Timestamp >= {_AT.format("since")} - 600
    AND Timestamp < {_AT.format("until")} + 3600
ORDER BY cityHash64(TraceId), TraceId, StartNs, SpanId LIMIT {MOST_SPANS + 1}"""
_CHOSEN = f"""TraceId IN (SELECT TraceId FROM (
    SELECT DISTINCT TraceId FROM fact_calls
    WHERE Timestamp >= {_AT.format("since")} AND Timestamp < {_AT.format("until")}
        AND Environment = {{environment:String}} AND $wanted AND cityHash64(TraceId) % {{every:UInt64}} = 0)
    ORDER BY cityHash64(TraceId), TraceId LIMIT {MOST_TRACES})"""
_LINKED = "TraceId IN {traces:Array(String)}"


@dataclass(frozen=True, slots=True)
class Sample:
    """Traces of a stretch of time.

    Attributes:
        traces: each with its spans, by start; with what it links to.
        cut: whether there were more spans than can be looked at, so that traces were left out.
    """

    traces: Sequence[Sequence[Span]]
    cut: bool


async def read(reader: Reads, subject: Subject, environment: str, stretch: tuple[int, int], calls: float) -> Sample:
    """Traces that have a call of the subject in a stretch of time.

    Args:
        reader: of the telemetry store.
        subject: whose.
        environment: where.
        stretch: start and end, seconds since 1970.
        calls: about how many calls it has there.

    Raises:
        StoreError: the store refused the query or took too long.
    """
    bound: dict[str, object] = {"environment": environment, "since": stretch[0], "until": stretch[1], **subject.bound}
    bound["every"] = max(1, int(calls) // (8 * MOST_TRACES))
    chosen = _CHOSEN.replace("$wanted", subject.wanted)
    rows = (await reader.read(_SPANS.replace("$traces", chosen), bound)).rows
    traces = await asyncio.to_thread(_traces, rows)
    linked = sorted({each for spans in traces.values() for span in spans for each, _ in span.links} - set(traces))
    more: dict[str, list[Span]] = {}
    if linked:
        plain = {name: bound[name] for name in ("environment", "since", "until")}
        sql = _SPANS.replace("$traces", _LINKED)
        found = (await reader.read(sql, {**plain, "traces": linked[:_MOST_LINKED]})).rows
        more = await asyncio.to_thread(_traces, found)
    return Sample([_with(spans, more) for spans in traces.values()], len(rows) > MOST_SPANS)


def _with(spans: list[Span], more: dict[str, list[Span]]) -> list[Span]:
    before = sorted({each for span in spans for each, _ in span.links if each in more})
    return [*spans, *(span for each in before for span in more[each])]


def _traces(rows: Sequence[tuple[Any, ...]]) -> dict[str, list[Span]]:
    found: dict[str, list[Span]] = {}
    for row in rows:
        found.setdefault(row[0], []).append(_span(row))
    if len(rows) > MOST_SPANS and len(found) > 1:
        # The last one may be cut off.
        del found[next(reversed(found))]
    return found


def _span(row: tuple[Any, ...]) -> Span:
    trace, span, parent, service, name, kind, start, duration, failed, link_traces, link_spans, told, place = row
    links: Iterable[tuple[str, str]] = zip(link_traces[:20], link_spans[:20], strict=False) if link_traces else ()
    instance = place.get("service.instance.id", "")
    return Span(
        trace,
        span,
        parent,
        service,
        name,
        kind,
        start,
        duration,
        bool(failed),
        tuple(links),
        {**place, **told},
        instance,
    )


def stretches(frame: Frame, last: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Baseline and window up to a position, in seconds since 1970."""
    until = frame.times[last] if last < len(frame.times) else frame.window[1]
    return frame.baseline, (frame.window[0], max(until, frame.window[0] + frame.step_s))
