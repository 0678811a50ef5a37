"""One feed for all who listen. Nobody is buffered for: whoever is slow reads the control store later, and misses none.

Changes of alerts have numbers that count up; who comes back says the last that it has, and goes on from there. Health
is told as it is now: what was missed of it is of no use.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Mapping
from contextlib import suppress
from typing import Any

from observatory.clock import Clock
from observatory.state import State
from observatory.state.alerts import Kept
from observatory.stream.event import Event, TooMany
from observatory.stream.tail import Tails
from observatory.tick import Snapshots

TOPICS = ("alerts", "health")
_MOST_LISTENERS = 64
_AT_ONCE = 100
# Another server may have made the change: nobody wakes us then.
_LOOK_S = 1.0
_ALIVE_S = 15.0


class Feed:
    """Tells who listens.

    Args:
        state: the control store.
        snapshots: the newest rounds.
        render: a change of an alert as JSON values.
        clock: how long nothing happened.
    """

    def __init__(
        self, state: State, snapshots: Snapshots, render: Callable[[Kept], Mapping[str, Any]], clock: Clock
    ) -> None:
        self._state = state
        self._snapshots = snapshots
        self._render = render
        self._clock = clock
        self._changed = asyncio.Event()
        self._ended = False
        self.listeners = 0
        self.tails = Tails(clock)

    def wake(self) -> None:
        """Something has changed. Call it once that is committed."""
        self._changed.set()
        self._changed = asyncio.Event()

    def end(self) -> None:
        """The server stops: everybody is let go."""
        self._ended = True
        self.tails.end()
        self.wake()

    def expect_room(self) -> None:
        """See that one more may listen.

        Raises:
            TooMany: as many listen as are allowed to.
        """
        if self.listeners >= _MOST_LISTENERS:
            raise TooMany(f"{_MOST_LISTENERS} listen already", retry_after_s=5)

    async def listen(
        self, topics: Collection[str], environment: str = "", after: int | None = None
    ) -> AsyncGenerator[Event, None]:
        """What changes, until the server stops or the listener goes.

        Args:
            topics: which of `TOPICS`.
            environment: of one environment; empty: of all.
            after: the newest change of an alert that the listener has; None: only what changes from now on.

        Raises:
            TooMany: as many listen as are allowed to.
            StateError: the control store failed.
        """
        self.expect_room()
        self.listeners += 1
        try:
            async for event in self._events(topics, environment, after):
                yield event
        finally:
            self.listeners -= 1

    async def _events(self, topics: Collection[str], environment: str, after: int | None) -> AsyncIterator[Event]:
        cursor = after if after is not None else await self._newest()
        health: dict[str, object] = {}
        told_s = self._clock.monotonic()
        while not self._ended:
            changed = self._changed
            events: list[Event] = []
            if "alerts" in topics:
                found = await self._after(cursor, environment)
                events += [Event("alerts", each.id, self._render(each)) for each in found]
                cursor = found[-1].id if found else cursor
            if "health" in topics:
                events += self._health(environment, health)
            for event in events:
                yield event
            now_s = self._clock.monotonic()
            if events:
                told_s = now_s
            elif now_s - told_s >= _ALIVE_S:
                told_s = now_s
                yield Event("", None, {})
            if len(events) < _AT_ONCE:
                await _wait(changed)

    def _health(self, environment: str, seen: dict[str, object]) -> list[Event]:
        events = []
        for name, published in self._snapshots.all.items():
            if environment in ("", name) and seen.get(name) != published.etag:
                seen[name] = published.etag
                events.append(Event("health", None, {"environment": name, **published.system_health}))
        return events

    async def _newest(self) -> int:
        async with self._state.reading() as rows:
            return await rows.alerts.last_change()

    async def _after(self, cursor: int, environment: str) -> list[Kept]:
        async with self._state.reading() as rows:
            return await rows.alerts.after(cursor, environment, _AT_ONCE)


async def _wait(changed: asyncio.Event) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(_LOOK_S):
            await changed.wait()
