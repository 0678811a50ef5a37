"""A body sent again is acknowledged and not stored twice, for as long as a sender may send it again."""

from __future__ import annotations

import asyncio
import gzip
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import bodies
import grpc
import httpx
import pytest
from doorway import WINDOW_S, Doors
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from serving import Serving

from observatory.clock import Clock, HeldClock
from observatory.ingest import Pace
from observatory.store import Store

TRACES = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


@pytest.fixture
def clock() -> HeldClock:
    return HeldClock(datetime.now(UTC))


async def stored(store: Store, environment: str) -> int:
    """How many spans of the environment are stored, by the raw table, the calls and each rollup alike."""
    counts = set()
    for count in (
        "SELECT count() FROM otel_traces",
        "SELECT count() FROM fact_calls",
        "SELECT sum(Calls) FROM rollup_services_10s",
        "SELECT sum(Calls) FROM rollup_services_1m",
        "SELECT sum(Calls) FROM rollup_edges_10s",
        "SELECT sum(Calls) FROM rollup_edges_1m",
    ):
        sql = f"{count} WHERE Environment = {{environment:String}}"
        counts.add((await store.reader.read(sql, {"environment": environment})).rows[0][0])
    assert len(counts) == 1, counts
    return int(counts.pop())


async def test_an_identical_body_is_stored_once_within_ten_minutes(
    doors: Doors, store: Store, environment: str, clock: HeldClock
) -> None:
    body = bodies.traces(environment, 3, clock.now_ns()).data
    async with doors.open(clock) as door:
        assert (await door.send(body)).status_code == 200
        clock.advance(WINDOW_S - 1)
        assert (await door.send(body)).content == b""
        assert door.metric("duplicate_bodies_total") == 1
        assert await stored(store, environment) == 3


async def test_after_ten_minutes_an_identical_body_is_news(
    doors: Doors, store: Store, environment: str, clock: HeldClock
) -> None:
    body = bodies.traces(environment, 3, clock.now_ns()).data
    async with doors.open(clock) as door:
        await door.send(body)
        clock.advance(WINDOW_S)
        await door.send(body)
        assert door.metric("duplicate_bodies_total") == 0
        assert await stored(store, environment) == 6


async def test_a_body_is_known_after_a_restart_until_its_ten_minutes_are_over(
    doors: Doors, store: Store, environment: str, clock: HeldClock
) -> None:
    body = bodies.traces(environment, 3, clock.now_ns()).data
    async with doors.open(clock) as door:
        await door.send(body)
    clock.advance(WINDOW_S - 1)
    async with doors.open(clock) as door:
        assert (await door.send(body)).status_code == 200
        assert door.metric("duplicate_bodies_total") == 1
    clock.advance(1)
    async with doors.open(clock) as door:
        await door.send(body)
        assert door.metric("duplicate_bodies_total") == 0
    assert await stored(store, environment) == 6


async def test_old_files_of_known_bodies_are_removed(doors: Doors, environment: str, clock: HeldClock) -> None:
    async with doors.open(clock) as door:
        for _ in range(6):
            assert (await door.send(bodies.logs(environment, at_ns=clock.now_ns()), "/v1/logs")).status_code == 200
            clock.advance(WINDOW_S)
    assert len(list((doors.folder / "known").iterdir())) <= 3


async def test_a_body_is_known_again_in_another_encoding(
    doors: Doors, store: Store, environment: str, clock: HeldClock
) -> None:
    body = bodies.traces(environment, 3, clock.now_ns()).data
    async with doors.open(clock) as door:
        await door.send(body)
        assert (await door.send(gzip.compress(body), content_encoding="gzip")).status_code == 200
        assert door.metric("duplicate_bodies_total") == 1
        assert await stored(store, environment) == 3


