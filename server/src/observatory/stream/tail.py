"""The live tail: log records and traces that fit a filter, as they arrive.

Each listener looks into the store once a second, at what is not older than some seconds: nothing is buffered for it,
and no sender waits for it. Of more than it may be told in a second the newest are told, and how many were not.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Protocol

from observatory.clock import Clock
from observatory.explore.logs import Logs, LogsWanted, Record
from observatory.explore.look import Found
from observatory.explore.traces import Traces
from observatory.explore.wanted import Wanted, nanoseconds
from observatory.store import Reader
from observatory.stream.event import Event, TooMany

MOST_TAILS = 16
MOST_TOLD = 50
MOST_SEEN = 2_000
_LOOK_S = 1.0
_ALIVE_S = 15.0
_AHEAD = timedelta(seconds=60)
# What arrives later than this after it happened is not told: it is found by a search.
_BACK = {"logs": timedelta(seconds=15), "traces": timedelta(seconds=60)}


class Source(Protocol):
    """What is told of one topic."""

    topic: str

    async def newest(self, since_ns: int, until_ns: int) -> Mapping[str, int]:
        """By id the time in ns of what fits, the newest, at most `MOST_SEEN`."""

    async def told(self, ids: Mapping[str, int]) -> Mapping[str, Mapping[str, Any]]:
        """By id these as JSON values, oldest first; without those that are not whole yet."""


class LogTail:
    """Log records that fit."""

    topic = "logs"

    def __init__(self, reader: Reader, wanted: LogsWanted, render: Callable[[Record], Mapping[str, Any]]) -> None:
        self._logs, self._wanted, self._render = Logs(reader), wanted, render

    async def newest(self, since_ns: int, until_ns: int) -> Mapping[str, int]:
        """By id the time of each record."""
        return await self._logs.ids(self._wanted, (since_ns, until_ns), MOST_SEEN)

    async def told(self, ids: Mapping[str, int]) -> Mapping[str, Mapping[str, Any]]:
        """The records."""
        return {each.id: self._render(each) for each in await self._logs.these(ids)}


class TraceTail:
    """Traces one of whose spans fits, told once, as far as they have arrived by then."""

    topic = "traces"

    def __init__(self, reader: Reader, wanted: Wanted, render: Callable[[Found], Mapping[str, Any]]) -> None:
        self._traces, self._wanted, self._render = Traces(reader), wanted, render

    async def newest(self, since_ns: int, until_ns: int) -> Mapping[str, int]:
        """By id the time of the newest span that fits."""
        return await self._traces.ids(self._wanted, (since_ns, until_ns), MOST_SEEN)

    async def told(self, ids: Mapping[str, int]) -> Mapping[str, Mapping[str, Any]]:
        """The traces."""
        found = [Found(trace, at, 0) for trace, at in sorted(ids.items(), key=lambda each: each[1])]
        entries = await self._traces.entries(found, self._wanted.environment or None)
        shown = ((each, entries.get(each.trace_id)) for each in found)
        return {each.trace_id: self._render(replace(each, entry=entry)) for each, entry in shown if entry is not None}


class Tails:
    """All that listen to the tail.

    Args:
        clock: what is new.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ended = asyncio.Event()
        self.listeners = 0

    def end(self) -> None:
        """The server stops: everybody is let go."""
        self._ended.set()

    def expect_room(self) -> None:
        """See that one more may listen.

        Raises:
            TooMany: as many listen as are allowed to.
        """
        if self.listeners >= MOST_TAILS:
            raise TooMany(f"{MOST_TAILS} listen to the tail already", retry_after_s=5)

    async def listen(self, source: Source) -> AsyncGenerator[Event, None]:
        """What arrives from now on, until the server stops or the listener goes.

        Raises:
            TooMany: as many listen as are allowed to.
            StoreError: the store failed.
        """
        self.expect_room()
        self.listeners += 1
        try:
            async for event in self._events(source):
                yield event
        finally:
            self.listeners -= 1

    async def _events(self, source: Source) -> AsyncIterator[Event]:
        seen = dict(await self._newest(source))
        # From now on nothing is missed.
        yield Event("", None, {})
        told_s = self._clock.monotonic()
        while not await self._over():
            found = await self._newest(source)
            new = {key: at for key, at in found.items() if key not in seen}
            # What is no longer looked at needs not be known again.
            seen = {key: at for key, at in seen.items() if key in found} | new
            shown = dict(sorted(new.items(), key=lambda each: each[1])[-MOST_TOLD:])
            if shown:
                told = await source.told(shown)
                for each in told.values():
                    yield Event(source.topic, None, each)
                # What was found in one table and not yet in the other is looked for again.
                seen = {key: at for key, at in seen.items() if key in told or key not in shown}
            if len(new) > len(shown):
                # When even the look was cut off, there were more than it saw.
                left = {"dropped": len(new) - len(shown), "at_least": len(found) >= MOST_SEEN}
                yield Event(f"{source.topic}.dropped", None, left)
            now_s = self._clock.monotonic()
            if shown:
                told_s = now_s
            elif now_s - told_s >= _ALIVE_S:
                told_s = now_s
                yield Event("", None, {})

    async def _newest(self, source: Source) -> Mapping[str, int]:
        now = self._clock.now()
        return await source.newest(nanoseconds(now - _BACK[source.topic]), nanoseconds(now + _AHEAD))

    async def _over(self) -> bool:
        """Wait for the next look; whether the server stops instead."""
        try:
            async with asyncio.timeout(_LOOK_S):
                await self._ended.wait()
        except TimeoutError:
            return False
        return True


async def merged(streams: Sequence[AsyncGenerator[Event, None]]) -> AsyncGenerator[Event, None]:
    """The events of several streams as they come. It ends with the first that ends, and raises what that raised."""
    waiting: asyncio.Queue[Event] = asyncio.Queue(MOST_TOLD)

    async def pass_on(stream: AsyncGenerator[Event, None]) -> None:
        try:
            async for event in stream:
                await waiting.put(event)
        finally:
            await stream.aclose()

    tasks = [asyncio.create_task(pass_on(stream)) for stream in streams]
    try:
        while True:
            coming = asyncio.create_task(waiting.get())
            await asyncio.wait([coming, *tasks], return_when=asyncio.FIRST_COMPLETED)
            if coming.done():
                yield coming.result()
                continue
            coming.cancel()
            for task in tasks:
                if task.done():
                    task.result()
                    return
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
