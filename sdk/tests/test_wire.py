"""Our bytes say what OpenTelemetry's encoders say, whatever a span or a log record holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk._logs import LogRecordLimits, ReadableLogRecord
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from observatory_sdk import wire

INSTANTS = st.integers(0, 2**63 - 1)
TEXTS = st.one_of(st.text(max_size=12), st.text(min_size=60, max_size=300))
# Whole numbers of 64 bits, which is what the SDK lets through.
VALUES = st.one_of(
    TEXTS,
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.lists(TEXTS, max_size=4).map(tuple),
    st.lists(st.integers(0, 9), max_size=3).map(tuple),
    st.binary(max_size=5),
)
ATTRIBUTES = st.dictionaries(st.text(min_size=1, max_size=100), VALUES, max_size=6)
RESOURCES = [Resource({"service.name": name}, schema) for name, schema in (("one", ""), ("two", "https://schema"))]
SCOPES = [InstrumentationScope("sdk"), InstrumentationScope("other", "1.2", "https://schema", {"a": 1}), None]


@st.composite
def contexts(draw: Any) -> trace.SpanContext:
    state = trace.TraceState([("a", "b")]) if draw(st.integers(0, 9)) == 0 else None
    return trace.SpanContext(
        draw(st.integers(1, 2**128 - 1)), draw(st.integers(1, 2**64 - 1)), draw(st.booleans()), trace_state=state
    )


@st.composite
def spans(draw: Any) -> ReadableSpan:
    code = draw(st.sampled_from(trace.StatusCode))
    described = draw(TEXTS) if code is trace.StatusCode.ERROR else None
    links = [trace.Link(draw(contexts()), {"a": 1})] if draw(st.integers(0, 4)) == 0 else []
    return ReadableSpan(
        draw(TEXTS),
        draw(contexts()),
        draw(st.none() | contexts()),
        draw(st.sampled_from(RESOURCES)),
        draw(ATTRIBUTES),
        [Event(draw(TEXTS), draw(ATTRIBUTES), draw(INSTANTS)) for _ in range(draw(st.integers(0, 2)))],
        links,
        draw(st.sampled_from(trace.SpanKind)),
        status=trace.Status(code, described),
        start_time=draw(INSTANTS),
        end_time=draw(INSTANTS),
        instrumentation_scope=draw(st.sampled_from(SCOPES)),
    )


@st.composite
def records(draw: Any) -> ReadableLogRecord:
    within = trace.set_span_in_context(trace.NonRecordingSpan(draw(contexts()))) if draw(st.booleans()) else None
    record = LogRecord(
        timestamp=draw(INSTANTS),
        observed_timestamp=draw(INSTANTS),
        context=within,
        severity_text=draw(st.none() | TEXTS),
        severity_number=draw(st.none() | st.sampled_from(SeverityNumber)),
        body=draw(st.none() | TEXTS | st.just({"a": [1, 2.5]})),
        attributes=draw(ATTRIBUTES),
        event_name=draw(st.none() | TEXTS),
    )
    resource, scope = draw(st.sampled_from(RESOURCES)), draw(st.sampled_from(SCOPES))
    return ReadableLogRecord(record, resource, scope, LogRecordLimits())


def flat(request: Any, kind: str, item: str) -> dict[bytes, list[bytes]]:
    """Every item under its resource and scope: one request may hold them in more groups than another."""
    found: dict[bytes, list[bytes]] = {}
    for resource in getattr(request, f"resource_{kind}"):
        for scope in getattr(resource, f"scope_{kind}"):
            head = (resource.resource, scope.scope)
            key = b"|".join(part.SerializeToString(deterministic=True) for part in head)
            key += f"{resource.schema_url}|{scope.schema_url}|{resource.HasField('resource')}".encode()
            whole = (each.SerializeToString(deterministic=True) for each in getattr(scope, item))
            found.setdefault(key, []).extend(whole)
    return {key: sorted(items) for key, items in found.items()}


@settings(max_examples=200, deadline=None)
@given(st.lists(spans(), max_size=6))
def test_spans_say_the_same(given_spans: list[ReadableSpan]) -> None:
    theirs = encode_spans(given_spans)
    ours = type(theirs).FromString(wire.spans_request(given_spans))
    assert flat(ours, "spans", "spans") == flat(theirs, "spans", "spans")


@settings(max_examples=200, deadline=None)
@given(st.lists(records(), max_size=6))
def test_log_records_say_the_same(given_records: list[ReadableLogRecord]) -> None:
    theirs = encode_logs(given_records)
    ours = type(theirs).FromString(wire.logs_request(given_records))
    assert flat(ours, "logs", "log_records") == flat(theirs, "logs", "log_records")


def test_the_usual_spans_need_no_other_encoder(recorded: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import observatory_sdk as obs

    with obs.feature("autotrade", user_id="u1"), obs.service("credit_ledger", "debit"):
        obs.facts.journal_entry(kind="order")
        with pytest.raises(ValueError, match="no"), obs.service("auth", "check"):
            raise ValueError("no")
    asked: list[int] = []
    original: Callable[[Any], Any] = encode_spans
    monkeypatch.setattr(wire, "encode_spans", lambda rest: (asked.append(len(rest)), original(rest))[1])
    assert wire.spans_request(recorded.spans())
    # Once, for resource and scope.
    assert asked == [1]


def test_nothing_is_an_empty_request() -> None:
    assert wire.spans_request([]) == wire.logs_request([]) == b""


def test_a_text_that_is_no_text_takes_only_its_own_value_with_it(caplog: pytest.LogCaptureFixture) -> None:
    broken = ReadableSpan(
        "a",
        trace.SpanContext(1, 2, False),
        resource=RESOURCES[0],
        attributes={"broken": "\ud800", "whole": "yes"},
        start_time=1,
        end_time=2,
        instrumentation_scope=SCOPES[0],
    )
    request = type(encode_spans([])).FromString(wire.spans_request([broken]))
    (span,) = request.resource_spans[0].scope_spans[0].spans
    assert [attribute.key for attribute in span.attributes] == ["whole"]
