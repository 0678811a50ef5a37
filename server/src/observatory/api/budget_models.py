"""The shape of budgets, for OpenAPI."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from observatory.api.health_models import Provenance
from observatory.tick import DEFAULT_ENVIRONMENT

AMOUNT = r"^[0-9]{1,13}(\.[0-9]{1,9})?$"
_AT = "2026-01-20T03:04:05.000Z"
Scope = Literal["all", "provider", "model", "category", "user", "cohort", "feature"]
PeriodName = Literal["day", "week", "month"]
StateName = Literal["no budget set", "within", "warned", "exhausted", "unknown"]

_BUDGET: dict[str, Any] = {
    "id": 1,
    "environment": "production",
    "name": "AI",
    "scope": "category",
    "value": "ai",
    "period": "month",
    "amount_usd": "3000",
    "thresholds": {"actual": {"warn": 0.8, "crit": 1.0}, "forecast": {"warn": 0.8, "crit": 1.0}},
    "state": "warned",
    "reasons": ["81.0 % of 3000 USD is spent"],
    "period_start": "2026-01-01T00:00:00.000Z",
    "resets_at": "2026-02-01T00:00:00.000Z",
    "spent_usd": 2_430.0,
    "left_usd": 570.0,
    "budget_used_ratio": 0.81,
    "uncosted": 2,
    "burn": [
        {
            "long_s": 3_600,
            "short_s": 300,
            "factor": 14.4,
            "severity": "critical",
            "long_rate": 1.2,
            "short_rate": 1.1,
            "burning": False,
        }
    ],
    "forecast": {
        "expected_usd": 3_700.5,
        "enough": True,
        "crossed_on": "2026-01-25",
        "crossed_on_earliest": "2026-01-24",
    },
    "as_of": _AT,
    "age_s": 2.1,
    "provenance": {
        "spent_usd": {
            "unit": "usd",
            "samples": 91_201,
            "window_s": 1_652_645,
            "as_of": _AT,
            "source": "the cost ledger",
            "estimated": True,
        }
    },
    "created_at": "2026-01-01T10:00:00.000Z",
    "created_by": "token:1",
    "changed_at": "2026-01-01T10:00:00.000Z",
    "changed_by": "token:1",
}


class Bounds(BaseModel):
    """Shares of the amount; null takes the default (0.8 and 1)."""

    model_config = ConfigDict(extra="forbid")

    warn: float | None = Field(None, ge=0.01, le=10, allow_inf_nan=False, examples=[0.8])
    crit: float | None = Field(None, ge=0.01, le=10, allow_inf_nan=False, examples=[1.0])


class Thresholds(BaseModel):
    """When a budget warns: on what is spent, and on what is forecast for the period's end."""

    model_config = ConfigDict(extra="forbid")

    actual: Bounds = Bounds(warn=None, crit=None)
    forecast: Bounds = Bounds(warn=None, crit=None)


class BudgetWanted(BaseModel):
    """What a budget shall be."""

    # A misspelt name must not make a budget that watches something else.
    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=128, examples=["AI"])
    environment: str = Field(DEFAULT_ENVIRONMENT, min_length=1, max_length=128)
    scope: Scope = Field(examples=["category"])
    value: str = Field("", max_length=200, description="Which provider, user, ...; empty for all.", examples=["ai"])
    period: PeriodName = Field(description="In UTC; a week begins on Monday.", examples=["month"])
    amount_usd: str = Field(
        pattern=AMOUNT, description="Exact, as text: a number would be rounded on its way.", examples=["3000"]
    )
    currency: Literal["USD"] = Field("USD", description="The ledger knows dollars only.")
    thresholds: Thresholds = Thresholds()
    reason: str = Field("", max_length=200, description="Why, for the audit log.")


