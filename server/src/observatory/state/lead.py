"""Of several servers on one control store one leads: it evaluates, records and delivers. The others stand by."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable, Coroutine
from typing import Any

from observatory.clock import Clock
from observatory.errors import StateError
from observatory.state.leases import LeaseRecord
from observatory.state.store import Rows, State

_log = logging.getLogger(__name__)
LEASE = "lead"
BEAT_S = 0.5
# A holder without a beat for so long is dead; one that could not beat for less than that stops by itself before.
DEAD_S = 4.0
STOP_S = 2.5
_LOOK_S = 0.25


class NotLeading(StateError):
    """Another server leads by now: what was to be written is the other's to write."""


class Lead:
    """Whether this server leads.

    It is told by beats, not by times: a server that has seen the same beat for `DEAD_S` seconds of its own monotonic
    clock takes over. A holder that could not renew for `STOP_S` no longer leads in its own eyes, and what it writes
    is fenced: `confirm` in the transaction finds out that the term is over.

    Args:
        state: the control store.
        clock: how long ago something was.
        name: of the lease.
    """

    def __init__(self, state: State, clock: Clock, name: str = LEASE) -> None:
        self._state = state
        self._clock = clock
        # A control store that is a file of one server has nobody to share it with: there is no lease then.
        self.alone = not state.shared
        self._name = name
        self._me = uuid.uuid4().hex
        self._term: int | None = None
        self._renewed_s = 0.0
        self._seen: LeaseRecord | None = None
        self._seen_s = 0.0

    @property
    def leads(self) -> bool:
        """True while the lease is ours for sure."""
        held = self._term is not None and self._clock.monotonic() - self._renewed_s < STOP_S
        return self.alone or held

    @property
    def term(self) -> int | None:
        """The term that we hold; None while another leads."""
        return self._term

    async def run(self) -> None:
        """Beat, or watch the beats of whoever leads, until cancelled; then let go."""
        if self.alone:
            return
        try:
            while True:
                try:
                    await self.beat()
                except Exception:
                    # Without this loop nobody would ever lead again.
                    _log.warning("the lease could not be renewed or looked at", exc_info=True)
                await self._clock.sleep(BEAT_S)
        finally:
            await asyncio.shield(self._let_go())

    async def beat(self) -> bool:
        """Renew the lease, or take it when nobody holds it or its holder is dead; whether it is ours.

        Raises:
            StateError: the control store failed.
        """
        started_s, now = self._clock.monotonic(), self._clock.now()
        async with self._state.writing() as rows:
            if self._term is not None and await rows.leases.renew(self._name, self._me, self._term, now):
                term: int | None = self._term
            else:
                seen = await rows.leases.find(self._name, now)
                term = await rows.leases.take(seen, self._me, now) if self._dead(seen, started_s) else None
        # Only what is committed counts, and from the moment before it was asked for.
        if term is not None and term != self._term:
            _log.warning("this server leads from now on (term %d)", term)
        if term is None and self._term is not None:
            _log.warning("another server leads by now")
        self._term, self._renewed_s = term, started_s
        return term is not None

    async def confirm(self, rows: Rows) -> None:
        """Hold the lease until this transaction ends.

        Raises:
            NotLeading: it is another's; the transaction must not be kept.
        """
        if self.alone:
            return
        if self._term is None or not await rows.leases.renew(self._name, self._me, self._term, self._clock.now()):
            raise NotLeading("another server leads by now")

    async def only(self, work: Callable[[], Coroutine[Any, Any, object]]) -> None:
        """Do work that only one server may do: begin it whenever we lead, and break it off when we no longer do.

        Args:
            work: makes the work, which goes on for ever; it is made anew each time that we come to lead.
        """
        while True:
            while not self.leads:
                await self._clock.sleep(_LOOK_S)
            doing = asyncio.create_task(work())
            try:
                while self.leads and not doing.done():
                    await self._clock.sleep(_LOOK_S)
            finally:
                await _ended(doing)
            await self._clock.sleep(_LOOK_S)

    def _dead(self, seen: LeaseRecord, now_s: float) -> bool:
        same = self._seen is not None and (seen.term, seen.beat) == (self._seen.term, self._seen.beat)
        if not same:
            self._seen, self._seen_s = seen, now_s
        return not seen.owner or now_s - self._seen_s >= DEAD_S

    async def _let_go(self) -> None:
        term, self._term = self._term, None
        if term is None:
            return
        try:
            async with self._state.writing() as rows:
                await rows.leases.release(self._name, self._me, term, self._clock.now())
        except StateError:
            _log.warning("the lease could not be let go of: the next server waits for it", exc_info=True)


async def _ended(doing: asyncio.Task[object]) -> None:
    """Break work off and wait until it has ended; whoever breaks us off meanwhile has it after that."""
    doing.cancel()
    ours: asyncio.CancelledError | None = None
    while not doing.done():
        try:
            await asyncio.wait([doing])
        except asyncio.CancelledError as error:
            ours = error
    failure = None if doing.cancelled() else doing.exception()
    if failure is not None:
        _log.error("work of the one that leads failed, and begins again", exc_info=failure)
    if ours is not None:
        raise ours
