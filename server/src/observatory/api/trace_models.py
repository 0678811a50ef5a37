"""The shape of the answers about traces, for OpenAPI."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from observatory.api.explorer import UNTRUSTED

_AT = "2026-01-02T03:04:05.000000Z"
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
_SPAN_ID = "00f067aa0ba902b7"
HopName = Literal["root", "call", "message", "link", "gap"]


class TraceItem(BaseModel):
    """A trace in a list. What is said of the trace as a whole is null when its spans are no longer kept."""

    trace_id: str
    matched_at: datetime = Field(description="Start of the newest (or slowest) span that fits.")
    matched_duration_ms: float = Field(description="Duration of that span.")
    kept: bool = Field(description="Whether its spans are still kept.")
    started_at: datetime | None
    duration_ms: float | None = Field(description="From the start of its first span to the end of its last.")
    service: str | None = Field(description="Of its root, or of its first span where the root is missing.")
    operation: str | None
    feature: str | None
    user_id: str | None
    failed: bool | None = Field(description="Whether that span failed.")
    spans: int | None
    errors: int | None = Field(description="Spans that failed.")
    services: list[str] = Field(description="Up to 32 of those that took part.")
    partial: bool | None = Field(description="Whether its root is missing.")


class Total(BaseModel):
    """How many there are from this page on."""

    at_least: int
    complete: bool = Field(description="Whether everything in the range was looked at, so that there are no more.")


_ITEM: dict[str, Any] = {
    "trace_id": TRACE_ID,
    "matched_at": _AT,
    "matched_duration_ms": 812.4,
    "kept": True,
    "started_at": _AT,
    "duration_ms": 812.4,
    "service": "ai_chat_engine",
    "operation": "chat.answer",
    "feature": "chat",
    "user_id": "u-4711",
    "failed": False,
    "spans": 14,
    "errors": 1,
    "services": ["ai_chat_engine", "ai_consensus_engine"],
    "partial": False,
}


class TraceList(BaseModel):
    """Traces."""

    model_config = ConfigDict(
        populate_by_name=True,
        json_schema_extra={
            "examples": [
                {
                    "environment": "production",
                    "from": _AT,
                    "to": _AT,
                    "sort": "newest",
                    "items": [_ITEM],
                    "total": {"at_least": 1, "complete": True},
                    "untrusted": ["operation"],
                    "next": None,
                }
            ]
        },
    )

    environment: str
    start: datetime = Field(alias="from")
    to: datetime
    sort: Literal["newest", "slowest"]
    items: list[TraceItem]
    total: Total
    untrusted: list[str] = Field(description=UNTRUSTED)
    next: str | None


class SpanEvent(BaseModel):
    """Something that happened during a span."""

    name: str
    offset_ms: float = Field(description="From the start of the span.")
    attributes: dict[str, str]


class SpanLink(BaseModel):
    """A span that this one links to, as what set it off."""

    trace_id: str
    span_id: str


class SpanItem(BaseModel):
    """A span in the waterfall."""

    span_id: str
    parent_id: str | None
    missing_parent: bool = Field(description="Its parent is not among the spans.")
    depth: int
    service: str
    operation: str
    kind: str
    instance: str | None = Field(description="The process that recorded it.")
    started_at: datetime = Field(description="As it was recorded.")
    offset_ms: float = Field(description="From the start of the trace; clocks set right.")
    duration_ms: float
    self_ms: float = Field(description="In which none of the children ran that it waited for.")
    critical_ms: float = Field(description="Its own part of the critical path.")
    hop: HopName = Field(description="How it hangs on what is above it.")
    failed: bool
    status: str
    status_message: str | None
    outcome: str | None
    user_id: str | None
    feature: str | None
    attributes: dict[str, str]
    resource: dict[str, str]
    events: list[SpanEvent]
    links: list[SpanLink]
    redacted: bool = Field(description="The server took a secret out of it.")


class FlameFrame(BaseModel):
    """All spans with the same way from the root."""

    place: list[str] = Field(description="Service and operation of each span on the way, root first.")
    calls: int
    total_ms: float
    self_ms: float
    failed: int


class PathStretch(BaseModel):
    """A span's part of the critical path."""

    trace_id: str
    span_id: str
    service: str
    operation: str
    self_ms: float = Field(description="What the span itself took of the path's time.")
    wait_ms: float = Field(description="Between what set it off and its start.")
    share_ratio: float = Field(description="Of the whole path.")
    hop: HopName


class ClockSkew(BaseModel):
    """Two services whose clocks differ."""

    caller: str
    callee: str
    offset_ms: float = Field(description="By how much the callee's clock is ahead.")
    calls: int