class BurnItem(BaseModel):
    """Spending against the even rate (the amount spread evenly over the period), in two windows."""

    long_s: int
    short_s: int
    factor: float = Field(description="It burns when both rates reach this.")
    severity: Literal["critical", "warning"]
    long_rate: float | None
    short_rate: float | None
    burning: bool


class BudgetForecast(BaseModel):
    """What the forecast says. Nulls without one."""

    expected_usd: float | None = Field(description="At the period's end.")
    enough: bool = Field(description="It rests on enough history to be judged by.")
    crossed_on: str | None = Field(description="First day (UTC) on which the amount is crossed; null: not within 31.")
    crossed_on_earliest: str | None = Field(description="The same at the upper end of the 80 % band.")


class BudgetItem(BaseModel):
    """A budget and how it stands. `spent_usd` is a lower bound while `uncosted` is not 0."""

    model_config = ConfigDict(json_schema_extra={"examples": [_BUDGET]})

    id: int
    environment: str
    name: str
    scope: Scope
    value: str
    period: PeriodName
    amount_usd: str
    thresholds: Thresholds
    state: StateName
    reasons: list[str]
    period_start: datetime
    resets_at: datetime
    spent_usd: float | None
    left_usd: float | None = Field(description="Negative when more was spent than the amount.")
    budget_used_ratio: float | None = Field(description="Spent per amount; may be above 1.")
    uncosted: int | None = Field(description="Calls and charges of the scope whose amount is not known.")
    burn: list[BurnItem]
    forecast: BudgetForecast | None
    as_of: datetime | None = Field(description="When it was looked at; null before it was.")
    age_s: float | None
    provenance: dict[str, Provenance]
    created_at: datetime
    created_by: str
    changed_at: datetime
    changed_by: str


_COVERAGE: dict[str, Any] = {
    "covered_ratio": 0.93,
    "covered_usd": 2_430.0,
    "total_usd": 2_612.9,
    "uncosted": 2,
    "since": "2026-01-01T00:00:00.000Z",
}


class BudgetCoverage(BaseModel):
    """How much of what was spent this month any budget covers; what two cover counts once."""

    covered_ratio: float | None
    covered_usd: float | None
    total_usd: float | None
    uncosted: int | None
    since: datetime


class BudgetList(BaseModel):
    """Every budget of an environment, oldest first. `state` is that of the worst of them."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "environment": "production",
                    "state": "warned",
                    "coverage": _COVERAGE,
                    "items": [_BUDGET],
                    "next": "1",
                }
            ]
        }
    )

    environment: str
    state: StateName
    coverage: BudgetCoverage | None = Field(description="Null while no budget is set or none was looked at.")
    items: list[BudgetItem]
    next: str | None


_CHECK: dict[str, Any] = {
    "environment": "production",
    "verdict": "denied",
    "state": "exhausted",
    "reasons": ["101.0 % of 3000 USD is spent, the limit is 100.0 %"],
    "budgets": [
        {
            "id": 1,
            "name": "AI",
            "scope": "category",
            "value": "ai",
            "period": "month",
            "state": "exhausted",
            "amount_usd": "3000",
            "spent_usd": 3_030.0,
            "left_usd": -30.0,
            "resets_at": "2026-02-01T00:00:00.000Z",
        }
    ],
    "as_of": _AT,
    "age_s": 2.1,
}


class CheckedBudget(BaseModel):
    """A budget that covers what was asked for."""

    id: int
    name: str
    scope: Scope
    value: str
    period: PeriodName
    state: StateName
    amount_usd: str
    spent_usd: float | None
    left_usd: float | None
    resets_at: datetime


class CheckAnswer(BaseModel):
    """Whether money may be spent. The budget that decides comes first."""

    model_config = ConfigDict(json_schema_extra={"examples": [_CHECK]})

    environment: str
    verdict: Literal["allowed", "denied", "unknown"]
    state: StateName
    reasons: list[str]
    budgets: list[CheckedBudget]
    as_of: datetime | None
    age_s: float | None
