"""Every kind of value survives in traces, logs and all five kinds of metric, as OTLP says."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import pytest

from observatory.otlp.signals import Signal
from observatory.store import Store, Stored

from . import requests
from .reference import KINDS

Insert = Callable[[Signal, bytes, int], Stored]
VALUES: dict[str, tuple[object, str]] = {
    "zero": (0, "0"),
    "false": (False, "false"),
    "true": (True, "true"),
    "empty text": ("", ""),
    "zero as a float": (0.0, "0"),
    "negative zero": (-0.0, "-0"),
    "above 2^53": (2**53 + 1, "9007199254740993"),
    "greatest integer": (2**63 - 1, "9223372036854775807"),
    "least integer": (-(2**63), "-9223372036854775808"),
    "float": (0.1, "0.1"),
    "not a number": (math.nan, "nan"),
    "infinity": (-math.inf, "-inf"),
    "bytes": (b"\xff\x00\xfe", "/wD+"),
    "array": (["a", 0, False, "", 2**53 + 1, None], '["a",0,false,"",9007199254740993,null]'),
    "array of odd floats": ([math.nan, math.inf, 0.5], '["nan","inf",0.5]'),
    "key-value list": ({"q": "w\n", "n": 3, "b": b"\xff"}, '{"q":"w\\n","n":3,"b":"/w=="}'),
    # Deeper than one level nothing is lost, but it is the base64 of its own protobuf bytes.
    "array in array": ([[False]], '["CgIQAA=="]'),
    "list in list": ({"a": {"b": 1}}, '{"a":"CgcKAWISAhgB"}'),
    "nothing": (None, ""),
    "text with a NUL": ("a\0b", "a\0b"),
}
ATTRIBUTES = {key: given for key, (given, _) in VALUES.items()}
EXPECTED = {key: text for key, (_, text) in VALUES.items()}


async def attributes(store: Store, table: str, column: str, environment: str) -> dict[str, str]:
    found = await store.reader.read(
        f"SELECT {column} FROM {table} WHERE Environment = {{environment:String}}", {"environment": environment}
    )
    ((values,),) = found.rows
    return dict(values)


async def test_values_survive_in_spans_events_and_links(store: Store, insert: Insert, environment: str) -> None:
    now = time.time_ns()
    request = requests.traces(environment, [now], ATTRIBUTES)
    span = request.resource_spans[0].scope_spans[0].spans[0]
    span.events.add(name="e", attributes=requests.pairs(ATTRIBUTES))
    span.links.add(attributes=requests.pairs(ATTRIBUTES))
    insert(Signal.TRACES, request.SerializeToString(), now)
    for column in ("SpanAttributes", "Events.Attributes[1]", "Links.Attributes[1]"):
        assert await attributes(store, "otel_traces", column, environment) == EXPECTED


async def test_values_survive_in_log_records(store: Store, insert: Insert, environment: str) -> None:
    now = time.time_ns()
    insert(Signal.LOGS, requests.logs(environment, [(now, now)], attributes=ATTRIBUTES).SerializeToString(), now)
    assert await attributes(store, "otel_logs", "LogAttributes", environment) == EXPECTED


async def test_values_survive_in_every_kind_of_metric(store: Store, insert: Insert, environment: str) -> None:
    now = time.time_ns()
    insert(Signal.METRICS, requests.metrics(environment, [now], ATTRIBUTES).SerializeToString(), now)
    for kind in KINDS:
        assert await attributes(store, f"otel_metrics_{kind}", "Attributes", environment) == EXPECTED


async def test_values_of_a_resource_survive_with_what_nests_as_base64(
    store: Store, insert: Insert, environment: str
) -> None:
    now = time.time_ns()
    request = requests.traces(environment, [now])
    request.resource_spans[0].resource.attributes.extend(requests.pairs(ATTRIBUTES))
    insert(Signal.TRACES, request.SerializeToString(), now)
    found = await attributes(store, "otel_traces", "ResourceAttributes", environment)
    scalars = {key for key, (given, _) in VALUES.items() if not isinstance(given, list | dict)}
    assert {key: found[key] for key in scalars} == {key: EXPECTED[key] for key in scalars}
    assert found["array in array"] == "CgYqBAoCEAA="


BODIES: list[tuple[Any, str, str]] = [
    ("1", "1", "string"),
    (1, "1", "int"),
    (1.0, "1", "double"),
    (False, "false", "bool"),
    (b"\xff", "/w==", "bytes"),
    ([1], "[1]", "array"),
    ({"a": 1}, '{"a":1}', "kvlist"),
    ("", "", "string"),
    (b"", "", "bytes"),
    (None, "", ""),
]


async def test_a_body_keeps_its_kind_because_its_text_does_not_tell(
    store: Store, insert: Insert, environment: str
) -> None:
    now = time.time_ns()
    for order, (body, _, _) in enumerate(BODIES):
        insert(Signal.LOGS, requests.logs(environment, [(now + order, 0)], body).SerializeToString(), now)
    found = await store.reader.read(
        "SELECT Body, BodyKind FROM otel_logs WHERE Environment = {environment:String} ORDER BY Timestamp",
        {"environment": environment},
    )
    assert [tuple(row) for row in found.rows] == [(text, kind) for _, text, kind in BODIES]


async def test_bytes_that_are_no_utf8_are_kept_as_they_are(store: Store, insert: Insert, environment: str) -> None:
    now = time.time_ns()
    body = requests.traces(environment, [now], {"odd": "AAAA"}).SerializeToString().replace(b"AAAA", b"\xff\xfe\0\xc3")
    assert insert(Signal.TRACES, body, now) == Stored(1, 0)
    found = await store.reader.read(
        "SELECT hex(SpanAttributes['odd']), SpanAttributes['odd'] FROM otel_traces "
        "WHERE Environment = {environment:String}",
        {"environment": environment},
    )
    ((kept, shown),) = found.rows
    assert kept == "FFFE00C3"
    assert shown  # and a reader that asks for the text is not refused


async def test_unknown_fields_at_every_depth_are_skipped(store: Store, insert: Insert, environment: str) -> None:
    now = time.time_ns()
    request = requests.traces(environment, [now], {"k": 1})
    later = b"\x9a\x06\x05later" + b"\xa0\x06\x07" + b"\xa9\x06" + bytes(8) + b"\xb5\x06" + bytes(4)
    resource = request.resource_spans[0]
    span = resource.scope_spans[0].spans[0]
    for message in (span.attributes[0].value, span.attributes[0], span, resource.scope_spans[0], resource, request):
        message.MergeFromString(later)
    assert insert(Signal.TRACES, request.SerializeToString(), now) == Stored(1, 0)
    assert await attributes(store, "otel_traces", "SpanAttributes", environment) == {"k": "1"}


async def test_enumeration_numbers_that_nobody_knows_yet_refuse_nothing(
    store: Store, insert: Insert, environment: str
) -> None:
    now = time.time_ns()
    request = requests.traces(environment, [now])
    span: Any = request.resource_spans[0].scope_spans[0].spans[0]
    span.kind, span.status.code = 77, 2**31 - 1
    insert(Signal.TRACES, request.SerializeToString(), now)
    found = await store.reader.read(
        "SELECT SpanKind, StatusCode FROM otel_traces WHERE Environment = {environment:String}",
        {"environment": environment},
    )
    assert [tuple(row) for row in found.rows] == [("Unspecified", "Unset")]


async def test_an_integer_point_is_kept_exactly_beside_its_float(
    store: Store, insert: Insert, environment: str
) -> None:
    now = time.time_ns()
    request = requests.metrics(environment, [now, now + 1, now + 2])
    points: Any = request.resource_metrics[0].scope_metrics[0].metrics[0].gauge.data_points
    points[0].as_int, points[1].as_double = 2**53 + 1, 0.0
    insert(Signal.METRICS, request.SerializeToString(), now)
    found = await store.reader.read(
        "SELECT Value, ValueInt FROM otel_metrics_gauge WHERE Environment = {environment:String} ORDER BY TimeUnix",
        {"environment": environment},
    )
    assert [tuple(row) for row in found.rows] == [(float(2**53), 2**53 + 1), (0.0, None), (None, None)]


@pytest.mark.parametrize(("limit", "count"), [(128, 128), (127, 127), (200, 128)])
async def test_attributes_beyond_the_limit_are_left_out(
    store: Store, insert: Insert, environment: str, limit: int, count: int
) -> None:
    now = time.time_ns()
    many = {f"k{number}": number for number in range(limit)}
    insert(Signal.TRACES, requests.traces(environment, [now], many).SerializeToString(), now)
    found = await attributes(store, "otel_traces", "SpanAttributes", environment)
    assert found == {f"k{number}": str(number) for number in range(count)}


async def test_a_value_beyond_the_limit_is_cut_at_a_character(store: Store, insert: Insert, environment: str) -> None:
    now = time.time_ns()
    # Three bytes a character, and 65,536 is no multiple of three.
    given = {"long": "☃" * 30_000, "fits": "x" * 65_536, "bytes": b"\xff" * 60_000}
    insert(Signal.LOGS, requests.logs(environment, [(now, now)], attributes=given).SerializeToString(), now)
    found = await attributes(store, "otel_logs", "LogAttributes", environment)
    assert found["fits"] == "x" * 65_536
    assert len(found["bytes"]) == 65_536
    kept = found["long"].rstrip("\N{REPLACEMENT CHARACTER}")
    assert kept == "☃" * 21_845
    assert len(found["long"]) - len(kept) <= 1
