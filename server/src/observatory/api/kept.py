"""Answers that are kept until the next round: many people look at the same page, and indicators change once a round."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

T = TypeVar("T")

# An answer may hold some thousand rows.
MOST = 32
# Should the rounds stop, an answer is made anew all the same.
LONGEST = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class _Entry:
    round: object
    made_at: datetime
    answer: asyncio.Future[Any]


class Kept:
    """A bounded memory of answers. Those who ask for the same at once wait for one answer.

    An answer says itself of when it is (`to`, `as_of`).

    Args:
        most: answers that are kept; the one asked for longest ago goes first.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()

    async def of(self, key: Hashable, round: object, now: datetime, make: Callable[[], Awaitable[T]]) -> T:
        """The answer kept for `key` in this round, or the one that `make` makes. What failed is not kept.

        Args:
            key: what is asked for.
            round: what the newest round published; compared by identity.
            now: the time.
            make: makes the answer.
        """
        entry = self._entries.get(key)
        if entry is None or entry.round is not round or not timedelta(0) <= now - entry.made_at <= LONGEST:
            entry = _Entry(round, now, asyncio.ensure_future(make()))
            self._entries[key] = entry
            entry.answer.add_done_callback(lambda _: self._drop_failed(key, entry))
        self._entries.move_to_end(key)
        while len(self._entries) > self._most:
            self._entries.popitem(last=False)
        # One who goes away must not take the answer from the others.
        answer: T = await asyncio.shield(entry.answer)
        return answer

    def _drop_failed(self, key: Hashable, entry: _Entry) -> None:
        failed = entry.answer.cancelled() or entry.answer.exception() is not None
        if failed and self._entries.get(key) is entry:
            del self._entries[key]
