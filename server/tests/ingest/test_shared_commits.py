"""Good bodies and hostile ones in one commit: what is acknowledged is stored, only the hostile sender is refused."""

from __future__ import annotations

import asyncio
import gzip
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import bodies
import hostile
import httpx
import pytest
from doorway import Doors, Doorway
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from observatory.clock import Clock
from observatory.ingest import Pace
from observatory.store import Store

ENVIRONMENT = "shared-commits"
LIMIT = 1 << 20


class Gate(Clock):
    """The real clock, but nobody's wait for company ends before the gate is opened: so bodies share a commit."""

    def __init__(self) -> None:
        self.open = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        await self.open.wait()


@dataclass
class Parcel:
    """What one sender sends, the statuses that may answer it, and the spans that have to be stored if it is taken."""

    data: bytes
    statuses: frozenset[int]
    spans: tuple[str, ...] = ()
    headers: dict[str, str] = field(default_factory=dict)

    async def sent(self, door: Doorway) -> httpx.Response:
        return await door.send(self.data, **self.headers)


def good(spans: int, form: str) -> Parcel:
    """A request that every receiver takes, as different exporters write it."""
    body = bodies.traces(ENVIRONMENT, spans, values=bodies.GENAI)
    taken = frozenset({200})
    if form == "later":
        return Parcel(hostile.unknown_fields(body.data), taken, body.spans)
    if form == "gzip":
        return Parcel(gzip.compress(body.data), taken, body.spans, {"content_encoding": "gzip"})
    if form == "json":
        return Parcel(bodies.as_json(body.data), taken, body.spans, {"content_type": "application/json"})
    return Parcel(body.data, taken, body.spans)


def refused(kind: str) -> Parcel:
    """A request that is refused whatever stands beside it."""
    return Parcel(hostile.malformed(ENVIRONMENT)[kind], frozenset({400}))


def packed(kind: str) -> Parcel:
    """Gzip that is broken, or that is a bomb."""
    whole = gzip.compress(bodies.traces(ENVIRONMENT).data)
    data = {"cut off": whole[:-9], "damaged": whole[:10] + b"\xff" * 20, "bomb": hostile.bomb(LIMIT + 1)}[kind]
    return Parcel(data, frozenset({413 if kind == "bomb" else 400}), (), {"content_encoding": "gzip"})


def damaged(place: int, wrong: int) -> Parcel:
    """A request with one wrong byte inside a whole outer frame. It may still be one, with another meaning."""
    inner = bytearray(bodies.traces(uuid.uuid4().hex, 2).data)
    del inner[: 1 + len(hostile.varint(len(inner)))]
    inner[place % len(inner)] ^= wrong
    return Parcel(hostile.message(1, bytes(inner)), frozenset({200, 400}))


parcels = st.lists(
    st.one_of(
        st.builds(good, st.integers(1, 5), st.sampled_from(["plain", "later", "gzip", "json"])),
        st.builds(good, st.integers(1, 5), st.sampled_from(["plain", "later", "gzip", "json"])),
        st.builds(refused, st.sampled_from(sorted(hostile.malformed("")))),
        st.builds(packed, st.sampled_from(["cut off", "damaged", "bomb"])),
        st.builds(damaged, st.integers(0, 1_000), st.integers(1, 255)),
        st.builds(lambda data: Parcel(data, frozenset({200, 400})), st.binary(max_size=60)),
        st.builds(lambda data: Parcel(hostile.message(1, data), frozenset({200, 400})), st.binary(max_size=60)),
    ),
    min_size=2,
    max_size=12,
)


async def together(doors: Doors, sent: list[Parcel]) -> tuple[list[httpx.Response], float]:
    """The answers to bodies that were all sent before the first commit began, and how many commits there were."""
    clock = Gate()
    async with replace(doors, pace=Pace(linger_s=60)).open(clock) as door:
        waiting = [asyncio.create_task(parcel.sent(door)) for parcel in sent]
        # All that are not refused by now are queued: nothing else is left to wait for.
        await asyncio.wait(waiting, timeout=0.15)
        clock.open.set()
        answers = list(await asyncio.gather(*waiting))
        assert door.metric("queue_bytes") == 0
        return answers, door.metric("commits_total")


