"""What is about to be inserted is on disk first, and is inserted from there when nobody else can."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import bodies
import pytest
from doorway import Doors
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from serving import Serving

from observatory.clock import HeldClock
from observatory.errors import StoreError
from observatory.ingest.intents import Body, Intents, digest_of
from observatory.otlp.signals import Signal
from observatory.store import Batch, Store, Stored, Writer

ARRIVAL_NS = 1_795_000_000_000_000_000
on_one_folder = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
payloads = st.lists(st.binary(max_size=400), max_size=8)


def body(data: bytes, signal: Signal = Signal.TRACES) -> Body:
    """A body as the door knows it."""
    return Body(digest_of(signal, data), data)


def written(folder: Path, data: list[bytes], signal: Signal = Signal.TRACES) -> Batch:
    """One open intent in an otherwise empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    return Intents(folder).open(signal, uuid.uuid4().hex, ARRIVAL_NS, [body(each, signal) for each in data])


@on_one_folder
@given(data=payloads, signal=st.sampled_from(Signal))
def test_an_open_intent_is_read_back_as_it_was_written(tmp_path: Path, data: list[bytes], signal: Signal) -> None:
    batch = written(tmp_path / "intents", data, signal)
    assert list(Intents(tmp_path / "intents").left()) == [(batch, [body(each, signal) for each in data])]


@on_one_folder
@given(data=payloads, cut=st.integers(min_value=0))
def test_an_intent_that_was_cut_off_is_forgotten(tmp_path: Path, data: list[bytes], cut: int) -> None:
    path = written(tmp_path / "intents", data).path
    whole = path.read_bytes()
    path.write_bytes(whole[: cut % len(whole)])
    assert list(Intents(tmp_path / "intents").left()) == []
    assert not path.exists()


@on_one_folder
@given(data=payloads.filter(any), place=st.integers(min_value=0), wrong=st.integers(min_value=1, max_value=255))
def test_an_intent_with_a_wrong_byte_is_forgotten(tmp_path: Path, data: list[bytes], place: int, wrong: int) -> None:
    path = written(tmp_path / "intents", data).path
    damaged = bytearray(path.read_bytes())
    damaged[place % len(damaged)] ^= wrong
    path.write_bytes(damaged)
    assert list(Intents(tmp_path / "intents").left()) == []


@pytest.mark.parametrize("count", [1, 999, 1_000, 2_500])
def test_many_bodies_are_one_intent(tmp_path: Path, count: int) -> None:
    data = [number.to_bytes(4) for number in range(count)]
    written(tmp_path / "intents", data)
    ((_, found),) = Intents(tmp_path / "intents").left()
    assert [each.data for each in found] == data


def test_what_is_no_intent_is_cleared_away(tmp_path: Path) -> None:
    intents = Intents(tmp_path)
    (tmp_path / "something.intent").write_bytes(b"")
    (tmp_path / f"{uuid.uuid4().hex}.profiles.7.intent").write_bytes(b"")
    assert list(intents.left()) == []
    assert list(tmp_path.iterdir()) == []


def test_a_start_inserts_what_was_left_open_and_knows_its_bodies(tmp_path: Path) -> None:
    server = Serving(tmp_path / "data")
    intents = Intents(tmp_path / "data" / "intents")
    known, cut = bodies.traces("left", 5), bodies.traces("left", 7)
    server.start()
    server.kill()
    # As a kill leaves it between the intent and the insert, and another in the middle of writing the intent.
    intents.open(Signal.TRACES, uuid.uuid4().hex, bodies.now_ns(), [body(known.data), body(b"\x0a\x00")])
    half = intents.open(Signal.TRACES, uuid.uuid4().hex, bodies.now_ns(), [body(cut.data)]).path
    half.write_bytes(half.read_bytes()[:-1])
    try:
        server.start()
        assert server.metric("replayed_intents_total") == 1
        assert server.metric("rows_total") == 5
        assert server.post(known.data).content == b""
        assert server.metric("duplicate_bodies_total") == 1
        assert server.post(cut.data).content == b""
        assert server.stop() == 0
        assert server.rows("SELECT count(), uniqExact(SpanId) FROM otel_traces") == [[[12, 12]]]
        assert list(intents.left()) == []
    finally:
        server.end()


