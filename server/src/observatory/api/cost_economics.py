"""What a conversation, a signal and a profitable outcome cost; margins by user; who sends what cannot be counted."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from observatory.analytics import intervals
from observatory.api import cost_asked, health_json
from observatory.api.access import require
from observatory.api.cost_asked import CostProvenance
from observatory.api.deep_dives import Environment, Limit, expect_environment
from observatory.api.ranges import Range, Ranged
from observatory.api.snapshot import ANSWERS, send
from observatory.areas.costs import margins, outcomes, violations
from observatory.areas.costs.margins import Margin
from observatory.areas.costs.outcomes import PerOutcome
from observatory.auth import READ
from observatory.costs import Ledger, Spent
from observatory.tick import DEFAULT_ENVIRONMENT

router = APIRouter(
    prefix="/api/v1/monitoring/costs", tags=["costs"], dependencies=[Depends(require(READ))], responses=ANSWERS
)

_KNOWN = {"environment", "window", "from", "to", "as_of"}
_AT = "2026-01-20T03:00:00.000Z"
_FROM: dict[str, Any] = {
    "environment": "production",
    "from": "2026-01-19T03:00:00.000Z",
    "to": _AT,
    "window_s": 86_400,
}
_PROVENANCE: dict[str, Any] = {
    "samples": 124,
    "window_s": 86_400,
    "as_of": _AT,
    "source": cost_asked.SOURCE,
    "estimated": False,
}
_MEAN: dict[str, Any] = {"mean_usd": 0.12, "interval_usd": [0.1, 0.14], "count": 40, "spent_usd": 4.8}
_OUTCOME: dict[str, Any] = {
    "value": "momentum",
    "usd": 0.8,
    "interval_usd": [0.6, 1.1],
    "spent_usd": 16.0,
    "outcomes": 50,
    "profitable": 20,
}
_MARGIN: dict[str, Any] = {
    "user": "u-17",
    "paid_usd": 20.0,
    "fees_usd": 5.0,
    "cost_usd": 4.0,
    "margin_usd": 21.0,
    "estimated": False,
}
_BAD: dict[str, Any] = {
    "of": "model call",
    "violation": "more cached tokens than tokens in",
    "service": "ai_consensus_service",
    "spelling": "gen_ai",
    "scope": "a.library",
    "provider": "openai",
    "model": "gpt-4o-mini",
    "entries": 3,
    "last_at": _AT,
}


class CostAnswer(BaseModel):
    """What every answer here says."""

    model_config = ConfigDict(populate_by_name=True)

    environment: str
    start: str = Field(alias="from")
    to: str
    window_s: int
    provenance: CostProvenance


class MeanCost(BaseModel):
    """What one of its kind costs on average, with the 95 % interval of the mean. Nulls: too few."""

    mean_usd: float | None
    interval_usd: list[float] | None
    count: int
    spent_usd: float | None


class OutcomeCost(BaseModel):
    """What a profitable outcome costs, with a 95 % interval: all outcomes' cost by the profitable. Nulls: too few."""

    value: str = Field(description="Empty: all.")
    usd: float | None
    interval_usd: list[float] | None
    spent_usd: float
    outcomes: int
    profitable: int


class UnitCosts(CostAnswer):
    """What one of a kind costs."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    **_FROM,
                    "per_conversation": _MEAN,
                    "per_signal": _MEAN,
                    "per_profitable_outcome": _OUTCOME,
                    "by_strategy": [_OUTCOME],
                    "by_type": [_OUTCOME],
                    "provenance": _PROVENANCE,
                }
            ]
        }
    )

    per_conversation: MeanCost
    per_signal: MeanCost
    per_profitable_outcome: OutcomeCost
    by_strategy: list[OutcomeCost]
    by_type: list[OutcomeCost]


class MarginItem(BaseModel):
    """One user's margin. Nulls: nothing of the kind is known; a margin with an unknown cost in it is null."""

    user: str
    paid_usd: float | None = Field(description="Payments for credits less refunds.")
    fees_usd: float | None = Field(description="The platform's shares of the user's profits.")
    cost_usd: float | None
    margin_usd: float | None = Field(description="Payments and fees less costs.")
    estimated: bool


class Margins(CostAnswer):
    """Margins by user, the least first."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{**_FROM, "items": [_MARGIN], "more": 2, "provenance": _PROVENANCE}]}
    )

    items: list[MarginItem]
    more: int


class ViolationItem(BaseModel):
    """Entries of one sender that were counted and never added."""

    of: str
    violation: str
    service: str
    spelling: str
    scope: str
    provider: str
    model: str
    entries: int
    last_at: str


class Violations(CostAnswer):
    """Who sent what cannot be counted, the most frequent first."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{**_FROM, "items": [_BAD], "more": 2, "provenance": _PROVENANCE}]}
    )

    items: list[ViolationItem]
    more: int


