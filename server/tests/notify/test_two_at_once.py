"""Two servers that both think that they deliver, on one PostgreSQL: nothing is sent twice, nothing is missing."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path

import yaml
from alert_scenes import AT, fires, graphs
from notify_scenes import Clock, hook
from outside import Outside

from observatory import alerting, incidents, notify
from observatory.model.notification import DeliveryState
from observatory.selfwatch import Selfwatch
from observatory.state import open_store
from observatory.state.deliveries import Asked
from observatory_universe.outside.postgres import postgres_server

ALERTS = 25


async def test_two_that_deliver_at_once_send_each_message_once(tmp_path: Path, world: Outside) -> None:
    file = tmp_path / "channels.yaml"
    file.write_text(
        yaml.safe_dump({"channels": [hook(world, "a", per_minute=1_000), hook(world, "b", per_minute=1_000)]})
    )
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(postgres_server(tmp_path / "postgres"))
        clock, poster = Clock(AT), notify.Poster(notify.networks("127.0.0.0/8"), 5.0)
        stack.push_async_callback(poster.aclose)
        channels = notify.Channels(file, notify.Tools(poster, notify.Links(""), 5.0), clock)
        knows, pace = notify.Knows(dict, graphs, channels.routes), notify.Pace(group_wait_s=0)
        deliverers = []
        for _ in range(2):
            state = await open_store(server.url)
            stack.push_async_callback(state.close)
            standings = notify.Standings("production")
            deliverers.append(notify.Deliverer(state, channels, knows, standings, clock, Selfwatch(), pace))
        keeper = alerting.Keeper(state, [notify.Planning(incidents.Folding(graphs))])
        await keeper([fires("a.critical", member=f"m{nth}", environment=f"e{nth}") for nth in range(ALERTS)])
        running = [asyncio.create_task(each.run()) for each in deliverers]
        stack.callback(lambda: [each.cancel() for each in running])
        await world.until(2 * ALERTS)
        await asyncio.sleep(1)
        async with state.reading() as rows:
            kept = await rows.deliveries.page(Asked(), None, 1_000)
            left = await rows.outbox.left()
        for each in running:
            each.cancel()
        await asyncio.gather(*running, return_exceptions=True)
    sent = Counter(asked.headers["idempotency-key"] for asked in world.asked)
    assert set(sent.values()) == {1}
    assert len(sent) == 2 * ALERTS
    assert {each.state for each in kept} == {DeliveryState.SENT}
    assert {each.attempts for each in kept} == {1}
    assert left == 0