async def counts(store: Store, spans: tuple[str, ...]) -> dict[str, list[int]]:
    """How often each span is in the raw table, and each trace among the calls."""
    found: dict[str, list[int]] = {span: [0, 0] for span in spans}
    for place, sql in enumerate(
        (
            "SELECT SpanId, count() FROM otel_traces WHERE SpanId IN {spans:Array(String)} GROUP BY 1",
            "SELECT left(TraceId, 16) AS Span, count() FROM fact_calls WHERE Span IN {spans:Array(String)} GROUP BY 1",
        )
    ):
        for span, times in (await store.reader.read(sql, {"spans": list(spans)})).rows:
            found[span][place] += times
    return found


async def expect_each_to_its_own(doors: Doors, store: Store, sent: list[Parcel]) -> float:
    """Every sender gets the answer that it would get alone; returns the number of commits."""
    answers, commits = await together(doors, sent)
    for parcel, answer in zip(sent, answers, strict=True):
        assert answer.status_code in parcel.statuses, (answer.status_code, answer.content, parcel.data.hex())
        if parcel.spans:
            assert answer.content in (b"", b"{}")
    spans = tuple(span for parcel in sent for span in parcel.spans)
    assert await counts(store, spans) == {span: [1, 1] for span in spans}
    return commits


def search(examples: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """How long to search. Each example is sent by one event loop of its own."""
    checks = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]
    return settings(max_examples=examples, deadline=None, suppress_health_check=checks)


shared: list[tuple[int, float]] = []


@search(25)
@given(sent=parcels)
def test_only_the_hostile_sender_is_refused(doors: Doors, store: Store, sent: list[Parcel]) -> None:
    good = sum(bool(parcel.spans) for parcel in sent)
    shared.append((good, asyncio.run(expect_each_to_its_own(doors, store, sent))))


def test_the_bodies_of_these_examples_did_share_commits() -> None:
    several = [commits for good, commits in shared if good >= 2]
    assert len(several) >= 5, "too few examples of several good bodies; run this after the search above"
    assert sum(commits == 1 for commits in several) >= len(several) * 0.7


@pytest.mark.long
@pytest.mark.timeout(1_800)
@search(500)
@given(sent=parcels)
def test_only_the_hostile_sender_is_refused_in_many_combinations(
    doors: Doors, store: Store, sent: list[Parcel]
) -> None:
    asyncio.run(expect_each_to_its_own(doors, store, sent))


async def test_one_of_sixty_four_is_found(doors: Doors, store: Store, tmp_path: Path) -> None:
    sent = [good(2, "plain") for _ in range(63)]
    sent.insert(41, refused("a wrong type deep inside"))
    assert await expect_each_to_its_own(doors, store, sent) == 1
    assert not list((tmp_path / "intents").glob("*.intent"))


async def test_a_commit_of_nothing_but_hostile_bodies_refuses_each(doors: Doors, store: Store) -> None:
    sent = [Parcel(hostile.message(1, bytes([1, number])), frozenset({400})) for number in range(8)]
    assert await expect_each_to_its_own(doors, store, sent) == 1


async def test_a_body_that_claims_more_than_it_has_swallows_nobody(doors: Doors, store: Store) -> None:
    swallowing = bodies.traces(ENVIRONMENT, 3).data + b"\x0a\xff\x7f"
    sent = [Parcel(swallowing, frozenset({400})), *(good(3, "plain") for _ in range(5))]
    await expect_each_to_its_own(doors, store, sent)


async def test_bodies_of_two_signals_do_not_wait_for_each_other(doors: Doors, environment: str) -> None:
    async with doors.open(Clock()) as door:
        answers = await asyncio.gather(
            *(door.send(bodies.traces(environment, 2).data) for _ in range(5)),
            *(door.send(bodies.logs(environment, 2), "/v1/logs") for _ in range(5)),
            *(door.send(bodies.metrics(environment, 2), "/v1/metrics") for _ in range(5)),
        )
        assert {(answer.status_code, answer.content) for answer in answers} == {(200, b"")}
        assert door.metric("rows_total") == 30
