"""Where spending goes: to the end of the day, the week and the month."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from observatory.api import health_json
from observatory.api.access import require
from observatory.api.budget_json import number
from observatory.api.deep_dives import Environment, expect_environment
from observatory.api.health_models import Provenance
from observatory.api.snapshot import ANSWERS, send
from observatory.auth import READ
from observatory.costs import forecasts
from observatory.costs.budgets import SOURCE, Standing
from observatory.costs.forecasts import Ahead, Outlook
from observatory.costs.ledger import Ledger
from observatory.costs.outlooks import Outlooks, scope
from observatory.costs.periods import PERIODS, around
from observatory.costs.standings import Standings
from observatory.errors import InvalidRequest
from observatory.model import Measurement
from observatory.tick import DEFAULT_ENVIRONMENT

router = APIRouter(
    prefix="/api/v1/monitoring/costs", tags=["costs"], dependencies=[Depends(require(READ))], responses=ANSWERS
)

# How long a request waits for an outlook that nobody asked for before. It is made in the background in any case.
WAIT_S = 2.0
_METHOD = f"{SOURCE}, hourly over 28 days; the model with the least error over sums of this length"
_AT = "2026-01-20T03:04:05.000Z"
_BANDS = [
    {"level": 0.5, "low_usd": 95.0, "high_usd": 101.5, "held_ratio": 0.53},
    {"level": 0.8, "low_usd": 92.5, "high_usd": 104.0, "held_ratio": 0.78},
    {"level": 0.95, "low_usd": 88.0, "high_usd": 108.5, "held_ratio": 0.94},
]
_AHEAD: dict[str, Any] = {
    "period": "day",
    "state": "forecast",
    "ends_at": "2026-01-21T00:00:00.000Z",
    "spent_usd": 12.5,
    "expected_usd": 98.25,
    "bands": _BANDS,
    "method": "ETS(A,N,A)",
    "error_ratio": 0.06,
    "tests": 24,
    "tested_h": 21,
    "needs_h": 0,
    "estimated": False,
    "provenance": {
        "expected_usd": {
            "unit": "usd",
            "samples": 672,
            "window_s": 2_419_200,
            "as_of": "2026-01-20T03:00:00.000Z",
            "source": _METHOD,
            "estimated": True,
        }
    },
}

Value = Annotated[str | None, Query(min_length=1, max_length=200)]


class ForecastBand(BaseModel):
    """A band. `held_ratio`: the share of earlier forecasts of this kind that such a band held; null: not tried yet.

    The models were chosen by the same forecasts, so that the next ones hold somewhat less.
    """

    level: float
    low_usd: float
    high_usd: float
    held_ratio: float | None


class ForecastItem(BaseModel):
    """What will have been spent at a period's end, what was spent in it so far included."""

    period: Literal["day", "week", "month"]
    state: Literal["forecast", "wide", "not enough history", "pending"] = Field(
        description="wide: too little history to test it on, the mean goes on. pending: being made; ask again."
    )
    ends_at: datetime
    spent_usd: float | None
    expected_usd: float | None
    bands: list[ForecastBand] = Field(description="Empty without a forecast.")
    method: str
    error_ratio: float | None = Field(description="Mean absolute error of earlier forecasts of this kind.")
    tests: int = Field(description="Earlier forecasts behind `held_ratio`; they overlap.")
    tested_h: int = Field(description="Over how many hours they went.")
    needs_h: int = Field(description="Hours of history that a tested forecast still lacks.")
    estimated: bool = Field(description="Spending itself is: some of it has no known amount, or an estimated one.")
    provenance: dict[str, Provenance]


class Crossing(BaseModel):
    """When a budget is crossed. Nulls: not within 31 days, or no forecast."""

    budget_id: int
    name: str
    period: Literal["day", "week", "month"]
    amount_usd: str
    expected_usd: float | None
    crossed_on: str | None
    crossed_on_earliest: str | None


