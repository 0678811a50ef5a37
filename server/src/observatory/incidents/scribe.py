"""Writes down what takes a look at the telemetry: first deviations, and timeline and impact once it is over."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Awaitable
from datetime import datetime, timedelta

from observatory.clock import Clock
from observatory.incidents import onsets
from observatory.incidents.model import Case, Member
from observatory.incidents.onsets import Watched
from observatory.incidents.patience import Patience
from observatory.incidents.reports import TIMELINE, Reports
from observatory.state import State
from observatory.store import Reader

_log = logging.getLogger(__name__)
EVERY_S = 10.0
# Telemetry of the end of an incident may arrive a little later.
SETTLED = timedelta(seconds=90)
# A series that was read so often and showed no change has none.
_TRIES = 3
_MOST_LOOKS = 20
_RETAIN = timedelta(days=400)
_FORGET_EVERY = timedelta(hours=6)


class Scribe:
    """Looks at open incidents, and at those that ended lately.

    Args:
        state: the control store.
        reader: reads the telemetry store.
        reports: timelines and impacts.
        of_rule: the indicator that a rule judges, when its name does not say so.
        clock: tells the time.
    """

    def __init__(self, state: State, reader: Reader, reports: Reports, of_rule: Watched, clock: Clock) -> None:
        self._state = state
        self._reader = reader
        self._reports = reports
        self._of_rule = of_rule
        self._clock = clock
        self._since = clock.now()
        self._tried: Counter[str] = Counter()
        self._unseen, self._unwritten = Patience(), Patience()
        self._forgot: datetime | None = None

    async def run(self) -> None:
        """Look every ten seconds; what fails is tried again with the next look."""
        while True:
            try:
                await self.look()
            except Exception:
                # Without this loop incidents would go on, but nobody would learn when they began.
                _log.exception("incidents could not be looked at")
            await self._clock.sleep(EVERY_S)

    async def look(self) -> None:
        """One look. What fails of one incident is logged once, rests, and keeps no other from being looked at.

        Raises:
            StateError: the control store failed; what was not done is done with the next look.
        """
        now = self._clock.now()
        async with self._state.reading() as rows:
            recent = await rows.incidents.open(ended_after=now - timedelta(hours=1))
            over = await rows.incidents.unwritten(TIMELINE, now - SETTLED, self._unwritten.resting(now))
        for case, member in self._due(recent, now):
            told = "the first deviation of incident %s could not be looked for"
            await self._guarded(self._deviation(case, member, now), case, self._unseen, told)
        for case in over:
            told = "timeline and impact of incident %s could not be written"
            await self._guarded(self._reports.write(case, now), case, self._unwritten, told)
        if self._forgot is None or now - self._forgot > _FORGET_EVERY:
            self._forgot = now
            async with self._state.writing() as rows:
                await rows.incidents.forget(now - _RETAIN)

    async def _guarded(self, work: Awaitable[None], case: Case, patience: Patience, told: str) -> None:
        name = case.incident.id
        try:
            await work
        except Exception as error:
            if patience.failed(name, self._clock.now()):
                _log.warning(told, name, exc_info=error)
        else:
            patience.done(name)

    def _due(self, cases: list[Case], now: datetime) -> list[tuple[Case, Member]]:
        known = {each.alert for case in cases for each in case.members}
        self._tried = Counter({alert: times for alert, times in self._tried.items() if alert in known})
        self._unseen.only({case.incident.id for case in cases})
        resting = self._unseen.resting(now)
        due = [
            (case, each)
            for case in cases
            if case.incident.id not in resting
            for each in case.members
            if self._tried[each.alert] < _TRIES and onsets.due(each, now - self._tried[each.alert] * onsets.AFTER)
        ]
        return due[:_MOST_LOOKS]

    async def _deviation(self, case: Case, member: Member, now: datetime) -> None:
        environment = case.incident.environment
        found = await onsets.read(member, environment, self._of_rule, self._reader, self._since, now)
        if found is not None:
            async with self._state.writing() as rows:
                await onsets.keep(rows, case.incident.id, member, found)
        # A store that does not answer says nothing of the series: only what was read counts.
        self._tried[member.alert] += 1
