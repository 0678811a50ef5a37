"""Traces as JSON values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from observatory.api.explorer import at
from observatory.api.health_json import rounded
from observatory.costs import Book, Tokens
from observatory.explore.calls import ModelCall
from observatory.explore.groups import Difference, Place, Seen
from observatory.explore.layout import Bar, Layout
from observatory.explore.logs import Record
from observatory.explore.look import Found
from observatory.explore.model import Span, Stretch
from observatory.explore.rows import Recorded
from observatory.explore.traces import Trace

LISTED = ["items.operation", "items.service", "items.feature", "items.user_id"]
DETAILED = [
    "waterfall.operation",
    "waterfall.status_message",
    "waterfall.attributes",
    "waterfall.resource",
    "waterfall.events",
    "flame.place",
    "critical_path.operation",
    "logs.body",
    "logs.attributes",
]
_SEVERITIES = ("trace", "debug", "info", "warn", "error", "fatal")
_NS = 1e6


def item(found: Found) -> dict[str, Any]:
    """A trace in a list."""
    entry = found.entry
    whole: dict[str, Any] = dict.fromkeys(
        ("started_at", "duration_ms", "service", "operation", "feature", "user_id", "failed", "spans", "errors")
    )
    whole |= {"services": [], "partial": None}
    if entry is not None:
        whole = {
            "started_at": at(entry.start_ns),
            "duration_ms": (entry.end_ns - entry.start_ns) / _NS,
            "service": entry.root_service,
            "operation": entry.root_operation,
            "feature": entry.feature or None,
            "user_id": entry.user or None,
            "failed": entry.failed,
            "spans": entry.spans,
            "errors": entry.errors,
            "services": list(entry.services),
            "partial": entry.partial,
        }
    return {
        "trace_id": found.trace_id,
        "matched_at": at(found.at_ns),
        "matched_duration_ms": found.duration_ns / _NS,
        "kept": entry is not None,
        **whole,
    }


def detail(trace: Trace, drawn: Layout, environment: str) -> dict[str, Any]:
    """A trace, but for its logs and model calls."""
    known = {each.span.key: each for each in trace.spans}
    own = trace.spans[0].span.trace_id
    linked = {link for each in trace.spans for link, _ in each.span.links if link != own}
    return {
        "trace_id": own,
        "environment": environment,
        "started_at": at(drawn.start_ns),
        "duration_ms": drawn.duration_ms,
        "spans": len(drawn.bars),
        "errors": sum(bar.span.failed for bar in drawn.bars),
        "services": sorted({bar.span.service for bar in drawn.bars}),
        "truncated": trace.truncated,
        "partial": trace.truncated or drawn.missing > 0 or all(bar.span.parent_id for bar in drawn.bars),
        "missing_parents": drawn.missing,
        "waterfall": [_bar(bar, known[bar.span.key]) for bar in drawn.bars],
        "flame": [_frame(frame) for frame in drawn.frames],
        "critical_path": path(drawn.path),
        "clock_skew": [asdict(skew) | {"offset_ms": rounded(skew.offset_ms)} for skew in drawn.skews],
        "linked_traces": sorted(linked)[:100],
    }


def _bar(bar: Bar, found: Recorded) -> dict[str, Any]:
    span = bar.span
    return {
        "span_id": span.span_id,
        "parent_id": span.parent_id or None,
        "missing_parent": bar.missing_parent,
        "depth": bar.depth,
        "service": span.service,
        "operation": span.name,
        "kind": span.kind,
        "instance": span.instance or None,
        "started_at": at(span.start_ns),
        "offset_ms": bar.offset_ms,
        "duration_ms": span.duration_ns / _NS,
        "self_ms": bar.self_ms,
        "critical_ms": bar.critical_ms,
        "hop": bar.hop,
        "failed": span.failed,
        "status": found.status,
        "status_message": found.status_message or None,
        "outcome": found.outcome or None,
        "user_id": found.user or None,
        "feature": found.feature or None,
        "attributes": dict(span.attributes),
        "resource": dict(found.resource),
        "events": [
            {
                "name": event.name,
                "offset_ms": (event.at_ns - span.start_ns) / _NS,
                "attributes": dict(event.attributes),
            }
            for event in found.events
        ],
        "links": [{"trace_id": trace, "span_id": linked} for trace, linked in span.links],
        "redacted": found.redacted,
    }


def path(stretches: Sequence[Stretch]) -> list[dict[str, Any]]:
    """A critical path."""
    whole = sum(each.self_ms + each.wait_ms for each in stretches)
    return [
        {
            "trace_id": each.span.trace_id,
            "span_id": each.span.span_id,
            "service": each.span.service,
            "operation": each.span.name,
            "self_ms": each.self_ms,
            "wait_ms": each.wait_ms,
            "share_ratio": rounded((each.self_ms + each.wait_ms) / whole) if whole else 0.0,
            "hop": each.hop,
        }
        for each in stretches
    ]


def _frame(frame: Any) -> dict[str, Any]:
    return {
        "place": place(frame.place),
        "calls": frame.calls,
        "total_ms": frame.total_ms,
        "self_ms": frame.self_ms,
        "failed": frame.failed,
    }


def place(way: Place) -> list[str]:
    """The way to a span from its root."""
    return [f"{service}: {operation}" for service, operation in way]


def log(record: Record) -> dict[str, Any]:
    """A log record of a trace."""
    return {
        "id": record.id,
        "at": at(record.at_ns),
        "service": record.service,
        "span_id": record.span_id or None,
        "severity": severity(record.severity_number),
        "body": record.body,
        "event_name": record.event_name or None,
        "attributes": dict(record.attributes),
    }


def severity(number: int) -> str | None:
    """The name of a severity, as OpenTelemetry counts them; None for none."""
    return _SEVERITIES[min(number - 1, 23) // 4] if number > 0 else None


def calls(found: Iterable[ModelCall], book: Book) -> dict[str, Any]:
    """The model calls of a trace and what they cost at the prices of their time."""
    items = [(each, cost(each, book)) for each in found]
    priced = [usd for _, usd in items if usd is not None]
    return {
        "calls": len(items),
        "input_tokens": _sum(each.input_tokens for each, _ in items),
        "output_tokens": _sum(each.output_tokens for each, _ in items),
        "cost_usd": float(sum(priced, Decimal(0))) if priced else None,
        "unpriced": len(items) - len(priced),
        "source": "fact_ai_calls, priced by the book in force",
        "items": [_call(each, usd) for each, usd in items],
    }


def cost(call: ModelCall, book: Book) -> Decimal | None:
    """What a model call costs in USD: what its sender says, else its list price; None where neither is known."""
    if call.told_usd is not None:
        return call.told_usd
    if call.input_tokens is None and call.output_tokens is None:
        return None
    tokens = Tokens(
        input=call.input_tokens or 0,
        output=call.output_tokens or 0,
        cache_read=call.cache_read_tokens or 0,
        cache_write=call.cache_write_tokens or 0,
        reasoning=call.reasoning_tokens or 0,
    )
    priced = book.price(call.provider, call.model, tokens, call.at)
    return None if priced is None else priced.usd


def _call(call: ModelCall, usd: Decimal | None) -> dict[str, Any]:
    return {
        "service": call.service,
        "provider": call.provider or None,
        "model": call.model or None,
        "duration_ms": call.duration_ns / _NS,
        "failed": call.failed,
        "input_tokens": call.input_tokens,
        "output_tokens": call.output_tokens,
        "cost_usd": None if usd is None else float(usd),
        "estimated": call.estimated,
    }


def _sum(values: Iterable[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def difference(found: Difference) -> dict[str, Any]:
    """A place in two groups of traces."""
    return {
        "place": place(found.place),
        "change": found.change,
        "added_ms": None if found.added_ms is None else rounded(found.added_ms),
        "chance": None if found.chance is None else rounded(found.chance),
        "usual": _seen(found.usual),
        "now": _seen(found.now),
    }


def _seen(found: Seen) -> Mapping[str, Any]:
    return {name: rounded(value) if isinstance(value, float) else value for name, value in asdict(found).items()}


def spans_of(trace: Trace) -> list[Span]:
    """The spans of a trace, for arithmetic."""
    return [each.span for each in trace.spans]
