from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from observatory.auth import Tokens
from observatory.clock import HeldClock
from observatory.state import State, open_store


@pytest.fixture
def clock() -> HeldClock:
    return HeldClock(datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC))


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite+aiosqlite:///{tmp_path / 'state.db'}"


@pytest.fixture
async def state(url: str) -> AsyncIterator[State]:
    opened = await open_store(url)
    yield opened
    await opened.close()


@pytest.fixture
async def tokens(state: State, clock: HeldClock) -> Tokens:
    made = Tokens(state, clock)
    await made.load()
    return made
