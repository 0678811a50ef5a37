"""What other rooms tell the emergency page: open incidents, what to do about them, who is told, how long it took."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from starlette.datastructures import State

from observatory import incidents as folded
from observatory import oncall, runbooks
from observatory.api import runbook_checks
from observatory.areas.assess import Span
from observatory.areas.deepdive import Row
from observatory.areas.emergency import sections
from observatory.errors import StoreError
from observatory.model.alert import Alert, Phase
from observatory.model.incident import Case
from observatory.model.incident import State as Stage
from observatory.oncall import records
from observatory.runbooks import Outcome, Runbook
from observatory.state import IncidentsWanted, Wanted

# Rows of a topic for an environment; `past` when a time long ago was asked for.
Teller = Callable[[State, str, Span, bool], Awaitable[Sequence[Row]]]

_MOST = 200
_OPEN = tuple(each for each in Stage if each.open)
_MOST_CHECKED = 12


async def incidents(state: State, environment: str, span: Span, past: bool) -> Sequence[Row]:
    """Incidents that were not resolved at the end of the span, the worst first."""
    async with state.control.reading() as rows:
        if past:
            opened_then = IncidentsWanted(environment, states=_OPEN)
            cases = [each.case for each in (await rows.incidents.page(opened_then, None, _MOST, span.end)).cases]
        else:
            cases = await rows.incidents.open(environment)
    opened = sorted((each for each in cases if each.incident.open), key=_rank)
    return [_incident(each, span.end) for each in opened]


async def procedures(state: State, environment: str, span: Span, past: bool) -> Sequence[Row]:
    """The runbooks of what fired at the end of the span, the worst first."""
    firing = await _firing(state, environment, span.end, past)
    books = runbooks.load()
    grouped: dict[str, list[Alert]] = {}
    for alert in sorted(firing, key=lambda each: (-each.severity.rank, each.since)):
        if alert.runbook in books:
            grouped.setdefault(alert.runbook, []).append(alert)
    checked = list(grouped)[: 0 if past else _MOST_CHECKED]
    asked = await runbook_checks.asked(state, environment) if checked else None
    told = await asyncio.gather(*(_verified(books[name], asked) for name in checked if asked))
    verdicts = dict(zip(checked, told, strict=True))
    return [
        _procedure(books[name], alerts, *verdicts.get(name, (None, "not asked")), environment)
        for name, alerts in grouped.items()
    ]


async def recovery(state: State, environment: str, span: Span, _past: bool) -> Sequence[Row]:
    """The four times of the incidents of the span."""
    async with state.control.reading() as rows:
        found = await folded.recovery(rows, environment, span.start, span.end)
    return [
        {
            "measure": each.id,
            "sentence": each.sentence,
            "mean_s": each.mean_s,
            "median_s": each.median_s,
            "incidents": each.samples,
            "estimated": each.estimated,
            "reason": "" if each.samples else _untold(each.missing),
        }
        for each in found
    ]


def _untold(missing: int) -> str:
    if not missing:
        return "no incident of the range tells of it"
    return f"of {missing} incidents one of the two ends is not known, or not there yet"


async def escalations(state: State, environment: str, span: Span, _past: bool) -> Sequence[Row]:
    """Who is told after how long of what nobody takes, a row for each level of each policy in force here."""
    async with state.control.reading() as rows:
        policies = await records.policies(rows)
        schedules = await records.schedules(rows)
    here = sorted((each for each in policies if _holds(each, environment)), key=lambda each: (each.rank, each.id))
    return [row for each in here for row in _levels(each, schedules, span.end)]


def _holds(policy: oncall.Policy, environment: str) -> bool:
    return policy.enabled and (not policy.environments or environment in policy.environments)


def _levels(policy: oncall.Policy, schedules: Mapping[str, oncall.Schedule], at: datetime) -> Iterator[Row]:
    after_s = policy.delay_s
    for place, level in enumerate(policy.levels):
        told = oncall.targets(policy, place, at, schedules)
        yield {
            "policy": policy.id,
            "sentence": policy.sentence,
            "severities": [each.value for each in policy.severities],
            "areas": list(policy.areas),
            "level": place + 1,
            "after_s": after_s,
            "channels": list(dict.fromkeys(each.channel or "every channel that takes it" for each in told)),
            "people": list(dict.fromkeys(each.person for each in told if each.person)),
            "loops": policy.loops,
            "acknowledgement_timeout_s": policy.acknowledgement_timeout_s,
        }
        after_s += level.wait_s


TELLERS: Mapping[str, Teller] = {
    "incidents": incidents,
    "runbooks": procedures,
    "recovery": recovery,
    "escalations": escalations,
}


async def _firing(state: State, environment: str, at: datetime, past: bool) -> list[Alert]:
    async with state.control.reading() as rows:
        if not past:
            return [each for each in await rows.alerts.open(environment) if each.phase is Phase.FIRING]
        kept = await rows.alerts.page(Wanted(environment, phases=(Phase.FIRING,)), None, _MOST, at)
        return [each.transition.alert for each in kept]


async def _verified(book: Runbook, asked: runbook_checks.Asked) -> tuple[Outcome | None, str]:
    try:
        judged = [each for _, each in await runbook_checks.judged(book, asked)]
    except StoreError as error:
        return None, f"could not be asked: {error}"
    outcome = runbooks.verify.together(judged)
    return outcome, next((each.reason for each in judged if each.outcome is outcome), "")


def _procedure(
    book: Runbook, alerts: Sequence[Alert], outcome: Outcome | None, because: str, environment: str
) -> dict[str, Any]:
    return {
        "runbook": book.id,
        "title": book.title,
        "means": book.means,
        "steps": len(book.steps),
        "rules": list(dict.fromkeys(each.rule for each in alerts)),
        "members": [each for each in dict.fromkeys(each.member for each in alerts) if each],
        "severity": alerts[0].severity.value,
        "since": min(each.since for each in alerts),
        "verified": outcome,
        "verified_because": because,
        "link": f"/api/v1/monitoring/runbooks/{book.id}?environment={environment}",
    }


def _incident(case: Case, at: datetime) -> dict[str, Any]:
    found = case.incident
    lost = sections.losses()
    return {
        "incident": found.id,
        "severity": found.severity.value,
        "state": found.state.value,
        "title": found.title,
        "opened_at": found.opened_at,
        "open_s": max((at - found.opened_at).total_seconds(), 0.0),
        "acknowledged_at": found.acknowledged_at,
        "alerts": len(found.alerts),
        "firing": len(case.firing),
        "services": list(found.services),
        "users_lose": list(dict.fromkeys(lost[each] for each in found.services if each in lost)),
        "reason": found.reason,
        "confidence": found.confidence,
    }


def _rank(case: Case) -> tuple[int, datetime]:
    return -case.incident.severity.rank, case.incident.opened_at
