"""A batch is stored once and whole, whatever it holds; what is rejected is counted and leaves nothing behind."""

from __future__ import annotations

import math
import random
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from observatory.errors import MalformedBody
from observatory.otlp import count
from observatory.otlp.signals import Signal
from observatory.store import Batch, Limits, Store, Stored, Writer

from ..otlp.samples import Sampler
from . import requests
from .reference import Bounds

Insert = Callable[[Signal, bytes, int], Stored]
Window = Callable[[], Bounds]
DAY_NS = 86_400 * 10**9
OLDEST_NS = Limits().oldest_s * 10**9
AHEAD_NS = Limits().ahead_s * 10**9
TARGETS = ("otel_traces", "fact_calls", "rollup_services_10s", "rollup_edges_1m")


async def scalar(store: Store, sql: str, **parameters: object) -> Any:
    ((value,),) = (await store.reader.read(sql, parameters)).rows
    return value


async def calls(store: Store, environment: str) -> dict[str, int]:
    """Spans of an environment in every target of traces."""
    how = {table: "sum(Calls)" if table.startswith("rollup") else "count()" for table in TARGETS}
    sql = "SELECT {} FROM {} WHERE Environment = {{environment:String}}"
    return {table: await scalar(store, sql.format(how[table], table), environment=environment) for table in TARGETS}


def batch(tmp_path: Path, signal: Signal, body: bytes, arrival_ns: int) -> Batch:
    path = tmp_path / f"{uuid.uuid4().hex}.pb"
    path.write_bytes(body)
    return Batch(signal, uuid.uuid4().hex, arrival_ns, path)


async def test_the_same_batch_inserted_twice_is_stored_once_in_every_target(
    store: Store, environment: str, tmp_path: Path
) -> None:
    now = time.time_ns()
    # Several days, because each partition remembers for itself.
    starts = [now - day * DAY_NS - second * 10**9 for day in range(4) for second in range(50)]
    body = requests.traces(environment, starts).SerializeToString()
    repeated = batch(tmp_path, Signal.TRACES, body, now)
    for _ in range(3):
        assert store.writers[Signal.TRACES].insert(repeated) == Stored(200, 0)
    assert await calls(store, environment) == dict.fromkeys(TARGETS, 200)


async def test_the_same_bytes_in_another_batch_are_stored_again(store: Store, environment: str, tmp_path: Path) -> None:
    now = time.time_ns()
    body = requests.traces(environment, [now]).SerializeToString()
    for _ in range(2):
        store.writers[Signal.TRACES].insert(batch(tmp_path, Signal.TRACES, body, now))
    assert await calls(store, environment) == dict.fromkeys(TARGETS, 2)


@pytest.mark.parametrize("signal", [Signal.LOGS, Signal.METRICS])
async def test_logs_and_metrics_inserted_twice_are_stored_once(
    store: Store, environment: str, tmp_path: Path, signal: Signal
) -> None:
    now = time.time_ns()
    if signal == Signal.LOGS:
        body, tables = requests.logs(environment, [(now, now)]).SerializeToString(), {"otel_logs": 1}
    else:
        body, tables = requests.metrics(environment, [now]).SerializeToString(), {"otel_metrics_sum": 1}
        tables |= {"otel_metrics_summary": 1, "fact_points": 3}
    repeated = batch(tmp_path, signal, body, now)
    for _ in range(2):
        store.writers[signal].insert(repeated)
    for table, rows in tables.items():
        sql = f"SELECT count() FROM {table} WHERE Environment = {{environment:String}}"
        assert await scalar(store, sql, environment=environment) == rows


async def test_a_large_batch_is_one_part_per_partition_and_one_count(
    store: Store, insert: Insert, environment: str
) -> None:
    now = time.time_ns()
    starts = [now - number * 1_000 for number in range(70_000)]
    body = requests.traces(environment, starts).SerializeToString()
    newest = "SELECT max(max_block_number) FROM system.parts WHERE table = {table:String} AND partition = {day:String}"
    day = time.strftime("%Y-%m-%d", time.gmtime(now / 1e9))
    before = [await scalar(store, newest, table=table, day=day) for table in ("otel_traces", "fact_calls")]
    assert insert(Signal.TRACES, body, now) == Stored(70_000, 0)
    after = [await scalar(store, newest, table=table, day=day) for table in ("otel_traces", "fact_calls")]
    assert [last - first for first, last in zip(before, after, strict=True)] == [1, 1]
    assert await calls(store, environment) == dict.fromkeys(TARGETS, 70_000)


