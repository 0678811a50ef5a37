"""Fixtures shared by the server's tests. The embedded engine opens one data path per process, so one store serves all.

Tests keep apart by environment: each sends its telemetry under a name of its own.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from observatory import areas
from observatory.otlp.signals import Signal
from observatory.selfwatch import Selfwatch
from observatory.store import Batch, Plan, Store, Stored, open_store, parse


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A real embedded store with every view on."""
    folder = tmp_path_factory.mktemp("observatory")
    parsed = [parse(area.facts, area.id) for area in areas.load()]
    plan = Plan(
        f"chdb://{folder / 'store'}",
        folder,
        tables=[table for tables, _ in parsed for table in tables],
        views=[view for _, views in parsed for view in views],
    )
    opened = open_store(plan, Selfwatch())
    yield opened
    opened.close()


@pytest.fixture
def environment() -> str:
    """A deployment environment of this test's own."""
    return f"test-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def insert(store: Store, tmp_path: Path) -> Callable[[Signal, bytes, int], Stored]:
    """Insert one request's bytes as a batch that arrived at the given time in nanoseconds."""

    def run(signal: Signal, body: bytes, arrival_ns: int) -> Stored:
        path = tmp_path / f"{uuid.uuid4().hex}.pb"
        path.write_bytes(body)
        return store.writers[signal].insert(Batch(signal, uuid.uuid4().hex, arrival_ns, path))

    return run
