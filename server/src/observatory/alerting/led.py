"""The evaluator of one of several servers: it evaluates while it leads, and reads what the leader found while not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from observatory.alerting.evaluator import Evaluator, Step
from observatory.model import Reading, Snapshot
from observatory.model.alert import Transition
from observatory.state import Lead, Rows

# How old what a server that stands by shows of alerts may be.
_FOLLOW = timedelta(seconds=10)


class Led:
    """What the tick and the looks after commits call.

    Args:
        evaluator: holds the rules against what was found.
        lead: whether this server leads.
    """

    def __init__(self, evaluator: Evaluator, lead: Lead) -> None:
        self._evaluator = evaluator
        self._lead = lead
        self._term: int | None = None
        self._followed: datetime | None = None
        self._one = asyncio.Lock()
        evaluator.fence = lead.confirm

    async def round(self, snapshots: Iterable[Snapshot], at: datetime) -> Sequence[Transition]:
        """Hold every rule against a round, or take over what the leader has found.

        Raises:
            StateError: the control store failed, or another server leads by now; nothing has changed then.
        """
        if self._lead.alone:
            return await self._evaluator.round(snapshots, at)
        async with self._one:
            term = self._lead.term if self._lead.leads else None
            if term is None:
                await self._follow(at)
                return ()
            if not await self._take_over(term):
                # Rules may have been changed at another server.
                await self._evaluator.rulebook.load()
            return await self._evaluator.round(snapshots, at)

    async def begin(self, newest: Callable[[], Sequence[Snapshot]]) -> None:
        """Evaluate at once when this server has come to lead, with what its own rounds found last; then do nothing.

        Args:
            newest: the newest snapshots.

        Raises:
            StateError: the control store failed; the next round does it.
        """
        async with self._one:
            snapshots, term = newest(), self._lead.term
            if term is not None and snapshots:
                await self._take_over(term)
                await self._evaluator.round(snapshots, max(each.at for each in snapshots))
        await asyncio.Event().wait()

    async def _take_over(self, term: int) -> bool:
        if term == self._term:
            return False
        # Alerts go on where the one before us left them.
        await self._evaluator.load()
        self._term = term
        return True

    async def _follow(self, at: datetime) -> None:
        self._term = None
        if self._followed is None or at - self._followed >= _FOLLOW:
            self._followed = at
            await self._evaluator.load()
        # Everything else that it shows is read from the stores; these are kept in memory by whoever counts them.
        await self._evaluator.count(at)

    async def after_commit(
        self, found: Mapping[str, Mapping[str, Sequence[Reading]]], tables: frozenset[str], at: datetime
    ) -> Sequence[Transition]:
        """Hold what was read after a commit against its rules, while this server leads.

        Raises:
            StateError: the changes could not be kept.
        """
        if self._lead.alone:
            return await self._evaluator.after_commit(found, tables, at)
        async with self._one:
            if not self._lead.leads or self._lead.term != self._term:
                return ()
            return await self._evaluator.after_commit(found, tables, at)


def confirming(lead: Lead) -> Step:
    """The keeper's first step: changes are kept only by the one that leads."""

    async def step(rows: Rows, _: Sequence[Transition]) -> None:
        await lead.confirm(rows)

    return step