class Unreliable(Writer):
    """A store that stores, and then says that it failed: as often as it is told to.

    It stands in for a connection that breaks after the insert, which the real engine cannot be made to do.
    """

    def __init__(self, real: Writer, failures: int) -> None:
        self._real = real
        self.failures = failures
        self.ids: list[str] = []

    def insert(self, batch: Batch) -> Stored:
        self.ids.append(batch.id)
        found = self._real.insert(batch)
        if self.failures:
            self.failures -= 1
            raise StoreError("the answer was lost")
        return found


def unreliable(store: Store, failures: int) -> Mapping[Signal, Unreliable]:
    """Writers that fail."""
    return {signal: Unreliable(writer, failures) for signal, writer in store.writers.items()}


async def count(store: Store, environment: str) -> int:
    """How many spans of the environment are stored."""
    sql = "SELECT count() FROM otel_traces WHERE Environment = {environment:String}"
    return int((await store.reader.read(sql, {"environment": environment})).rows[0][0])


async def test_a_batch_that_failed_is_inserted_again_under_its_id(doors: Doors, store: Store, environment: str) -> None:
    clock, writers = HeldClock(datetime.now(UTC)), unreliable(store, failures=3)
    async with replace(doors, writers=writers).open(clock) as door:
        answer = await door.send(bodies.traces(environment, 4, clock.now_ns()).data)
        assert (answer.status_code, answer.content) == (200, b"")
        assert door.metric("commit_failures_total") == 3
    ids = writers[Signal.TRACES].ids
    assert (len(ids), len(set(ids))) == (4, 1)
    assert await count(store, environment) == 4
    assert not list((doors.folder / "intents").glob("*.intent"))


async def test_a_batch_that_fails_for_ever_is_put_aside_and_the_next_is_taken(
    doors: Doors, store: Store, environment: str
) -> None:
    clock, writers = HeldClock(datetime.now(UTC)), unreliable(store, failures=1_000)
    data = bodies.traces(environment, 4, clock.now_ns()).data
    async with replace(doors, writers=writers).open(clock) as door:
        refused = await door.send(data)
        assert refused.status_code == 503
        assert int(refused.headers["retry-after"]) > 0
        assert door.metric("queue_bytes") == 0
        writers[Signal.TRACES].failures = 0
        assert (await door.send(bodies.traces(environment, 1, clock.now_ns()).data)).status_code == 200
    assert len(list((doors.folder / "intents" / "quarantine").iterdir())) == 1
    assert list(Intents(doors.folder / "intents").left()) == []
    async with doors.open(clock) as door:
        assert (await door.send(data)).status_code == 200, "the sender comes again, after a restart"
    assert await count(store, environment) == 5, "the part that was stored is completed and not stored twice"
    assert list((doors.folder / "intents" / "quarantine").iterdir()) == []


async def test_a_body_of_a_batch_put_aside_completes_that_batch(doors: Doors, store: Store, environment: str) -> None:
    clock, writers = HeldClock(datetime.now(UTC)), unreliable(store, failures=1_000)
    data = bodies.traces(environment, 4, clock.now_ns()).data
    async with replace(doors, writers=writers).open(clock) as door:
        assert [(await door.send(data)).status_code for _ in range(3)] == [503, 503, 503]
        writers[Signal.TRACES].failures = 0
        assert (await door.send(data)).status_code == 200
        assert (await door.send(data)).status_code == 200, "known again"
    assert await count(store, environment) == 4


async def test_a_disk_that_refuses_the_intent_refuses_the_body(doors: Doors, store: Store, environment: str) -> None:
    clock, folder = HeldClock(datetime.now(UTC)), doors.folder / "intents"
    data = bodies.traces(environment, 4, clock.now_ns()).data
    async with doors.open(clock) as door:
        shutil.rmtree(folder)
        refused = await door.send(data)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
        assert await count(store, environment) == 0
        folder.mkdir()
        assert (await door.send(data)).status_code == 200
        assert await count(store, environment) == 4
