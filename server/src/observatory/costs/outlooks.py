"""Outlooks kept ready: made in the background once an hour for every scope that somebody asks for."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from observatory.clock import Clock
from observatory.costs.forecasts import HISTORY, Outlook, look_ahead
from observatory.costs.ledger import Ledger, Spent

_log = logging.getLogger(__name__)
_HOUR = timedelta(hours=1)
_EVERY_S = 15.0
# A scope that nobody asked for so long is forgotten.
_FORGOTTEN = timedelta(days=1)
# With as many scopes further ones are refused; each costs a second or two of computing every hour.
MOST = 200

# An environment, and the dimensions that are kept with their values.
Scope = tuple[str, tuple[tuple[str, str], ...]]


def scope(environment: str, only: Mapping[str, str]) -> Scope:
    """The key of a scope."""
    return environment, tuple(sorted(only.items()))


@dataclass(slots=True)
class _Wanted:
    asked_at: datetime
    made: asyncio.Event
    outlook: Outlook | None = None


class Outlooks:
    """The newest outlook of each scope.

    Args:
        ledger: what was spent.
        clock: which hour it is.
    """

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock
        self._wanted: dict[Scope, _Wanted] = {}
        self._asked = asyncio.Event()

    def of(self, key: Scope) -> Outlook | None:
        """The newest outlook; None until it was made. Whoever asks has it made, unless there are 200 already."""
        found = self._want(key)
        return found.outlook if found else None

    async def soon(self, key: Scope, wait_s: float) -> Outlook | None:
        """The same, waiting a little for one that is not made yet."""
        found = self._want(key)
        if found is None:
            return None
        try:
            async with asyncio.timeout(wait_s):
                await found.made.wait()
        except TimeoutError:
            return None
        return found.outlook

    async def run(self) -> None:
        """Make what is due until cancelled. One that fails is logged and tried again later."""
        while True:
            self._asked.clear()
            await self.renew()
            try:
                async with asyncio.timeout(_EVERY_S):
                    await self._asked.wait()
            except TimeoutError:
                continue

    async def renew(self) -> None:
        """Make every outlook that is wanted and not of this hour."""
        now = self._clock.now()
        for key, wanted in list(self._wanted.items()):
            if now - wanted.asked_at > _FORGOTTEN:
                del self._wanted[key]
            elif _due(wanted.outlook, now):
                try:
                    wanted.outlook = await self._make(key, now)
                    wanted.made.set()
                except Exception:
                    # One series that no model can take must not end the others' forecasts.
                    _log.exception("a forecast of costs could not be made")

    def _want(self, key: Scope) -> _Wanted | None:
        now = self._clock.now()
        found = self._wanted.get(key)
        if found is None:
            if len(self._wanted) >= MOST:
                return None
            found = self._wanted[key] = _Wanted(now, asyncio.Event())
            self._asked.set()
        found.asked_at = now
        return found

    async def _make(self, key: Scope, now: datetime) -> Outlook:
        environment, only = key
        until = now.replace(minute=0, second=0, microsecond=0)
        since = until - HISTORY
        everything = await self._ledger.spent(environment, since, until, step_s=3_600)
        found = everything
        if only:
            found = await self._ledger.spent(environment, since, until, step_s=3_600, only=dict(only))
        hours = _hours(everything, found, since)
        estimated = any(each.calls_estimated or uncosted(each) for each in found)
        return await asyncio.to_thread(look_ahead, hours, until, estimated)


def uncosted(each: Spent) -> int:
    """Calls and charges whose amount is not known."""
    return each.calls_unpriced + each.calls_untold + each.violations + each.charges_unreadable


def _due(outlook: Outlook | None, now: datetime) -> bool:
    return outlook is None or now - outlook.at >= _HOUR


def _hours(everything: list[Spent], found: list[Spent], since: datetime) -> list[float | None]:
    """Dollars of each hour. An hour in which nothing else was heard of either is not known, and not 0."""
    heard = {each.start for each in everything}
    usd = {each.start: each.usd for each in found}
    values: list[float | None] = []
    for place in range(round(HISTORY / _HOUR)):
        at = since + place * _HOUR
        amount = usd.get(at)
        if at not in heard or (at in usd and amount is None):
            values.append(None)
        else:
            values.append(float(amount or 0))
    known = [place for place, value in enumerate(values) if value is not None]
    return values[known[0] :] if known else []
