"""Runbooks: what to do, with its questions asked as it is read, and whether it is over."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from observatory import runbooks
from observatory.api import health_json, runbook_checks, runbook_live
from observatory.api.access import require
from observatory.api.alerts import evaluator_of
from observatory.api.deep_dives import Environment, expect_environment
from observatory.api.runbook_checks import Asked
from observatory.api.snapshot import ANSWERS, send
from observatory.auth import READ
from observatory.errors import NotFound, StoreError
from observatory.runbooks import Check, Outcome, Runbook, Step
from observatory.runbooks.verify import Judged
from observatory.tick import DEFAULT_ENVIRONMENT

router = APIRouter(
    prefix="/api/v1/monitoring/runbooks", tags=["runbooks"], dependencies=[Depends(require(READ))], responses=ANSWERS
)

OutcomeName = Literal["recovered", "not_yet", "unknown"]
_AT = "2026-01-02T03:04:05.000Z"
_PROVENANCE: dict[str, Any] = {
    "unit": "s",
    "samples": 3,
    "window_s": 86_400,
    "as_of": _AT,
    "source": "fact_order_states",
    "estimated": False,
}
_LOOK: dict[str, Any] = {
    "kind": "indicator",
    "of": "trading_execution.unknown_age",
    "section": "",
    "sentence": "age of the oldest order in an unknown state, now",
    "link": "/api/v1/monitoring/series?indicator=trading_execution.unknown_age&window=3600s&environment=production",
    "items": [{"member": "", "value": 72.0, "bound": "> 10", "provenance": _PROVENANCE}],
    "more": 0,
    "problem": "",
}
_VERIFIED: dict[str, Any] = {
    "outcome": "not_yet",
    "checks": [
        {
            "sentence": "no alert of this runbook's rules has been open for 120 s",
            "outcome": "not_yet",
            "reason": "still open: trading_execution.unknown_age.critical",
            "held_s": 120,
            "items": [{"member": "", "value": 72.0, "provenance": _PROVENANCE}],
        }
    ],
}
_BRIEF: dict[str, Any] = {
    "id": "trading-execution-unknown-age",
    "title": "Orders in an unknown state",
    "means": "Nobody knows whether they were carried out.",
    "rules": ["trading_execution.unknown_age.critical"],
    "steps": 4,
    "alerts_firing": 1,
    "link": "/api/v1/monitoring/runbooks/trading-execution-unknown-age",
}
_WHOLE: dict[str, Any] = {
    **{name: _BRIEF[name] for name in ("id", "title", "means", "rules")},
    "environment": "production",
    "member": "",
    "as_of": _AT,
    "steps": [{"number": 1, "do": "See which orders.", "looks": [_LOOK]}],
    "verified": _VERIFIED,
}


class RunbookBrief(BaseModel):
    """One runbook of the list."""

    id: str
    title: str
    means: str = Field(description="What it means for the people who use the platform.")
    rules: list[str] = Field(description="Ids of the rules in force that name it.")
    steps: int
    alerts_firing: int = Field(description="Alerts of the environment that fire now and name it.")
    link: str


class RunbookList(BaseModel):
    """Every runbook, those of alerts that fire first."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"environment": "production", "items": [_BRIEF]}]})

    environment: str
    items: list[RunbookBrief]


class LookShown(BaseModel):
    """One question and what it finds now. Every row of `items` says where it is from under `provenance`."""

    kind: Literal["indicator", "series", "endpoint", "services", "alerts", "slos", "metric"]
    of: str
    section: str | None = None
    sentence: str
    link: str = Field(description="Where the same is found in full.")
    items: list[dict[str, Any]]
    more: int = Field(description="Rows that were left out here.")
    problem: str | None = Field(None, description="Why it could not be asked; null when it was.")


class StepShown(BaseModel):
    """What to do, and what to look at while doing it."""

    number: int
    do: str
    looks: list[LookShown]


class CheckShown(BaseModel):
    """One check: what it asks for, what it says, and the numbers that it rests on."""

    sentence: str
    outcome: OutcomeName
    reason: str
    held_s: int = Field(description="Seconds for which it must have been so.")
    items: list[dict[str, Any]]


