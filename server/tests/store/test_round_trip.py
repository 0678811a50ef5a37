"""Whatever a request holds, its rows are those of the reference: from protobuf, from JSON, in every table."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from observatory.otlp import count
from observatory.otlp.json import to_protobuf
from observatory.otlp.signals import Signal
from observatory.store import Store, Stored
from observatory_sdk.conventions import common

from ..otlp.samples import Sampler, as_json
from . import readable, reference
from .reference import Bounds, Row

Insert = Callable[[Signal, bytes, int], Stored]
Window = Callable[[], Bounds]
MINUTE_NS = 60 * 10**9
RESOURCES = 40
SEARCHED = 4


def sample(signal: Signal, seed: int, bounds: Bounds) -> Any:
    """Many random messages in one request; now and then a time that must be rejected."""
    stray = (0, 1, 2**63 - 1, 2**63, 2**64 - 1, bounds.since - 1, bounds.until + 1, bounds.until)
    near = (bounds.arrival, bounds.arrival + MINUTE_NS)
    request = Sampler(random.Random(seed), near, stray).request(signal, RESOURCES)
    # Among many random bytes some look like a secret once they are text: these come as the SDK sends them. The first
    # few hold none, and come by the way that is searched.
    if seed > SEARCHED:
        for group in getattr(request, f"resource_{'spans' if signal is Signal.TRACES else signal.value}"):
            group.resource.attributes.add(key=common.REDACTED.name)
    return request


async def assert_rows(store: Store, table: str, column: str, bounds: Bounds, expected: Iterable[Row]) -> int:
    found = readable.counted(await readable.rows(store.reader, table, column, bounds.arrival, bounds.until))
    wanted = readable.counted(expected)
    # The first row of each side that the other lacks: the whole would be unreadable.
    assert next(iter(found - wanted), None) == next(iter(wanted - found), None)
    return wanted.total()


async def assert_spans(store: Store, request: Any, bounds: Bounds) -> int:
    rows = list(reference.spans(request, bounds))
    await assert_rows(store, "fact_calls", "Timestamp", bounds, reference.calls(rows))
    return await assert_rows(store, "otel_traces", "Timestamp", bounds, rows)


async def assert_records(store: Store, request: Any, bounds: Bounds) -> int:
    return await assert_rows(store, "otel_logs", "Timestamp", bounds, reference.records(request, bounds))


async def assert_points(store: Store, request: Any, bounds: Bounds) -> int:
    total, facts = 0, []
    for kind in reference.KINDS:
        rows = list(reference.points(request, kind, bounds))
        total += await assert_rows(store, f"otel_metrics_{kind}", "TimeUnix", bounds, rows)
        if kind in ("gauge", "sum", "histogram"):
            facts += reference.fact_points(kind, rows)
    await assert_rows(store, "fact_points", "Timestamp", bounds, facts)
    return total


ASSERT = {Signal.TRACES: assert_spans, Signal.LOGS: assert_records, Signal.METRICS: assert_points}


@pytest.mark.parametrize("signal", Signal)
@pytest.mark.parametrize("seed", [1, 2, pytest.param(range(100, 140), marks=pytest.mark.long, id="forty")])
async def test_random_requests_leave_the_rows_of_the_reference(
    store: Store, insert: Insert, window: Window, signal: Signal, seed: int | range
) -> None:
    for each in seed if isinstance(seed, range) else [seed]:
        bounds = window()
        request = sample(signal, each, bounds)
        body = request.SerializeToString()
        stored = insert(signal, body, bounds.arrival)
        kept = await ASSERT[signal](store, request, bounds)
        assert stored.items - stored.rejected == kept > 0
        assert stored.rejected == count.absurd(signal, body, bounds.since, bounds.until)


@pytest.mark.parametrize("signal", Signal)
@pytest.mark.parametrize("seed", [3, 4, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(100, 120))])
async def test_json_leaves_the_same_rows(
    store: Store, insert: Insert, window: Window, signal: Signal, seed: int
) -> None:
    bounds = window()
    request = sample(signal, seed, bounds)
    stored = insert(signal, to_protobuf(signal, as_json(request)), bounds.arrival)
    assert stored.items - stored.rejected == await ASSERT[signal](store, request, bounds) > 0
