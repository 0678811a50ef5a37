from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from alert_scenes import AT, graphs
from notify_scenes import Clock, Post, Posts
from outside import Outside, outside

from observatory import alerting, incidents, notify
from observatory.alerting import Rule
from observatory.selfwatch import Selfwatch
from observatory.state import open_store


@pytest.fixture
async def open_post(tmp_path: Path) -> AsyncIterator[Posts]:
    """Opens a post with channels as the file of channels has them, and a pace."""
    async with AsyncExitStack() as stack:

        async def make(channels: Sequence[dict[str, Any]], at: datetime = AT, base: str = "", **pace: Any) -> Post:
            file = tmp_path / "channels.yaml"
            file.write_text(yaml.safe_dump({"channels": list(channels)}))
            state = await open_store(f"sqlite+aiosqlite:///{tmp_path / 'state.db'}")
            stack.push_async_callback(state.close)
            clock = Clock(at)
            poster = notify.Poster(notify.networks("127.0.0.0/8"), 2.0)
            stack.push_async_callback(poster.aclose)
            tools = notify.Tools(poster, notify.Links(base), 2.0)
            known = notify.Channels(file, tools, clock)
            rules: dict[str, Rule] = {}
            knows = notify.Knows(lambda: rules, graphs, known.routes)
            deliverer = notify.Deliverer(
                state, known, knows, notify.Standings("production"), clock, Selfwatch(), notify.Pace(**pace)
            )
            keeper = alerting.Keeper(state, [notify.Planning(incidents.Folding(graphs))])
            keeper.after.append(deliverer.wake)
            return Post(state, clock, keeper, deliverer, rules, file)

        yield make


@pytest.fixture
async def world() -> AsyncIterator[Outside]:
    """A web server that takes everything."""
    async with outside() as found:
        yield found