class CostForecast(BaseModel):
    """Forecasts of spending."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "environment": "production",
                    "scope": {"category": "ai"},
                    "timestamp": _AT,
                    "made_for": "2026-01-20T03:00:00.000Z",
                    "history_h": 672,
                    "items": [_AHEAD],
                    "next": "day",
                    "budgets": [
                        {
                            "budget_id": 1,
                            "name": "AI",
                            "period": "month",
                            "amount_usd": "3000",
                            "expected_usd": 3_700.5,
                            "crossed_on": "2026-01-25",
                            "crossed_on_earliest": "2026-01-24",
                        }
                    ],
                }
            ]
        }
    )

    environment: str
    scope: dict[str, str] = Field(description="Empty: all spending.")
    timestamp: datetime
    made_for: datetime | None = Field(description="End of the last hour it rests on.")
    history_h: int = Field(description="Hours of history it rests on.")
    items: list[ForecastItem]
    next: str | None
    budgets: list[Crossing] = Field(description="Budgets of exactly this scope; without a scope all of them.")


@router.get("/forecast", response_model=CostForecast)
async def show(
    request: Request,
    environment: Environment = DEFAULT_ENVIRONMENT,
    provider: Value = None,
    model: Value = None,
    category: Value = None,
    user: Value = None,
    cohort: Value = None,
    feature: Value = None,
) -> Response:
    """Spending forecast to the end of the day, the week and the month (UTC), with bands of 50, 80 and 95 %.

    The model is the one that was best at sums of this length over the scope's own last 28 days; how often its bands
    held what came stands beside them. It is made anew each hour in the background; the first time a scope is asked for
    the answer may be `pending`. With little history the state says so, and how much is missing.
    """
    given = {
        "provider": provider,
        "model": model,
        "category": category,
        "user": user,
        "cohort": cohort,
        "feature": feature,
    }
    _expect_only(request, {"environment", *given})
    expect_environment(request, environment)
    people = getattr(request.app.state, "people", None)
    only = {name: value for name, value in given.items() if value is not None}
    if "user" in only and people is not None:
        only["user"] = people.known_as(only["user"])
    state = request.app.state
    outlooks: Outlooks = state.outlooks
    outlook = await outlooks.soon(scope(environment, only), WAIT_S)
    now: datetime = state.clock.now()
    items = [await _item(state.ledger, environment, only, period, outlook, now) for period in PERIODS]
    values = {
        "environment": environment,
        "scope": only,
        "timestamp": health_json.moment(now),
        "made_for": health_json.moment(outlook.at) if outlook else None,
        "history_h": outlook.samples if outlook else 0,
        "items": items,
        "next": None,
        "budgets": _crossings(state.standings, environment, only),
    }
    return send(request, values)


async def _item(
    ledger: Ledger, environment: str, only: Mapping[str, str], period: str, outlook: Outlook | None, now: datetime
) -> Mapping[str, Any]:
    found = around(period, now)
    heard = outlook is not None and outlook.samples > 0
    spent = await _spent(ledger, environment, found.start, now, only, heard)
    if outlook is None:
        return _without(period, found.end, spent, "pending", 0)
    before = await _spent(ledger, environment, found.start, outlook.at, only, heard)
    ahead = forecasts.ahead(outlook, period, now, spent or Decimal(0), before or Decimal(0))
    needs_h = max(0, forecasts.TESTED_H - outlook.samples)
    if ahead.expected_usd is None:
        return _without(period, found.end, spent, "not enough history", needs_h)
    return _told(ahead, outlook, spent, needs_h)


async def _spent(
    ledger: Ledger, environment: str, since: datetime, until: datetime, only: Mapping[str, str], heard: bool
) -> Decimal | None:
    """What was spent; None when nothing of it is known. Where the scope has a history, no call at all is a 0."""
    rows = await ledger.spent(environment, since, until, only=only) if since < until else []
    if not rows:
        return Decimal(0) if heard else None
    known = [row.usd for row in rows if row.usd is not None]
    return sum(known, Decimal(0)) if known else None


def _told(ahead: Ahead, outlook: Outlook, spent: Decimal | None, needs_h: int) -> Mapping[str, Any]:
    bands = [
        {"level": level, "low_usd": number(low), "high_usd": number(high), "held_ratio": ahead.coverage.get(level)}
        for level, (low, high) in ahead.bands.items()
    ]
    window_s = round(timedelta(hours=outlook.samples).total_seconds())
    expected = Measurement(ahead.expected_usd, "usd", outlook.samples, window_s, outlook.at, _METHOD, True)
    return {
        "period": ahead.period,
        "state": "forecast" if ahead.course.enough else "wide",
        "ends_at": health_json.moment(ahead.ends_at),
        "spent_usd": number(spent),
        "expected_usd": number(ahead.expected_usd),
        "bands": bands,
        "method": ahead.course.method,
        "error_ratio": ahead.course.error,
        "tests": ahead.tests,
        "tested_h": ahead.tested_h,
        "needs_h": needs_h,
        "estimated": outlook.estimated,
        "provenance": {"expected_usd": health_json.provenance(expected)},
    }


def _without(period: str, ends_at: datetime, spent: Decimal | None, state: str, needs_h: int) -> Mapping[str, Any]:
    return {
        "period": period,
        "state": state,
        "ends_at": health_json.moment(ends_at),
        "spent_usd": number(spent),
        "expected_usd": None,
        "bands": [],
        "method": "none",
        "error_ratio": None,
        "tests": 0,
        "tested_h": 0,
        "needs_h": needs_h,
        "estimated": False,
        "provenance": {},
    }


def _crossings(standings: Standings, environment: str, only: Mapping[str, str]) -> list[Mapping[str, Any]]:
    return [
        _crossing(standing)
        for record, standing in standings.all(environment)
        if standing is not None and (not only or only == {record.terms.scope: record.terms.value})
    ]


def _crossing(standing: Standing) -> Mapping[str, Any]:
    terms, found = standing.budget.terms, standing.projection
    return {
        "budget_id": standing.budget.id,
        "name": terms.name,
        "period": terms.period,
        "amount_usd": f"{terms.amount_usd:f}",
        "expected_usd": number(found.expected_usd) if found else None,
        "crossed_on": found.crossed_on if found else None,
        "crossed_on_earliest": found.crossed_on_earliest if found else None,
    }


def _expect_only(request: Request, known: set[str]) -> None:
    for name in request.query_params:
        if name not in known:
            names = ", ".join(sorted(known))
            raise InvalidRequest(f"query parameter {name[:64]}: not known here; there are {names}")
