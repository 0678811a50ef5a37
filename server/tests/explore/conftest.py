"""One running server for the tests of the explorer, and an environment of each test's own."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from explore_world import Sent, World, known
from serving import Serving, serving

ENVIRONMENTS = 24


@pytest.fixture(scope="package")
def explored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    folder = tmp_path_factory.mktemp("explore") / "data"
    # What the rounds make of so many environments is not looked at here.
    with serving(folder, tick_s=2, environments=ENVIRONMENTS + 1, traces_linger_ms=10, logs_linger_ms=10) as found:
        yield found


@pytest.fixture(scope="package")
def worlds(explored: Serving) -> list[World]:
    """Environments that the server knows already: it learns of them in its rounds only."""
    made = [World(explored, f"test-{uuid.uuid4().hex[:12]}") for _ in range(ENVIRONMENTS)]
    for each in made:
        each.trace(Sent("ahead", "ahead", 0, 1), ago=100)
    for each in made:
        known(each)
    return made


@pytest.fixture
def world(worlds: list[World]) -> World:
    """An environment of this test's own."""
    return worlds.pop()


@pytest.fixture(scope="package")
def plain(worlds: list[World]) -> World:
    """An environment for what looks at nothing that was sent."""
    return worlds.pop()
