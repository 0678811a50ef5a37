"""OTLP/JSON is the same request as OTLP/protobuf, and bad JSON is refused with a reason and nothing else."""

from __future__ import annotations

import json
import random
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from observatory.errors import MalformedBody
from observatory.otlp.json import to_protobuf
from observatory.otlp.messages import REQUESTS
from observatory.otlp.replies import status
from observatory.otlp.signals import Signal

from .samples import Sampler, as_json

NOW_NS = 1_700_000_000_000_000_000


def span(**fields: object) -> bytes:
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [fields]}]}]}).encode()


def decoded_span(body: bytes) -> Any:
    request: Any = REQUESTS[Signal.TRACES].FromString(to_protobuf(Signal.TRACES, body))
    return request.resource_spans[0].scope_spans[0].spans[0]


@pytest.mark.parametrize("signal", Signal)
@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_any_request_is_the_same_in_json_and_in_protobuf(signal: Signal, seed: int) -> None:
    request = Sampler(random.Random(seed), (NOW_NS, NOW_NS + 10**9), (0, 2**64 - 1)).request(signal, 3)
    again = REQUESTS[signal].FromString(to_protobuf(signal, as_json(request)))
    # A NaN is unequal to itself, so bytes are compared.
    assert again.SerializeToString(deterministic=True) == request.SerializeToString(deterministic=True)


def test_ids_are_hex_in_either_case_and_empty_ones_are_absent() -> None:
    found = decoded_span(span(traceId="5B8EFFF798038103d269b633813fc60c", spanId="", parentSpanId=None))
    assert found.trace_id.hex() == "5b8efff798038103d269b633813fc60c"
    assert (found.span_id, found.parent_span_id) == (b"", b"")


def test_ids_of_links_log_records_and_exemplars_are_hex_too() -> None:
    linked = decoded_span(span(links=[{"traceId": "0102", "spanId": "03"}]))
    assert (linked.links[0].trace_id, linked.links[0].span_id) == (b"\1\2", b"\3")
    record = {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"traceId": "ff", "spanId": "fe"}]}]}]}
    logs: Any = REQUESTS[Signal.LOGS].FromString(to_protobuf(Signal.LOGS, json.dumps(record).encode()))
    assert logs.resource_logs[0].scope_logs[0].log_records[0].trace_id == b"\xff"
    point = {"name": "x", "sum": {"dataPoints": [{"asInt": "1", "exemplars": [{"traceId": "aa"}]}]}}
    metric = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [point]}]}]}
    metrics: Any = REQUESTS[Signal.METRICS].FromString(to_protobuf(Signal.METRICS, json.dumps(metric).encode()))
    found = metrics.resource_metrics[0].scope_metrics[0].metrics[0].sum.data_points[0]
    assert found.exemplars[0].trace_id == b"\xaa"


@pytest.mark.parametrize("value", [2**63 - 1, "9223372036854775807"])
def test_64_bit_integers_are_numbers_or_text(value: object) -> None:
    found = decoded_span(span(startTimeUnixNano=value, attributes=[{"key": "k", "value": {"intValue": value}}]))
    assert found.start_time_unix_nano == 2**63 - 1
    assert found.attributes[0].value.int_value == 2**63 - 1


@pytest.mark.parametrize("kind", [3, "SPAN_KIND_CLIENT"])
def test_enumerations_are_numbers_or_names(kind: object) -> None:
    assert decoded_span(span(kind=kind)).kind == 3


def test_an_unknown_enumeration_number_is_kept_and_an_unknown_name_ignored() -> None:
    assert decoded_span(span(kind=77)).kind == 77
    assert decoded_span(span(kind="SPAN_KIND_NEW", name="n")).name == "n"


def test_unknown_fields_are_ignored_wherever_they_stand() -> None:
    body = json.loads(span(name="n", later={"traceId": 5}))
    body["alsoLater"] = [{"spans": "x"}]
    assert decoded_span(json.dumps(body).encode()).name == "n"


def test_the_schemas_own_spelling_of_names_is_read_as_well() -> None:
    body = {"resource_spans": [{"scope_spans": [{"spans": [{"trace_id": "0a", "start_time_unix_nano": 5}]}]}]}
    found = decoded_span(json.dumps(body).encode())
    assert (found.trace_id, found.start_time_unix_nano) == (b"\n", 5)