class Verified(BaseModel):
    """All checks together: `recovered` when each says so, `not_yet` when one says so, else `unknown`."""

    outcome: OutcomeName
    checks: list[CheckShown]


class RunbookShown(BaseModel):
    """One runbook, with its questions asked now."""

    model_config = ConfigDict(json_schema_extra={"examples": [_WHOLE]})

    id: str
    title: str
    means: str
    rules: list[str]
    environment: str
    member: str
    as_of: str
    steps: list[StepShown]
    verified: Verified


@router.get("", response_model=RunbookList)
async def show(request: Request, environment: Environment = DEFAULT_ENVIRONMENT) -> Response:
    """Every runbook with the rules that name it, those of alerts that fire first."""
    expect_environment(request, environment)
    asked = await runbook_checks.asked(request.app.state, environment)
    firing = [each.runbook for each in asked.alerts if each.phase == "firing"]
    ordered = sorted(runbooks.load().values(), key=lambda book: (-firing.count(book.id), book.id))
    items = [
        {
            "id": book.id,
            "title": book.title,
            "means": book.means,
            "rules": _rules(request, book),
            "steps": len(book.steps),
            "alerts_firing": firing.count(book.id),
            "link": f"{runbook_live.BASE}/runbooks/{book.id}",
        }
        for book in ordered
    ]
    return send(request, {"environment": environment, "items": items})


@router.get("/{runbook_id}", response_model=RunbookShown)
async def show_one(
    request: Request,
    runbook_id: Annotated[str, Path(max_length=160, description="As an alert names it.")],
    environment: Environment = DEFAULT_ENVIRONMENT,
    member: Annotated[
        str, Query(max_length=512, description="The member or service concerned; empty: whatever is.")
    ] = "",
) -> Response:
    """One runbook: its steps with what their questions find now, and whether its checks say that it is over.

    An id that a rule names and nobody has written a runbook for is answered with what holds for anything. Answers 404
    for any other.
    """
    expect_environment(request, environment)
    book = runbooks.load().get(runbook_id) or _general(request, runbook_id)
    asked = await runbook_checks.asked(request.app.state, environment, member)
    steps, verified = await asyncio.gather(
        asyncio.gather(*(_step(number, each, asked) for number, each in enumerate(book.steps, 1))),
        _verified(book, asked),
    )
    values = {
        **{name: getattr(book, name) for name in ("id", "title", "means")},
        "rules": _rules(request, book),
        "environment": environment,
        "member": member,
        "as_of": health_json.moment(asked.at),
        "steps": steps,
        "verified": verified,
    }
    return send(request, values)


async def _step(number: int, step: Step, asked: Asked) -> Mapping[str, Any]:
    looks = await asyncio.gather(*(runbook_live.shown(each, asked) for each in step.looks))
    return {"number": number, "do": step.do, "looks": looks}


async def _verified(book: Runbook, asked: Asked) -> Mapping[str, Any]:
    try:
        judged = await runbook_checks.judged(book, asked)
    except StoreError as error:
        told = Judged(Outcome.UNKNOWN, f"could not be asked: {error}")
        judged = [(check, told) for check in book.checks]
    return {
        "outcome": runbooks.verify.together(each for _, each in judged),
        "checks": [_check(check, each) for check, each in judged],
    }


def _check(check: Check, judged: Judged) -> Mapping[str, Any]:
    return {
        "sentence": runbook_checks.sentence(check),
        "outcome": judged.outcome,
        "reason": judged.reason,
        "held_s": check.held_s,
        "items": [
            {"member": member, "value": health_json.number(each), "provenance": health_json.provenance(each)}
            for member, each in judged.measured[: runbook_live.MOST]
        ],
    }


def _general(request: Request, runbook_id: str) -> Runbook:
    named = [each for each in evaluator_of(request).rulebook.rules if each.runbook == runbook_id]
    if not named or not runbook_id:
        raise NotFound(f"no runbook {runbook_id!r}")
    judged = (getattr(each.condition, "indicator", None) for each in named)
    return runbooks.general(runbook_id, named[0].sentence, [each.id for each in judged if each is not None])


def _rules(request: Request, book: Runbook) -> Sequence[str]:
    return [each.id for each in evaluator_of(request).rulebook.rules if each.runbook == book.id]
