"""Spans of models as other senders make them: with parents and events, which the plain sender does not have."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from observatory.areas import select
from observatory.otlp.signals import Signal

Event = tuple[str, Mapping[str, Any]]
Span = tuple[str, Mapping[str, Any], Sequence[Event]]


def send_nested(insert: Callable[..., Any], sender: Any, spans: Sequence[Span], error: bool = False) -> None:
    """Send spans of one trace, each the child of the one before."""
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    group.resource.attributes.extend(_attributes({"deployment.environment.name": sender.environment}))
    scope = group.scope_spans.add()
    scope.scope.name = "a.library"
    now, trace_id, parent = select.nanoseconds(sender.at), uuid.uuid4().bytes, b""
    for name, values, events in spans:
        span = scope.spans.add(name=name, trace_id=trace_id, span_id=uuid.uuid4().bytes[:8], parent_span_id=parent)
        span.start_time_unix_nano, span.end_time_unix_nano = now - 2_000_000_000, now - 1_000_000_000
        span.status.code = 2 if error else 0
        span.attributes.extend(_attributes(values))
        for event, told in events:
            span.events.add(name=event, time_unix_nano=now).attributes.extend(_attributes(told))
        parent = span.span_id
    insert(Signal.TRACES, request.SerializeToString(), now)


def decision(number: int, decided: str, confidence: float, votes: Sequence[tuple[str, str, float]]) -> Span:
    """A consensus and the votes in it."""
    told = [
        (
            "ai.consensus.vote",
            {
                "ai.consensus.vote.model": model,
                "ai.consensus.vote.decision": vote,
                "ai.consensus.vote.confidence": sure,
            },
        )
        for model, vote, sure in votes
    ]
    agreed = sum(vote == decided for _, vote, _ in votes) / len(votes) if votes else 1.0
    values = {
        "decision.id": f"decision-{number}",
        "ai.consensus.decision": decided,
        "ai.consensus.confidence": confidence,
        "ai.consensus.agreement_ratio": agreed,
    }
    return "ai.consensus.decide", values, told


def _attributes(values: Mapping[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=key, value=_value(value)) for key, value in values.items()]


def _value(value: Any) -> AnyValue:
    match value:
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
    return AnyValue(string_value=str(value))
