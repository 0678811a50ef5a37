"""Writes down what takes a look at the telemetry: first deviations, and timeline and impact once it is over."""

from __future__ import annotations

import logging
from collections import Counter
from datetime import datetime, timedelta

from observatory.clock import Clock
from observatory.errors import StoreError
from observatory.incidents import onsets
from observatory.incidents.case import deviated
from observatory.incidents.model import Case, Member
from observatory.incidents.onsets import Watched
from observatory.incidents.reports import TIMELINE, Reports
from observatory.state import State
from observatory.store import Reader

_log = logging.getLogger(__name__)
EVERY_S = 10.0
# Telemetry of the end of an incident may arrive a little later.
SETTLED = timedelta(seconds=90)
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
        """One look.

        Raises:
            StateError, StoreError: a store failed; what was not done is done with the next look.
        """
        now = self._clock.now()
        async with self._state.reading() as rows:
            recent = await rows.incidents.open(ended_after=now - timedelta(hours=1))
            over = await rows.incidents.unwritten(TIMELINE, now - SETTLED)
        await self._deviations(recent, now)
        for case in over:
            try:
                await self._reports.write(case, now)
            except StoreError:
                # One that cannot be read must not keep the others from being written.
                _log.exception("timeline and impact of incident %s could not be written", case.incident.id)
        if self._forgot is None or now - self._forgot > _FORGET_EVERY:
            self._forgot = now
            async with self._state.writing() as rows:
                await rows.incidents.forget(now - _RETAIN)

    async def _deviations(self, cases: list[Case], now: datetime) -> None:
        known = {each.alert for case in cases for each in case.members}
        self._tried = Counter({alert: times for alert, times in self._tried.items() if alert in known})
        due = [
            (case, each)
            for case in cases
            for each in case.members
            if self._tried[each.alert] < _TRIES and onsets.due(each, now - self._tried[each.alert] * onsets.AFTER)
        ]
        for case, each in due[:_MOST_LOOKS]:
            self._tried[each.alert] += 1
            found = await onsets.read(each, case.incident.environment, self._of_rule, self._reader, self._since, now)
            if found is not None:
                await self._deviated(case.incident.id, each, found)

    async def _deviated(self, incident_id: str, member: Member, at: datetime) -> None:
        async with self._state.writing() as rows:
            await rows.incidents.lock()
            case = await rows.incidents.find(incident_id)
            if case is None or case.incident.merged_into is not None:
                return
            await rows.incidents.write([deviated(case, member.fingerprint, at)], [])
            await rows.incidents.drop_reports(incident_id)