def test_an_empty_request_is_no_bytes() -> None:
    assert to_protobuf(Signal.LOGS, b"{}") == b""


_NESTED = b'{"arrayValue":{"values":[' * 3_000
BAD = {
    "nothing": b"",
    "no JSON": b"{",
    "no UTF-8": b'{"resourceSpans": "\xff"}',
    "an array": b"[]",
    "null": b"null",
    "a number for a list": b'{"resourceSpans": 5}',
    "a number in a list": b'{"resourceSpans": [5]}',
    "null in a list": b'{"resourceSpans": [null]}',
    "an object for a list": b'{"resourceSpans": {"0": 1}}',
    "text for a message": b'{"resourceSpans": [{"scopeSpans": ["spans"]}]}',
    "an id that is no hex": span(traceId="xyz"),
    "an id of half a byte": span(traceId="abc"),
    "an id with spaces": span(traceId="ab cd"),
    "an id that is a number": span(spanId=12),
    "a fraction for an integer": span(kind=1.5),
    "an integer out of range": span(startTimeUnixNano=2**64),
    "a negative time": span(startTimeUnixNano=-1),
    "an infinite time": span(startTimeUnixNano=0).replace(b": 0", b": 1e999"),
    "a number of 5,000 digits": span(startTimeUnixNano=0).replace(b": 0", b": " + b"9" * 5_000),
    "bare NaN": span(attributes=[{"key": "k", "value": {"doubleValue": 0}}]).replace(b": 0}", b": NaN}"),
    "a lone surrogate": span(name="\ud800"),
    "text for a flag": span(attributes=[{"key": "k", "value": {"boolValue": "yes"}}]),
    "bytes that are no base64": span(attributes=[{"key": "k", "value": {"bytesValue": "?"}}]),
    "a field in both spellings": span(traceId="aa", trace_id="bb"),
    "two values at once": span(attributes=[{"key": "k", "value": {"intValue": 1, "stringValue": "1"}}]),
    "deep nesting": span(attributes=[]).replace(b"[]}]", b'[{"key":"k","value":' + _NESTED),
    "deep nesting of unknown fields": b'{"x":' * 200_000,
}


@pytest.mark.parametrize("body", BAD.values(), ids=BAD)
def test_bad_json_is_refused_with_a_short_reason_that_can_be_sent(body: bytes) -> None:
    with pytest.raises(MalformedBody) as refusal:
        to_protobuf(Signal.TRACES, body)
    reason = str(refusal.value)
    assert 0 < len(reason) <= 250
    assert status(3, reason, as_json=True)
    assert status(3, reason, as_json=False)


_KNOWN = "resourceSpans scopeSpans spans traceId attributes value kvlistValue resourceMetrics metrics sum dataPoints"
NAMES = st.sampled_from([*_KNOWN.split(), "scopeMetrics", "exemplars", "links", "key", "resource", "x"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=20,
)


def outcome(signal: Signal, body: bytes) -> str:
    try:
        REQUESTS[signal].FromString(to_protobuf(signal, body))
    except MalformedBody as refusal:
        return str(refusal)
    return "read"


def test_json_of_more_values_than_telemetry_can_need_is_refused_before_it_is_read() -> None:
    body = b'{"later":[' + b"{}," * 4_000_000 + b"{}]}"
    began_s = time.monotonic()
    json.loads(body)
    read_s = time.monotonic() - began_s
    began_s = time.monotonic()
    with pytest.raises(MalformedBody, match="objects and lists"):
        to_protobuf(Signal.TRACES, body)
    assert time.monotonic() - began_s < read_s


@pytest.mark.parametrize("signal", Signal)
@settings(max_examples=150, deadline=None)
@given(tree=st.dictionaries(NAMES, JSON, max_size=4))
def test_any_json_is_read_or_refused_and_never_an_accident(signal: Signal, tree: dict[str, Any]) -> None:
    assert outcome(signal, json.dumps(tree).encode())


@settings(max_examples=150, deadline=None)
@given(body=st.binary(max_size=60))
def test_any_bytes_are_read_or_refused_and_never_an_accident(body: bytes) -> None:
    assert outcome(Signal.TRACES, body)