@router.get("/outcomes", response_model=UnitCosts)
async def show_outcomes(
    request: Request, asked: Annotated[Range, Depends(Ranged("24h"))], environment: Environment = DEFAULT_ENVIRONMENT
) -> Response:
    """What a conversation, a signal and a profitable outcome cost. The range has 8 days at most.

    A model call counts for the signal it names, or for the only one that its trace is about.
    """
    _expect(request, environment)
    ledger: Ledger = request.app.state.ledger
    talks = await ledger.spent(environment, asked.start, asked.end, ("conversation",))
    talks = [each for each in talks if each.key[0]]
    found, signals = await outcomes.read(request.app.state.store.reader, ledger, environment, asked.start, asked.end)
    values = {
        **_range(environment, asked),
        "per_conversation": _mean(talks),
        "per_signal": _mean(signals),
        "per_profitable_outcome": _outcome("", outcomes.per_outcome(found)),
        "by_strategy": [_outcome(value, each) for value, each in outcomes.by(found, "strategy").items()],
        "by_type": [_outcome(value, each) for value, each in outcomes.by(found, "type").items()],
        "provenance": cost_asked.provenance(asked, [*talks, *signals], f"{cost_asked.SOURCE}; fact_signal_outcomes"),
    }
    return send(request, values)


@router.get("/margins", response_model=Margins)
async def show_margins(
    request: Request,
    asked: Annotated[Range, Depends(Ranged("30d"))],
    environment: Environment = DEFAULT_ENVIRONMENT,
    limit: Limit = 50,
) -> Response:
    """Each user's payments and fees less what the user cost, the least margin first."""
    _expect(request, environment, "limit")
    state = request.app.state
    found = await margins.read(state.store.reader, state.ledger, environment, asked.start, asked.end)
    source = f"fact_payments, fact_profit_shares; {cost_asked.SOURCE}"
    values = {
        **_range(environment, asked),
        "items": [_margin(each) for each in found[:limit]],
        "more": max(0, len(found) - limit),
        "provenance": {**cost_asked.provenance(asked, [], source), "samples": len(found)},
    }
    return send(request, values)


@router.get("/violations", response_model=Violations)
async def show_violations(
    request: Request,
    asked: Annotated[Range, Depends(Ranged("24h"))],
    environment: Environment = DEFAULT_ENVIRONMENT,
    limit: Limit = 50,
) -> Response:
    """Model calls whose counts contradict each other and charges without an amount, by sender; none is added."""
    _expect(request, environment, "limit")
    found = await violations.read(request.app.state.store.reader, environment, asked.start, asked.end)
    samples = sum(int(row["entries"]) for row in found)
    values = {
        **_range(environment, asked),
        "items": [{**row, "last_at": health_json.moment(row["last_at"])} for row in found[:limit]],
        "more": max(0, len(found) - limit),
        "provenance": {**cost_asked.provenance(asked, []), "samples": samples},
    }
    return send(request, values)


def _expect(request: Request, environment: str, *more: str) -> None:
    cost_asked.expect_only(request, {*_KNOWN, *more})
    expect_environment(request, environment)


def _range(environment: str, asked: Range) -> Mapping[str, Any]:
    return {
        "environment": environment,
        "from": health_json.moment(asked.start),
        "to": health_json.moment(asked.end),
        "window_s": asked.window_s,
    }


def _mean(rows: Sequence[Spent]) -> Mapping[str, Any]:
    known = [row.usd for row in rows if row.usd is not None]
    costs = [float(usd) for usd in known]
    found = intervals.mean(statistics.fmean(costs), statistics.stdev(costs), len(costs)) if len(costs) > 1 else None
    return {
        "mean_usd": statistics.fmean(costs) if costs else None,
        "interval_usd": [max(0.0, found[0]), found[1]] if found else None,
        "count": len(costs),
        "spent_usd": float(sum(known)) if known else None,
    }


def _outcome(value: str, found: PerOutcome) -> Mapping[str, Any]:
    return {
        "value": value,
        "usd": cost_asked.usd(found.usd),
        "interval_usd": list(found.interval) if found.interval else None,
        "spent_usd": float(found.spent_usd),
        "outcomes": found.outcomes,
        "profitable": found.profitable,
    }


def _margin(found: Margin) -> Mapping[str, Any]:
    return {
        "user": found.user,
        "paid_usd": cost_asked.usd(found.paid_usd),
        "fees_usd": cost_asked.usd(found.fees_usd),
        "cost_usd": cost_asked.usd(found.cost_usd),
        "margin_usd": cost_asked.usd(found.margin_usd),
        "estimated": found.estimated,
    }
