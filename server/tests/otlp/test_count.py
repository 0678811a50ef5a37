"""The count of absurd times reads what the store reads, and never fails where the store does not."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from observatory.errors import MalformedBody
from observatory.otlp.count import absurd
from observatory.otlp.signals import Signal

from ..store import reference
from .samples import Sampler

NOW = 1_700_000_000_000_000_000
BOUNDS = reference.Bounds(NOW - 100, NOW + 100, NOW)
STRAY = (0, 1, NOW - 101, NOW - 100, NOW + 100, NOW + 101, 2**63, 2**64 - 1)


def rows(signal: Signal, request: Any, bounds: reference.Bounds) -> int:
    if signal == Signal.TRACES:
        return len(list(reference.spans(request, bounds)))
    if signal == Signal.LOGS:
        return len(list(reference.records(request, bounds)))
    return sum(len(list(reference.points(request, kind, bounds))) for kind in reference.KINDS)


@pytest.mark.parametrize("signal", Signal)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_the_count_is_what_the_reference_leaves_out(signal: Signal, seed: int) -> None:
    request = Sampler(random.Random(seed), (NOW - 50, NOW + 50), STRAY).request(signal, 4)
    everything = rows(signal, request, reference.Bounds(0, 2**64 - 1, NOW))
    found = absurd(signal, request.SerializeToString(), BOUNDS.since, BOUNDS.until)
    assert found == everything - rows(signal, request, BOUNDS)


@pytest.mark.parametrize(
    ("start", "end", "count"),
    [(NOW - 100, NOW, 0), (NOW - 101, NOW, 1), (NOW, NOW + 100, 0), (NOW, NOW + 101, 1), (NOW + 101, 0, 1)],
)
def test_both_ends_of_a_span_are_judged(start: int, end: int, count: int) -> None:
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.add(start_time_unix_nano=start, end_time_unix_nano=end)
    assert absurd(Signal.TRACES, request.SerializeToString(), BOUNDS.since, BOUNDS.until) == count


def test_text_that_is_no_utf8_and_values_nested_without_end_are_no_concern_of_the_count() -> None:
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add(name="AAAA", start_time_unix_nano=1)
    value = span.attributes.add().value
    for _ in range(40):
        value = value.array_value.values.add()
    body = request.SerializeToString().replace(b"AAAA", b"\xff\xff\xff\xff")
    assert absurd(Signal.TRACES, body, BOUNDS.since, BOUNDS.until) == 1


def test_a_metric_that_claims_two_kinds_counts_the_points_of_both() -> None:
    both = b""
    for kind in ("gauge", "sum"):
        request = ExportMetricsServiceRequest()
        metric: Any = request.resource_metrics.add().scope_metrics.add().metrics.add()
        getattr(metric, kind).data_points.add(time_unix_nano=1)
        both += metric.SerializeToString()
    frame = both
    for tag in (b"\x12", b"\x12", b"\x0a"):
        frame = tag + bytes([len(frame)]) + frame
    assert absurd(Signal.METRICS, frame, BOUNDS.since, BOUNDS.until) == 2


@pytest.mark.parametrize("signal", Signal)
@pytest.mark.parametrize("body", [b"\x0a\x7fabc", b"\x0a", b"\xff" * 12, b"GET / HTTP/1.1"])
def test_what_is_no_message_is_refused(signal: Signal, body: bytes) -> None:
    with pytest.raises(MalformedBody):
        absurd(signal, body, 0, 1)
