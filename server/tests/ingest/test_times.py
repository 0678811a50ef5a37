"""Telemetry of absurd times is rejected with a count, to its sender alone, and makes no partitions."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import bodies
import pytest
from doorway import Doors
from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from observatory.clock import Clock, HeldClock
from observatory.ingest import Pace
from observatory.store import Store

DAY_S = 86_400
DAY_NS = DAY_S * 1_000_000_000
TABLES = {"traces": "otel_traces", "logs": "otel_logs", "metrics": "otel_metrics_gauge"}
ABSURD = {
    "the year 1970": lambda now: 10_000_000,
    "36 days ago": lambda now: now - 36 * DAY_NS,
    "11 minutes ahead": lambda now: now + 11 * 60 * 1_000_000_000,
    "the year 2200": lambda now: 7_258_118_400_000_000_000,
    "the last instant of all": lambda now: 2**64 - 1,
}


def request(signal: str, environment: str, at_ns: int) -> bytes:
    """Two items at a time."""
    if signal == "traces":
        return bodies.traces(environment, 2, at_ns).data
    return (bodies.logs if signal == "logs" else bodies.metrics)(environment, 2, at_ns)


def rejected(signal: str, content: bytes) -> tuple[int, str]:
    """The count and the message of a reply."""
    if signal == "traces":
        traces = ExportTraceServiceResponse.FromString(content).partial_success
        return traces.rejected_spans, traces.error_message
    if signal == "logs":
        logs = ExportLogsServiceResponse.FromString(content).partial_success
        return logs.rejected_log_records, logs.error_message
    points = ExportMetricsServiceResponse.FromString(content).partial_success
    return points.rejected_data_points, points.error_message


async def count(store: Store, signal: str, environment: str) -> int:
    """How many items of the environment are stored."""
    name = "ResourceAttributes['deployment.environment.name']"
    sql = f"SELECT count() FROM {TABLES[signal]} WHERE {name} = {{environment:String}}"
    return int((await store.reader.read(sql, {"environment": environment})).rows[0][0])


async def partitions(store: Store) -> set[str]:
    """The days that any table has."""
    sql = "SELECT DISTINCT partition FROM system.parts WHERE database = currentDatabase() AND active"
    return {row[0] for row in (await store.reader.read(sql)).rows}


@pytest.mark.parametrize("signal", TABLES)
@pytest.mark.parametrize("when", ABSURD)
async def test_an_absurd_time_is_rejected_with_a_count(
    doors: Doors, store: Store, environment: str, signal: str, when: str
) -> None:
    clock = HeldClock(datetime.now(UTC))
    async with doors.open(clock) as door:
        before = await partitions(store)
        answer = await door.send(request(signal, environment, ABSURD[when](clock.now_ns())), f"/v1/{signal}")
        assert answer.status_code == 200
        number, why = rejected(signal, answer.content)
        assert number == 2
        assert "time" in why
        assert door.metric("rejected_items_total", signal=signal, reason="time") == 2
        assert door.metric("rows_total") == 0
        assert await count(store, signal, environment) == 0
        assert await partitions(store) <= before


@pytest.mark.parametrize("signal", TABLES)
@pytest.mark.parametrize("ago_s", [-599, 0, 35 * DAY_S - 1])
async def test_a_time_just_within_the_limits_is_taken(
    doors: Doors, store: Store, environment: str, signal: str, ago_s: int
) -> None:
    clock = HeldClock(datetime.now(UTC))
    async with doors.open(clock) as door:
        at_ns = clock.now_ns() - ago_s * 1_000_000_000
        answer = await door.send(request(signal, environment, at_ns), f"/v1/{signal}")
        assert (answer.status_code, answer.content) == (200, b"")
        assert door.metric("rows_total") == 2


async def test_each_sender_is_told_its_own_count_and_the_others_are_stored(
    doors: Doors, store: Store, environment: str
) -> None:
    now = bodies.now_ns()
    mixed = ExportTraceServiceRequest.FromString(bodies.traces(environment, 3, now).data)
    mixed.MergeFromString(bodies.traces(environment, 5, 1_000_000_000).data)
    sent = [
        bodies.traces(environment, 4, now).data,
        mixed.SerializeToString(),
        bodies.traces(environment, 2, 1_000_000_000).data,
        bodies.traces(environment, 1, now).data,
    ]
    async with replace(doors, pace=Pace(linger_s=0.3)).open(Clock()) as door:
        answers = await asyncio.gather(*(door.send(data) for data in sent))
        assert door.metric("commits_total") == 1
        assert [rejected("traces", answer.content)[0] for answer in answers] == [0, 5, 2, 0]
        assert answers[0].content == b""
        assert door.metric("rows_total") == 8
    assert await count(store, "traces", environment) == 8


async def test_a_json_sender_is_told_in_json(doors: Doors, environment: str) -> None:
    body = bodies.as_json(bodies.traces(environment, 2, 1_000_000_000).data)
    async with doors.open(Clock()) as door:
        answer = await door.send(body, content_type="application/json")
    reply = json_format.Parse(answer.content, ExportTraceServiceResponse())
    assert reply.partial_success.rejected_spans == 2
    assert answer.json()["partialSuccess"]["rejectedSpans"] == "2"


async def test_a_span_that_began_in_time_but_ends_in_the_future_is_rejected(doors: Doors, environment: str) -> None:
    now = bodies.now_ns()
    request = ExportTraceServiceRequest.FromString(bodies.traces(environment, 1, now).data)
    request.resource_spans[0].scope_spans[0].spans[0].end_time_unix_nano = now + 3_600 * 1_000_000_000
    async with doors.open(Clock()) as door:
        answer = await door.send(request.SerializeToString())
    assert rejected("traces", answer.content)[0] == 1


async def test_a_record_without_any_time_takes_that_of_its_arrival(
    doors: Doors, store: Store, environment: str
) -> None:
    request = ExportLogsServiceRequest.FromString(bodies.logs(environment, 1))
    request.resource_logs[0].scope_logs[0].log_records[0].time_unix_nano = 0
    clock = HeldClock(datetime.now(UTC))
    async with doors.open(clock) as door:
        assert (await door.send(request.SerializeToString(), "/v1/logs")).content == b""
    name = "ResourceAttributes['deployment.environment.name']"
    sql = f"SELECT Timestamp FROM otel_logs WHERE {name} = {{environment:String}}"
    ((at,),) = (await store.reader.read(sql, {"environment": environment})).rows
    assert abs(at.replace(tzinfo=UTC) - clock.now()) < timedelta(seconds=1)
