"""Timeline and impact: read while an incident is open, and kept once it is over, because facts are not kept forever."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from observatory.costs import Ledger
from observatory.incidents import impact as impacts
from observatory.incidents import timeline as timelines
from observatory.incidents.impact import Impact, Number
from observatory.incidents.interval import Interval
from observatory.incidents.model import Case
from observatory.incidents.timeline import Entry
from observatory.model import Measurement
from observatory.state import Rows, State
from observatory.state.incident_tables import Report
from observatory.store import Reader

TIMELINE, IMPACT = "timeline", "impact"


class Reports:
    """Timelines and impacts of incidents.

    Args:
        state: the control store.
        reader: reads the telemetry store.
        ledger: tells what was spent; None: that stays unknown.
    """

    def __init__(self, state: State, reader: Reader, ledger: Ledger | None) -> None:
        self._state = state
        self._reader = reader
        self._ledger = ledger

    async def timeline(self, case: Case, now: datetime, anew: bool = False) -> list[Entry]:
        """The incident's timeline, oldest first; `anew` even if one was kept.

        Raises:
            StateError, StoreError: a store failed.
        """
        span = timelines.looked_at(case, now)
        async with self._state.reading() as rows:
            kept = None if anew else await rows.incidents.report(case.incident.id, TIMELINE)
            changes = await rows.incidents.changes(case.incident.id)
            if kept is not None:
                # What people write down later belongs to it all the same.
                known = [_entry(each) for each in json.loads(kept.told)]
                held = {each.evidence for each in known}
                return timelines.ordered(
                    [*known, *(each for each in timelines.of(changes) if each.evidence not in held)]
                )
            own = {each.fingerprint for each in case.members}
            alerts = await rows.alerts.between(case.incident.environment, span.start, span.end, of=own)
        return await timelines.read(case, changes, alerts, self._reader, now)

    async def impact(self, case: Case, now: datetime, anew: bool = False) -> Impact:
        """What the incident did; `anew` even if that was kept.

        Raises:
            StateError, StoreError: a store failed.
        """
        if not anew:
            async with self._state.reading() as rows:
                kept = await rows.incidents.report(case.incident.id, IMPACT)
            if kept is not None:
                return _impact(json.loads(kept.told))
        return await impacts.read(case, self._reader, self._ledger, now)

    async def write(self, case: Case, now: datetime) -> None:
        """Keep both of an incident that is over, unless it has changed meanwhile.

        Raises:
            StateError, StoreError: a store failed; nothing is kept then.
        """
        entries, impact = await self.timeline(case, now, anew=True), await self.impact(case, now, anew=True)
        told = {
            TIMELINE: json.dumps([_told(each) for each in entries], ensure_ascii=False),
            IMPACT: json.dumps(_impact_told(impact), ensure_ascii=False),
        }
        async with self._state.writing() as rows:
            await _keep(rows, case, told, now)


async def _keep(rows: Rows, case: Case, told: Mapping[str, str], now: datetime) -> None:
    await rows.incidents.lock()
    if await rows.incidents.find(case.incident.id) == case:
        for kind, text in told.items():
            await rows.incidents.write_report(case.incident.id, Report(kind, now, text))


def _told(entry: Entry) -> dict[str, Any]:
    names = ("kind", "sentence", "evidence", "source", "related", "times")
    return {"at": entry.at.isoformat()} | {name: getattr(entry, name) for name in names}


def _entry(told: Mapping[str, Any]) -> Entry:
    return Entry(**{**told, "at": datetime.fromisoformat(told["at"])})


def _impact_told(impact: Impact) -> dict[str, Any]:
    return {
        "interval": _interval_told(impact.interval),
        "baseline": _interval_told(impact.baseline),
        "users": [list(each) for each in impact.users],
        "numbers": [
            {name: getattr(each, name) for name in ("id", "about", "sentence", "bad", "times")}
            | {"during": _measured(each.during), "before": _measured(each.before)}
            for each in impact.numbers
        ],
    }


def _impact(told: Mapping[str, Any]) -> Impact:
    users: Sequence[Any] = told["users"]
    return Impact(
        _interval(told["interval"]),
        _interval(told["baseline"]),
        tuple(
            Number(**{**each, "during": _measurement(each["during"]), "before": _measurement(each["before"])})
            for each in told["numbers"]
        ),
        tuple((str(user), int(times)) for user, times in users),
    )


def _interval_told(interval: Interval) -> list[str]:
    return [interval.start.isoformat(), interval.end.isoformat(), interval.by]


def _interval(told: Sequence[str]) -> Interval:
    return Interval(datetime.fromisoformat(told[0]), datetime.fromisoformat(told[1]), told[2])


def _measured(measured: Measurement) -> dict[str, Any]:
    value = measured.value
    return {
        # Money stays exact: as text it is not rounded.
        "value": str(value) if isinstance(value, Decimal) else value,
        "unit": measured.unit,
        "samples": measured.samples,
        "window_s": measured.window_s,
        "as_of": measured.as_of.isoformat(),
        "source": measured.source,
    }


def _measurement(told: Mapping[str, Any]) -> Measurement:
    value = Decimal(told["value"]) if isinstance(told["value"], str) else told["value"]
    return Measurement(
        value, told["unit"], told["samples"], told["window_s"], datetime.fromisoformat(told["as_of"]), told["source"]
    )