class LinkedLog(BaseModel):
    """A log record of the trace."""

    id: str
    at: datetime
    service: str
    span_id: str | None
    severity: str | None
    body: str
    event_name: str | None
    attributes: dict[str, str]


class TraceModelCall(BaseModel):
    """A model call. Tokens and cost are null where they are not known."""

    service: str
    provider: str | None
    model: str | None
    duration_ms: float
    failed: bool
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None
    estimated: bool


class TraceModelCalls(BaseModel):
    """The model calls of the trace. Sums are over those of which the number is known; null for none of them."""

    calls: int
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None
    unpriced: int = Field(description="Calls without a known price or tokens: not in the sum.")
    source: str
    items: list[TraceModelCall]


_SPAN: dict[str, Any] = {
    "span_id": _SPAN_ID,
    "parent_id": None,
    "missing_parent": False,
    "depth": 0,
    "service": "ai_chat_engine",
    "operation": "chat.answer",
    "kind": "Server",
    "instance": "backend-1",
    "started_at": _AT,
    "offset_ms": 0.0,
    "duration_ms": 812.4,
    "self_ms": 12.4,
    "critical_ms": 12.4,
    "hop": "root",
    "failed": False,
    "status": "Unset",
    "status_message": None,
    "outcome": "success",
    "user_id": "u-4711",
    "feature": "chat",
    "attributes": {"observatory.service": "ai_chat_engine"},
    "resource": {"service.name": "cryptouniverse-backend"},
    "events": [{"name": "exception", "offset_ms": 3.2, "attributes": {"exception.type": "TimeoutError"}}],
    "links": [{"trace_id": TRACE_ID, "span_id": _SPAN_ID}],
    "redacted": False,
}
_DETAIL: dict[str, Any] = {
    "trace_id": TRACE_ID,
    "environment": "production",
    "started_at": _AT,
    "duration_ms": 812.4,
    "spans": 1,
    "errors": 0,
    "services": ["ai_chat_engine"],
    "truncated": False,
    "partial": False,
    "missing_parents": 0,
    "waterfall": [_SPAN],
    "flame": [{"place": ["ai_chat_engine: chat.answer"], "calls": 1, "total_ms": 812.4, "self_ms": 812.4, "failed": 0}],
    "critical_path": [
        {
            "trace_id": TRACE_ID,
            "span_id": _SPAN_ID,
            "service": "ai_chat_engine",
            "operation": "chat.answer",
            "self_ms": 812.4,
            "wait_ms": 0.0,
            "share_ratio": 1.0,
            "hop": "root",
        }
    ],
    "clock_skew": [],
    "logs": [
        {
            "id": "9f8e7d6c5b4a3921",
            "at": _AT,
            "service": "ai_chat_engine",
            "span_id": _SPAN_ID,
            "severity": "warn",
            "body": "asked again",
            "event_name": None,
            "attributes": {},
        }
    ],
    "logs_truncated": False,
    "model_calls": {
        "calls": 1,
        "input_tokens": 812,
        "output_tokens": 64,
        "cost_usd": 0.00267,
        "unpriced": 0,
        "source": "fact_ai_calls, priced by the book in force",
        "items": [
            {
                "service": "ai_chat_engine",
                "provider": "openai",
                "model": "gpt-4o",
                "duration_ms": 640.0,
                "failed": False,
                "input_tokens": 812,
                "output_tokens": 64,
                "cost_usd": 0.00267,
                "estimated": False,
            }
        ],
    },
    "linked_traces": [],
    "untrusted": ["attributes", "body"],
}


class TraceDetail(BaseModel):
    """One trace."""

    model_config = ConfigDict(json_schema_extra={"examples": [_DETAIL]})

    trace_id: str
    environment: str
    started_at: datetime
    duration_ms: float
    spans: int
    errors: int
    services: list[str]
    truncated: bool = Field(description="There are more spans than were read; times and paths are of these.")
    partial: bool = Field(description="A parent is missing: not all has arrived, was kept, or may be seen.")
    missing_parents: int
    waterfall: list[SpanItem]
    flame: list[FlameFrame]
    critical_path: list[PathStretch] = Field(description="To the end of what happened last, over linked traces too.")
    clock_skew: list[ClockSkew]
    logs: list[LinkedLog]
    logs_truncated: bool
    model_calls: TraceModelCalls
    linked_traces: list[str] = Field(description="Traces that spans of this one link to.")
    untrusted: list[str] = Field(description=UNTRUSTED)