async def test_every_day_that_is_accepted_fits_in_one_batch(store: Store, insert: Insert, environment: str) -> None:
    now = time.time_ns()
    starts = [now - day * DAY_NS for day in range(Limits().oldest_s // 86_400)]
    assert insert(Signal.TRACES, requests.traces(environment, starts).SerializeToString(), now) == Stored(35, 0)
    # The raw rows may be past their retention already; the facts are kept longer.
    sql = "SELECT uniqExact(toDate(Timestamp)) FROM fact_calls WHERE Environment = {environment:String}"
    assert await scalar(store, sql, environment=environment) == 35


def edges(now: int) -> list[tuple[int, bool]]:
    """Times, and whether each is accepted."""
    return [
        (now - OLDEST_NS, True),
        (now - OLDEST_NS - 1, False),
        (now + AHEAD_NS, True),
        (now + AHEAD_NS + 1, False),
        (0, False),
        (1, False),
        (2**63 - 1, False),
        (2**63, False),
        (2**64 - 1, False),
    ]


async def partitions(store: Store) -> set[tuple[str, str]]:
    found = await store.reader.read("SELECT table, partition FROM system.parts WHERE database = currentDatabase()")
    return {(table, partition) for table, partition in found.rows}


@pytest.mark.parametrize("signal", Signal)
async def test_absurd_times_are_rejected_with_their_count_and_make_no_partition(
    store: Store, insert: Insert, environment: str, signal: Signal
) -> None:
    now = time.time_ns()
    insert(signal, absurd_only(signal, environment, [now - OLDEST_NS, now + AHEAD_NS]), now)
    before = await partitions(store)
    body = absurd_only(signal, environment, [at for at, accepted in edges(now) if not accepted])
    items = count.absurd(signal, body, now - OLDEST_NS, now + AHEAD_NS)
    assert insert(signal, body, now) == Stored(items, items)
    assert await partitions(store) <= before


def absurd_only(signal: Signal, environment: str, times: list[int]) -> bytes:
    if signal == Signal.TRACES:
        # A span is no longer than nothing here, so that only its start decides.
        return requests.traces(environment, times, lasting_ns=0).SerializeToString()
    if signal == Signal.LOGS:
        return requests.logs(environment, [(at, at) for at in times if at]).SerializeToString()
    return requests.metrics(environment, times).SerializeToString()


@pytest.mark.parametrize("signal", Signal)
def test_the_edges_of_what_is_accepted_are_the_same_in_the_store_and_in_the_count(
    insert: Insert, environment: str, signal: Signal
) -> None:
    now = time.time_ns()
    body = absurd_only(signal, environment, [at for at, _ in edges(now)])
    stored = insert(signal, body, now)
    assert stored.rejected == count.absurd(signal, body, now - OLDEST_NS, now + AHEAD_NS)
    assert stored.items - stored.rejected == (2 if signal != Signal.METRICS else 2 * 5)


async def test_a_span_that_ends_too_far_ahead_is_rejected(insert: Insert, environment: str) -> None:
    now = time.time_ns()
    body = requests.traces(environment, [now], lasting_ns=AHEAD_NS + 1).SerializeToString()
    assert insert(Signal.TRACES, body, now) == Stored(1, 1)


async def test_a_record_without_its_own_time_takes_that_of_observation_and_then_that_of_arrival(
    store: Store, insert: Insert, environment: str
) -> None:
    now = time.time_ns()
    body = requests.logs(environment, [(now - 3, now - 2), (0, now - 1), (0, 0)]).SerializeToString()
    assert insert(Signal.LOGS, body, now) == Stored(3, 0)
    found = await store.reader.read(
        "SELECT toUnixTimestamp64Nano(Timestamp) FROM otel_logs WHERE Environment = {environment:String} ORDER BY 1",
        {"environment": environment},
    )
    assert [row[0] for row in found.rows] == [now - 3, now - 1, now]


def test_an_empty_request_holds_nothing(insert: Insert) -> None:
    for signal in Signal:
        assert insert(signal, b"", time.time_ns()) == Stored(0, 0)


HOSTILE = {
    "NaN": math.nan,
    "infinity": math.inf,
    "2^63": -(2**63),
    "empty": "",
    "a megabyte": "x" * (1 << 20),
    "NUL": "\0" * 100,
    "numbers in words": "1e999999",
    "nested": [[[[[[1]]]]]],
}
NAMES = (
    "observatory.service",
    "observatory.caller",
    "observatory.feature",
    "observatory.outcome",
    "user.id",
    "user.cohort",
    "",
)


@pytest.mark.parametrize("signal", Signal)
def test_hostile_values_never_refuse_an_insert(insert: Insert, environment: str, signal: Signal) -> None:
    now = time.time_ns()
    joined, items = b"", 0
    for given in HOSTILE.values():
        attributes = dict.fromkeys(NAMES, given)
        if signal == Signal.TRACES:
            request: Any = requests.traces(environment, [now], attributes)
            bare = request.resource_spans.add().scope_spans.add().spans.add(start_time_unix_nano=now)
            bare.end_time_unix_nano = now + AHEAD_NS
            items += 2
        elif signal == Signal.LOGS:
            request = requests.logs(environment, [(now, 2**64 - 1)], given, attributes)
            request.resource_logs.add().scope_logs.add().log_records.add()
            items += 2
        else:
            request = requests.metrics(environment, [now], attributes)
            point = request.resource_metrics.add().scope_metrics.add().metrics.add().sum.data_points.add()
            point.time_unix_nano, point.as_double = now, math.nan
            items += 6
        joined += request.SerializeToString()
    assert insert(signal, joined, now) == Stored(items, 0)


async def test_a_span_of_every_length_leaves_a_quantile(store: Store, insert: Insert, environment: str) -> None:
    now = time.time_ns()
    for lasting in (0, 1, AHEAD_NS, OLDEST_NS - 10**9):
        start = now if lasting <= AHEAD_NS else now - lasting
        body = requests.traces(environment, [start], lasting_ns=lasting).SerializeToString()
        assert insert(Signal.TRACES, body, now) == Stored(1, 0)
    sql = (
        "SELECT quantilesDDMerge(0.01, 0.5, 0.95, 0.99)(Latency)[3] FROM rollup_services_1m "
        "WHERE Environment = {environment:String}"
    )
    assert await scalar(store, sql, environment=environment) > 0


def mangled(chance: random.Random, body: bytes) -> bytes:
    """The body with some bytes changed, so that some of it is still understood."""
    changed = bytearray(body)
    for _ in range(chance.choice((1, 1, 2, 5, 40))):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


@pytest.mark.parametrize(
    "seeds", [pytest.param(range(12), id="dozen"), pytest.param(range(1_000, 1_400), id="many", marks=pytest.mark.long)]
)
def test_mangled_bodies_are_refused_as_malformed_or_stored_and_never_fail_the_store(
    insert: Insert, window: Window, seeds: range
) -> None:
    outcomes = set()
    for seed in seeds:
        chance, bounds = random.Random(seed), window()
        signal = chance.choice(list(Signal))
        body = Sampler(chance, (bounds.arrival, bounds.arrival + 10**9)).request(signal, 3).SerializeToString()
        try:
            insert(signal, mangled(chance, body), bounds.arrival)
            outcomes.add("stored")
        except MalformedBody:
            outcomes.add("refused")
    assert outcomes == {"stored", "refused"}


BAD = {
    "text": b"this is no protobuf at all",
    "cut off": None,
    "a zero behind it": None,
    "a number for a name": b"\x0a\x06\x12\x04\x12\x02\x28\x01",
    "a time as a number": b"\x0a\x06\x12\x04\x12\x02\x38\x01",
    "an inner length beyond the end": b"\x0a\x07\x12\x05\x12\x7fabc",
    "a flag that is neither true nor false": b"\x0a\x0c\x12\x0a\x12\x08\x4a\x06\x12\x04\x10\x02\x0a\x00",
}


@pytest.mark.parametrize("body", BAD.values(), ids=BAD)
async def test_bytes_that_are_no_request_are_refused_and_the_next_good_batch_is_stored(
    store: Store, insert: Insert, environment: str, request: pytest.FixtureRequest, body: bytes | None
) -> None:
    now = time.time_ns()
    good = requests.traces(environment, [now]).SerializeToString()
    if body is None:
        body = good[:-1] if "cut off" in request.node.name else good + b"\0"
    with pytest.raises(MalformedBody, match="not a request of traces"):
        insert(Signal.TRACES, body, now)
    # Joined behind a good one it refuses the whole, and nothing of the good one is stored.
    with pytest.raises(MalformedBody):
        insert(Signal.TRACES, good + body, now)
    assert insert(Signal.TRACES, good, now) == Stored(1, 0)
    assert await calls(store, environment) == dict.fromkeys(TARGETS, 1)


@pytest.mark.parametrize("sent", Signal)
@pytest.mark.parametrize("taken", Signal)
@pytest.mark.parametrize("last_byte", [0x02, 0xFF])
def test_a_request_of_another_signal_is_refused_or_nothing_of_it_is_kept(
    insert: Insert, environment: str, sent: Signal, taken: Signal, last_byte: int
) -> None:
    # The parser may take the first byte of a fixed number for a length, and a short one for a short text.
    now = time.time_ns() // 256 * 256 + last_byte
    bodies = {
        Signal.TRACES: requests.traces(environment, [now], {"k": 1}),
        Signal.LOGS: requests.logs(environment, [(now, now)], attributes={"k": 1}),
        Signal.METRICS: requests.metrics(environment, [now], {"k": 1}),
    }
    body = bodies[sent].SerializeToString()
    if sent == taken:
        assert insert(taken, body, now).rejected == 0
        return
    try:
        stored = insert(taken, body, now)
    except MalformedBody:
        return
    assert stored.items == stored.rejected


def test_a_request_of_another_signal_that_says_too_little_to_be_told_apart_is_rejected_by_its_time(
    insert: Insert, environment: str
) -> None:
    # Without any time a log record is, byte for byte, a span without one: read as such, and too old.
    body = requests.logs(environment, [(0, 0)]).SerializeToString()
    assert insert(Signal.TRACES, body, time.time_ns()) == Stored(1, 1)


async def test_a_writer_of_a_server_sends_the_schema_along_and_stores_the_same(
    store: Store, environment: str, tmp_path: Path
) -> None:
    # The embedded engine reads what a server would be sent: text for a schema, the bytes in the request.
    over_wire = Writer(store.writers[Signal.TRACES]._client, embedded=False, schemas=tmp_path)
    now = time.time_ns()
    body = requests.traces(environment, [now - second * 10**9 for second in range(20)]).SerializeToString()
    sent = batch(tmp_path, Signal.TRACES, body, now)
    assert [over_wire.insert(sent) for _ in range(2)] == [Stored(20, 0)] * 2
    assert await calls(store, environment) == dict.fromkeys(TARGETS, 20)
    with pytest.raises(MalformedBody):
        over_wire.insert(batch(tmp_path, Signal.TRACES, b"\x0a\x05rubbi", now))


@pytest.mark.parametrize("signal", [Signal.LOGS, Signal.METRICS])
def test_every_signal_goes_over_the_wire(store: Store, tmp_path: Path, signal: Signal) -> None:
    over_wire = Writer(store.writers[signal]._client, embedded=False, schemas=tmp_path)
    now = time.time_ns()
    body = Sampler(random.Random(5), (now - 10**9, now), ()).request(signal, 10).SerializeToString()
    inserted = [writer.insert(batch(tmp_path, signal, body, now)) for writer in (store.writers[signal], over_wire)]
    assert inserted[0] == inserted[1]
    assert inserted[0].items > 0
