"""First deviations: the change point in the series of what an alert judges."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from observatory.analytics import change
from observatory.areas import series
from observatory.areas.assess import Span
from observatory.incidents.case import deviated
from observatory.incidents.model import Member
from observatory.state import Rows
from observatory.store import Reader

# So long before its first bad observation an alert's series is looked at, and so long after it has fired: a new level
# must be seen for some steps to be one.
BACK = timedelta(hours=1)
AFTER = timedelta(seconds=60)
STEP_S = 10
# Of a history with longer steps so many are looked at, and have to be seen of the new level.
_LEAST_BACK, _LEAST_AFTER = 20, 6
_BOUNDS = (".critical", ".warning")
_BURN = "burn.service."
_SERVICE = {"service.down": "heartbeat_age", "service.failing": "error_rate", "service.degraded": "error_rate"}

# The indicator that a rule judges, when its name does not say so.
Watched = Callable[[str], str | None]


def watched(member: Member, of_rule: Watched) -> tuple[str, str] | None:
    """Indicator and member of the series that an alert judges; None when it judges none."""
    rule = member.rule
    if rule in _SERVICE:
        return f"services.{_SERVICE[rule]}", member.member
    if rule.startswith(_BURN):
        return "services.error_rate", member.member
    plain = next((rule.removesuffix(each) for each in _BOUNDS if rule.endswith(each)), rule.removeprefix("anomaly."))
    known = series.indicators()
    found = plain if plain in known else of_rule(rule)
    return None if found is None or found not in known else (found, member.member)


def due(member: Member, now: datetime) -> bool:
    """Whether enough was seen since the alert fired."""
    return member.deviated_at is None and now >= member.first_fired_at + AFTER


async def read(
    member: Member,
    environment: str,
    of_rule: Watched,
    reader: Reader,
    listening: datetime,
    now: datetime,
    step_s: float = STEP_S,
) -> datetime | None:
    """When the series of an alert left its level; None when it judges none, or no change was found.

    Args:
        member: the alert.
        environment: where it fired.
        of_rule: the indicator that its rule judges.
        reader: reads the telemetry store.
        listening: since when the server listens.
        now: up to when there is history.
        step_s: how far apart the rounds were of which it was kept.

    Raises:
        StoreError: the store refused the query or took too long.
    """
    found = watched(member, of_rule)
    if found is None:
        return None
    step_s = max(step_s, STEP_S)
    start = member.started_at - max(BACK, timedelta(seconds=_LEAST_BACK * step_s))
    pending = member.first_fired_at - member.started_at
    end = min(now, member.first_fired_at + max(AFTER, timedelta(seconds=_LEAST_AFTER * step_s), pending / 2))
    span = Span(end, math.ceil((end - start).total_seconds()), listening)
    steps = (await series.read(reader, found[0], environment, found[1], span, STEP_S, now)).get(found[1], ())
    began = onset(steps, member.started_at, step_s)
    # A bad observation is a deviation: the step in which it lies may be the first of the new level.
    return None if began is None else min(began, member.started_at)


async def keep(rows: Rows, incident_id: str, member: Member, at: datetime) -> None:
    """Keep the change point of an alert's series. What was written of its incident is out of date then.

    Raises:
        StateError: the control store failed.
    """
    await rows.incidents.lock()
    case = await rows.incidents.find(incident_id)
    if case is None or case.incident.merged_into is not None:
        return
    if all(each.fingerprint != member.fingerprint for each in case.members):
        return
    await rows.incidents.write([deviated(case, member.fingerprint, at)], [])
    await rows.incidents.drop_reports(incident_id)


def onset(steps: Sequence[series.Step], at: datetime, step_s: float = STEP_S) -> datetime | None:
    """Start of the step in which the level of a series that holds at a moment began."""
    if not steps:
        return None
    places = [round((step.at - steps[0].at).total_seconds() / step_s) for step in steps]
    values: list[float | None] = [None] * (places[-1] + 1)
    for place, step in zip(places, steps, strict=True):
        values[place] = step.mean
    # Rounds and steps are not in step: what was seen bad at the edge of one may lie in the next.
    noticed = round((at - steps[0].at).total_seconds() / step_s) + 1
    found = change.onset(values, min(noticed, len(values) - 1))
    return None if found is None else steps[0].at + timedelta(seconds=found * step_s)
