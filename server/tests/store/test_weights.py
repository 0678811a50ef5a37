"""A call that its sender sampled counts for those that were dropped, and a number that rests on it says so."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from observatory import catalogue
from observatory.areas import services
from observatory.areas.presence import Presence
from observatory.otlp.signals import Signal
from observatory.store import Store, Stored

from . import requests

Insert = Callable[[Signal, bytes, int], Stored]
CALL = {"observatory.service": "credit_ledger", "observatory.caller": "external"}
STATES = {
    "": 1,
    "ot=th:0": 1,
    "ot=th:8": 2,
    "ot=th:c": 4,
    "ot=th:e6666666": 10,
    "ot=th:e6666666666668": 10,
    "ot=rv:01234567890123;th:c": 4,
    "ot=th:c;rv:01234567890123": 4,
    "rojo=th:8, ot=th:c ,other=1": 4,
    "ot=th:fffffffffffff": 1_000_000,
    "ot=th:ffffffffffffff": 1_000_000,
    # What is none says nothing: the span stands for itself.
    "ot=th:": 1,
    "ot=th:xyz": 1,
    "ot=th:e66666666666666": 1,
    "ot=x:1": 1,
    "not=th:8": 1,
    "rojo=ot=th:8": 1,
    "ot=xth:8": 1,
}


def traces(environment: str, spans: list[tuple[str, int, bool]], at_ns: int) -> bytes:
    """Calls by tracestate, duration in ms and failure."""
    request: ExportTraceServiceRequest = requests.traces(environment, [at_ns] * len(spans), CALL)
    made = request.resource_spans[0].scope_spans[0].spans
    for span, (state, ms, failed) in zip(made, spans, strict=True):
        span.trace_state, span.span_id, span.trace_id = state, uuid.uuid4().bytes[:8], uuid.uuid4().bytes
        span.end_time_unix_nano = span.start_time_unix_nano + ms * 1_000_000
        span.status.code = 2 if failed else 0
    return request.SerializeToString()


async def weights(store: Store, environment: str) -> dict[str, set[int]]:
    found = await store.reader.read(
        "SELECT TraceState, groupUniqArray(Weight) FROM otel_traces "
        "WHERE Environment = {environment:String} GROUP BY TraceState",
        {"environment": environment},
    )
    return {state: set(each) for state, each in found.rows}


async def test_a_threshold_says_for_how_many_a_span_stands(store: Store, insert: Insert, environment: str) -> None:
    now = time.time_ns()
    insert(Signal.TRACES, traces(environment, [(state, 1, False) for state in STATES], now), now)
    assert await weights(store, environment) == {state: {weight} for state, weight in STATES.items()}
    kept = await store.reader.read(
        "SELECT sum(Weight), count() FROM fact_calls WHERE Environment = {environment:String}",
        {"environment": environment},
    )
    assert kept.rows == [(sum(STATES.values()), len(STATES))]


async def test_a_fraction_is_right_on_average_and_the_same_when_inserted_again(
    store: Store, insert: Insert, environment: str
) -> None:
    now = time.time_ns()
    body = traces(environment, [("ot=th:b3333333", 1, False)] * 6_000, now)
    insert(Signal.TRACES, body, now)
    assert await weights(store, environment) == {"ot=th:b3333333": {3, 4}}
    (kept,) = (
        await store.reader.read(
            "SELECT sum(Weight), (SELECT sum(Calls) FROM rollup_services_1m WHERE Environment = {environment:String})"
            " FROM fact_calls WHERE Environment = {environment:String}",
            {"environment": environment},
        )
    ).rows
    # 6,000 kept of 20,000 by three tenths: five standard deviations of the fractions are 183 calls.
    assert kept[0] == kept[1] == pytest.approx(20_000, abs=183)


async def see(store: Store, environment: str) -> Any:
    at = datetime.now(UTC)
    since = at - timedelta(days=1)
    presence = Presence((service.id for service in catalogue.load().services), since, most=10_000)
    await presence.read(store.reader, at)
    traffic = (await services.read(store.reader, at, since))[environment]
    presence.called((environment, each.service, each.first_at, each.seen_at) for each in traffic.services.values())
    sights = services.sights(catalogue.load(), environment, traffic, presence, at)
    return sights["credit_ledger"], services.edges(environment, traffic, presence, at)[0]


async def test_rate_errors_and_percentiles_are_those_of_all_calls_and_estimated(
    store: Store, insert: Insert, environment: str
) -> None:
    now = time.time_ns() - 20 * 10**9
    # 1,000 calls: a tenth of the 980 quick ones is kept, and all of the failed and the slow.
    quick = [("ot=th:e6666666", 10, False)] * 98
    insert(Signal.TRACES, traces(environment, [*quick, *[("ot=th:0", 500, True)] * 20], now), now)
    sight, edge = await see(store, environment)
    assert sight.rate.value * sight.rate.window_s == pytest.approx(1_000, rel=0.03)
    assert sight.error_rate.value == pytest.approx(0.02)
    assert sight.errors_by_exception.value == 20
    assert (sight.p50.value, sight.p95.value, sight.p99.value) == (10, 10, 500)
    assert sight.error_rate.samples == sight.rate.samples == 118
    told = (sight.rate, sight.error_rate, sight.errors_by_exception, sight.p50, sight.p99, edge.rate, edge.error_rate)
    assert all(each.estimated for each in told)
    assert edge.rate.value == sight.rate.value
    rolled = await store.reader.read(
        "SELECT sum(Calls), sum(Failures), max(Estimated), quantilesDDMerge(0.01, 0.5, 0.95, 0.99)(Latency)"
        " FROM rollup_services_10s WHERE Environment = {environment:String}",
        {"environment": environment},
    )
    ((calls, failures, estimated, (p50, p95, p99)),) = rolled.rows
    assert (calls, failures, estimated) == (1_000, 20, 1)
    assert (p50, p95, p99) == (
        pytest.approx(10, rel=0.011),
        pytest.approx(10, rel=0.011),
        pytest.approx(500, rel=0.011),
    )


async def test_calls_that_were_not_sampled_are_exact(store: Store, insert: Insert, environment: str) -> None:
    now = time.time_ns() - 20 * 10**9
    insert(Signal.TRACES, traces(environment, [("", ms, False) for ms in range(10, 110, 10)], now), now)
    sight, edge = await see(store, environment)
    assert (sight.p50.value, sight.p95.value) == (pytest.approx(55), pytest.approx(95.5))
    assert not any(each.estimated for each in (sight.rate, sight.error_rate, sight.p50, edge.rate, edge.p95))