async def test_a_body_is_known_again_while_the_first_is_on_its_way(
    doors: Doors, store: Store, environment: str
) -> None:
    body = bodies.traces(environment, 3).data
    async with replace(doors, pace=Pace(linger_s=0.2)).open(Clock()) as door:
        answers = await asyncio.gather(*(door.send(body) for _ in range(20)))
        assert {(answer.status_code, answer.content) for answer in answers} == {(200, b"")}
        assert door.metric("duplicate_bodies_total") == 19
        assert door.metric("queue_bytes") == 0
        assert await stored(store, environment) == 3


async def test_who_hangs_up_and_sends_again_is_stored_once(doors: Doors, store: Store, environment: str) -> None:
    body = bodies.traces(environment, 3).data
    async with replace(doors, pace=Pace(linger_s=0.2)).open(Clock()) as door:
        first = asyncio.create_task(door.send(body))
        while not door.metric("queue_bytes"):
            await asyncio.sleep(0.01)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        assert (await door.send(body)).status_code == 200
        assert door.metric("queue_bytes") == 0
        assert await stored(store, environment) == 3


async def test_the_same_bytes_as_another_signal_are_no_duplicate(
    doors: Doors, environment: str, clock: HeldClock
) -> None:
    nothing = b"\x0a\x00"
    async with doors.open(clock) as door:
        for path in ("/v1/traces", "/v1/logs", "/v1/metrics"):
            assert (await door.send(nothing, path)).status_code == 200
        assert door.metric("duplicate_bodies_total") == 0


async def test_a_retry_is_told_again_what_was_rejected(doors: Doors, environment: str, clock: HeldClock) -> None:
    body = bodies.traces(environment, 4, at_ns=1_000_000_000).data
    async with doors.open(clock) as door:
        first = await door.send(body)
        again = await door.send(body)
    async with doors.open(clock) as door:
        after_restart = await door.send(body)
        assert door.metric("duplicate_bodies_total") == 1
    for answer in (first, again, after_restart):
        reply = ExportTraceServiceResponse.FromString(answer.content)
        assert (answer.status_code, reply.partial_success.rejected_spans) == (200, 4)


async def test_what_is_stored_is_acknowledged_even_when_it_cannot_be_remembered(
    doors: Doors, store: Store, environment: str, clock: HeldClock
) -> None:
    body = bodies.traces(environment, 3, clock.now_ns()).data
    async with doors.open(clock) as door:
        shutil.rmtree(doors.folder / "known")
        assert (await door.send(body)).status_code == 200
        assert (await door.send(body)).status_code == 200
        assert door.metric("duplicate_bodies_total") == 1
    # The intent is still open: the next start inserts it again, which stores nothing, and remembers the body.
    async with doors.open(clock) as door:
        assert door.metric("replayed_intents_total") == 1
        assert (await door.send(body)).status_code == 200
        assert door.metric("duplicate_bodies_total") == 1
    assert await stored(store, environment) == 3


@pytest.fixture
def channel(served: Serving) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(served.otlp_grpc) as opened:
        yield opened


def test_a_body_is_known_again_over_another_transport_and_after_a_kill(served: Serving, channel: grpc.Channel) -> None:
    body = bodies.traces("transports", 3).data
    headers = served.headers | {"Content-Type": "application/x-protobuf"}
    metadata = [("authorization", served.headers["Authorization"])]
    assert channel.unary_unary(TRACES)(body, metadata=metadata, timeout=30) == b""
    assert httpx.post(f"{served.otlp_http}/v1/traces", content=body, headers=headers, timeout=120).status_code == 200
    assert httpx.post(f"{served.url}/v1/traces", content=body, headers=headers, timeout=120).status_code == 200
    assert (served.metric("rows_total"), served.metric("duplicate_bodies_total")) == (3, 2)
    served.kill()
    served.start()
    with grpc.insecure_channel(served.otlp_grpc) as again:
        assert again.unary_unary(TRACES)(body, metadata=metadata, timeout=30) == b""
    assert (served.metric("rows_total"), served.metric("duplicate_bodies_total")) == (0, 1)
    served.stop()
    assert served.rows("SELECT count() FROM otel_traces", "SELECT count() FROM fact_calls") == [[[3]], [[3]]]
