"""Each target at its own pace, one attempt at a time, none waiting for another."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from observatory.clock import Clock
from observatory.collect.metrics import Metrics
from observatory.collect.outcome import Reason, Unread
from observatory.collect.standing import Standing, Standings
from observatory.collect.starts import Starts
from observatory.collect.target import Target, Tools
from observatory.errors import BodyError, Overloaded

_log = logging.getLogger(__name__)
_FIRST_S = 5.0
_JITTER = 0.05
# What an exporter said is read on threads of our own: the server's others are for those who send to us.
_THREADS = 2

Offer = Callable[[bytes], Awaitable[object]]


class Collectors:
    """Reads targets and hands on what they said.

    Args:
        targets: what is looked at.
        offer: takes a request of metrics and returns when it is stored.
        clock: the time.
    """

    def __init__(self, targets: Iterable[Target], offer: Offer, clock: Clock) -> None:
        self.standings = Standings(targets, clock)
        self._offer = offer
        self._clock = clock
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="collect")
        self._tools = {each.target.name: Tools(clock, Starts(), self._aside) for each in self.standings.all}

    async def run(self) -> None:
        """Attempts at each target's pace, until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                for standing in self.standings.all:
                    group.create_task(self._pace(standing), name=f"collect {standing.target.name}")
        finally:
            self._threads.shutdown(wait=False, cancel_futures=True)

    async def attempt(self, standing: Standing) -> None:
        """Look at one target once, and hand on what it said. Whatever happens is its standing."""
        target = standing.target
        began_s, into = self._clock.monotonic(), Metrics(self._clock.now_ns())
        failure = await self._read(target, into)
        standing.duration_s = self._clock.monotonic() - began_s
        standing.points = into.points
        into.gauge("up", int(failure is None))
        into.gauge("scrape_duration_seconds", standing.duration_s, "s")
        into.gauge("scrape_samples_scraped", standing.points)
        failure = await self._hand_on(into.request(target.resource())) or failure
        self._note(standing, failure)

    async def _pace(self, standing: Standing) -> None:
        interval_s = standing.target.interval_s
        await self._clock.sleep(random.uniform(0, min(interval_s, _FIRST_S)))
        while True:
            began_s = self._clock.monotonic()
            try:
                await self.attempt(standing)
            except Exception:
                # A fault of ours at one target ends no other's task.
                _log.exception("an attempt at %s broke", standing.target.name)
            spent_s = self._clock.monotonic() - began_s
            await self._clock.sleep(
                max(interval_s * random.uniform(1 - _JITTER, 1 + _JITTER) - spent_s, interval_s / 10)
            )

    async def _read(self, target: Target, into: Metrics) -> Unread | None:
        try:
            async with asyncio.timeout(target.patience_s):
                await target.read(into, self._tools[target.name])
        except TimeoutError:
            return Unread(Reason.TIMEOUT, f"took longer than {target.patience_s:g} s")
        except Unread as error:
            text = f"{error}"
            for secret in target.secrets():
                text = secret.scrubbed(text)
            return Unread(error.reason, text)
        except Exception as error:
            # The words of an error that nobody foresaw may hold anything.
            return Unread(Reason.BROKEN, f"{type(error).__name__} in the collector")
        return None

    async def _hand_on(self, body: bytes) -> Unread | None:
        try:
            await self._offer(body)
        except (BodyError, Overloaded) as error:
            return Unread(Reason.UNDELIVERED, f"{error}")
        return None

    def _note(self, standing: Standing, failure: Unread | None) -> None:
        was_up, at_s = standing.up, self._clock.monotonic()
        if failure is None:
            standing.succeed(at_s)
            if was_up is False:
                _log.warning("target %s is read again", standing.target.name)
            return
        standing.fail(at_s, failure.reason, f"{failure}")
        if was_up is not False:
            _log.warning("target %s: %s: %s", standing.target.name, failure.reason, standing.error)

    def _aside(self, work: Callable[..., Any], *arguments: Any) -> Awaitable[Any]:
        return asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)
