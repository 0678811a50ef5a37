"""Budgets as JSON values."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from observatory.api import health_json
from observatory.costs.budgets import Burn, Coverage, Projection, Standing, State
from observatory.costs.periods import around
from observatory.costs.standings import STALE, Check, Standings
from observatory.state import BudgetRecord

_WORST = (State.EXHAUSTED, State.WARNED, State.UNKNOWN, State.WITHIN)


def listing(environment: str, standings: Standings, now: datetime) -> Mapping[str, Any]:
    """The answer of `costs/budgets`."""
    items = [item(record, standing, now) for record, standing in standings.all(environment)]
    states = {each["state"] for each in items}
    state = next((each for each in _WORST if each in states), State.NONE)
    return {
        "environment": environment,
        "state": state,
        "coverage": _coverage(standings.coverage(environment)) if items else None,
        "items": items,
        "next": None,
    }


def item(record: BudgetRecord, standing: Standing | None, now: datetime) -> Mapping[str, Any]:
    """One budget."""
    terms = record.terms
    return {
        "id": record.id,
        "environment": record.environment,
        "name": terms.name,
        "scope": terms.scope,
        "value": terms.value,
        "period": terms.period,
        "amount_usd": f"{terms.amount_usd:f}",
        "thresholds": {
            "actual": {"warn": float(terms.warn_actual_ratio), "crit": float(terms.crit_actual_ratio)},
            "forecast": {"warn": float(terms.warn_forecast_ratio), "crit": float(terms.crit_forecast_ratio)},
        },
        **_stands(record, standing, now),
        "created_at": health_json.moment(record.created_at),
        "created_by": record.created_by,
        "changed_at": health_json.moment(record.changed_at),
        "changed_by": record.changed_by,
    }


def check(found: Check, environment: str, now: datetime) -> Mapping[str, Any]:
    """The answer of `costs/budgets/check`."""
    return {
        "environment": environment,
        "verdict": found.verdict,
        "state": found.state,
        "reasons": list(found.reasons),
        "budgets": [_checked(each) for each in found.budgets],
        "as_of": health_json.moment(found.as_of),
        "age_s": _age_s(found.as_of, now),
    }


def _stands(record: BudgetRecord, standing: Standing | None, now: datetime) -> Mapping[str, Any]:
    state, reasons = _state(standing, now)
    period = around(record.terms.period, now) if standing is None else standing.period
    return {
        "state": state,
        "reasons": reasons,
        "period_start": health_json.moment(period.start),
        "resets_at": health_json.moment(period.end),
        "spent_usd": health_json.number(standing.spent) if standing else None,
        "left_usd": number(standing.left_usd) if standing else None,
        "budget_used_ratio": number(standing.share_ratio) if standing else None,
        "uncosted": standing.uncosted if standing else None,
        "burn": [_burn(each) for each in standing.burns] if standing else [],
        "forecast": _projection(standing.projection) if standing else None,
        "as_of": health_json.moment(standing.as_of) if standing else None,
        "age_s": _age_s(standing.as_of, now) if standing else None,
        "provenance": {"spent_usd": health_json.provenance(standing.spent)} if standing else {},
    }


def _state(standing: Standing | None, now: datetime) -> tuple[State, list[str]]:
    if standing is None:
        return State.UNKNOWN, ["it was not looked at yet"]
    if now - standing.as_of > STALE or now >= standing.period.end:
        return State.UNKNOWN, ["it was not looked at lately", *standing.reasons]
    return standing.state, list(standing.reasons)


def _checked(standing: Standing) -> Mapping[str, Any]:
    terms = standing.budget.terms
    return {
        "id": standing.budget.id,
        "name": terms.name,
        "scope": terms.scope,
        "value": terms.value,
        "period": terms.period,
        "state": standing.state,
        "amount_usd": f"{terms.amount_usd:f}",
        "spent_usd": health_json.number(standing.spent),
        "left_usd": number(standing.left_usd),
        "resets_at": health_json.moment(standing.period.end),
    }


def _burn(burn: Burn) -> Mapping[str, Any]:
    windows = burn.windows
    return {
        "long_s": windows.long_s,
        "short_s": windows.short_s,
        "factor": number(windows.factor),
        "severity": windows.severity,
        "long_rate": number(burn.long_rate),
        "short_rate": number(burn.short_rate),
        "burning": burn.burning,
    }


def _projection(found: Projection | None) -> Mapping[str, Any] | None:
    if found is None:
        return None
    return {
        "expected_usd": number(found.expected_usd),
        "enough": found.enough,
        "crossed_on": found.crossed_on,
        "crossed_on_earliest": found.crossed_on_earliest,
    }


def _coverage(found: Coverage | None) -> Mapping[str, Any] | None:
    if found is None:
        return None
    return {
        "covered_ratio": number(found.ratio),
        "covered_usd": number(found.covered_usd if found.total.samples else None),
        "total_usd": number(found.total.usd if found.total.samples else None),
        "uncosted": found.total.uncosted,
        "since": health_json.moment(found.since),
    }


def number(value: Decimal | None) -> float | None:
    """A decimal as JSON's number."""
    return None if value is None else float(value)


def _age_s(at: datetime | None, now: datetime) -> float | None:
    return None if at is None else round(max(0.0, (now - at).total_seconds()), 3)
