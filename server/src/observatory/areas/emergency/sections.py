"""What SQL cannot do for the safety systems: flapping, what users lose, and what a deployment changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files

import yaml

from observatory.analytics import flapping, intervals
from observatory.areas.assess import Span
from observatory.areas.deepdive import Row

FLAPS = 4
_WITHIN_S = 600.0
_UNKNOWN = "not known: no service of the catalogue"


@cache
def losses() -> Mapping[str, str]:
    """What users lose, by id of the service that works with less than it should."""
    told = yaml.safe_load(files(__package__).joinpath("journeys.yaml").read_text(encoding="utf-8"))
    return {service: str(journey["loses"]) for journey in told for service in journey["services"]}


def breakers(rows: Sequence[Row], span: Span) -> Sequence[Row]:
    """One row a breaker from the arrays of its stays: how it stands, how long it was open, and whether it flaps."""
    return [_breaker(row, span) for row in rows]


def lost(rows: Sequence[Row], _span: Span) -> Sequence[Row]:
    """Rows with a `service`, and what users lose with it."""
    return [{**row, "users_lose": losses().get(str(row["service"]), _UNKNOWN)} for row in rows]


def compared(rows: Sequence[Row], _span: Span) -> Sequence[Row]:
    """Deployments with the share of failed calls before and after, and whether the difference is beyond chance."""
    return [_compared(row) for row in rows]


def _breaker(row: Row, span: Span) -> Row:
    times: Sequence[datetime] = row["times"]
    states = [str(each) for each in row["states"]]
    ends = [*times[1:], span.end]
    within = [at for at in times if at > span.start]
    open_s = sum(
        (end - max(at, span.start)).total_seconds()
        for at, end, state in zip(times, ends, states, strict=True)
        if state == "open" and end > span.start
    )
    most = flapping.most([at.timestamp() for at in times if at > span.start - timedelta(seconds=_WITHIN_S)], _WITHIN_S)
    return {
        "breaker": row["breaker"],
        "state": states[-1],
        "since": times[-1],
        "in_state_s": (span.end - times[-1]).total_seconds(),
        "transitions": len(within),
        "trips": sum(state == "open" for at, state in zip(times, states, strict=True) if at > span.start),
        "open_s": open_s,
        "open_ratio": open_s / span.window_s,
        "most_transitions_10m": most,
        "flapping": most >= FLAPS,
        "last_reason": row["last_reason"],
        "service": row["service"],
    }


def _compared(row: Row) -> Row:
    before = _share(int(row["failed_before"]), int(row["calls_before"]))
    after = _share(int(row["failed_after"]), int(row["calls_after"]))
    apart = before is not None and after is not None and after[1] > before[2]
    enough = before is not None and after is not None
    return {
        **row,
        "failed_before_ratio": before[0] if before else None,
        "failed_after_ratio": after[0] if after else None,
        "verdict": ("worse" if apart else "no_worse") if enough else "not_enough_data",
        "users_lose": losses().get(str(row["service"]), _UNKNOWN) if apart else "",
    }


def _share(failed: int, calls: int) -> tuple[float, float, float] | None:
    ends = intervals.wilson(failed / calls, calls) if calls else None
    return (failed / calls, *ends) if ends else None
