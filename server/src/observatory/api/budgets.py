"""Budgets: set, changed and deleted by people who operate; asked by whoever is about to spend."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from observatory.api import budget_json
from observatory.api.access import require, require_any
from observatory.api.budget_models import BudgetItem, BudgetList, BudgetWanted, CheckAnswer
from observatory.api.deep_dives import Environment
from observatory.api.snapshot import ANSWERS, send
from observatory.auth import INGEST, OPERATE, READ, Principal
from observatory.costs.budgets import default_thresholds
from observatory.costs.standings import Standings
from observatory.errors import InvalidRequest
from observatory.state import BudgetTerms
from observatory.tick import DEFAULT_ENVIRONMENT, encode

router = APIRouter(prefix="/api/v1/monitoring/costs/budgets", tags=["costs"], responses=ANSWERS)

Operator = Annotated[Principal, Depends(require(OPERATE))]
BudgetId = Annotated[int, Path(ge=1, le=2**63 - 1)]
Reason = Annotated[str, Query(max_length=200, description="Why, for the audit log.")]
_VALUE = 200


@router.get("", response_model=BudgetList, dependencies=[Depends(require(READ))])
async def show(request: Request, environment: Environment = DEFAULT_ENVIRONMENT) -> Response:
    """Every budget of an environment, how it stands, and which share of this month's spending any of them covers.

    Where none is set the state is `no budget set`, never `within`.
    """
    _expect_only(request, {"environment"})
    standings, now = _standings(request), _now(request)
    return send(request, budget_json.listing(environment, standings, now))


@router.get("/check", response_model=CheckAnswer, dependencies=[Depends(require_any(INGEST, READ))])
async def check(
    request: Request,
    environment: Environment = DEFAULT_ENVIRONMENT,
    provider: Annotated[str | None, Query(min_length=1, max_length=_VALUE)] = None,
    model: Annotated[str | None, Query(min_length=1, max_length=_VALUE)] = None,
    category: Annotated[str | None, Query(min_length=1, max_length=_VALUE)] = None,
    user: Annotated[str | None, Query(min_length=1, max_length=_VALUE)] = None,
    cohort: Annotated[str | None, Query(min_length=1, max_length=_VALUE)] = None,
    feature: Annotated[str | None, Query(min_length=1, max_length=_VALUE)] = None,
) -> Response:
    """Whether money may be spent: asked before, with all that is known of what it will be spent on.

    Answered from memory, from standings some seconds old. `denied`: a budget that covers it is exhausted; the answer
    names the budget, its limit, what is spent and when it starts anew. `unknown`: how one of them stands is not known.
    A token that may send telemetry may ask.
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
    named = {name: _stored(request, name, value) for name, value in given.items() if value is not None}
    return send(request, budget_json.check(_standings(request).check(environment, named), environment, _now(request)))


@router.get("/{budget_id}", response_model=BudgetItem, dependencies=[Depends(require(READ))])
async def show_one(request: Request, budget_id: BudgetId) -> Response:
    """One budget and how it stands."""
    record, standing = _standings(request).one(budget_id)
    return send(request, budget_json.item(record, standing, _now(request)))


@router.post("", status_code=201, response_model=BudgetItem)
async def create(request: Request, principal: Operator, wanted: BudgetWanted) -> Response:
    """Set a budget. It counts at once, and the audit log says who set it."""
    terms = _terms(request, wanted)
    record = await _standings(request).create(wanted.environment, terms, principal.actor, wanted.reason)
    return _answer(request, record.id, 201)


@router.put("/{budget_id}", response_model=BudgetItem)
async def change(request: Request, principal: Operator, budget_id: BudgetId, wanted: BudgetWanted) -> Response:
    """Give a budget new terms; all of them, as when it was set. Its environment cannot be changed."""
    standings = _standings(request)
    record, _ = standings.one(budget_id)
    if wanted.environment != record.environment:
        raise InvalidRequest(f"environment: it is {record.environment!r} and cannot be changed; set another budget")
    await standings.change(budget_id, _terms(request, wanted), principal.actor, wanted.reason)
    return _answer(request, budget_id, 200)


@router.delete("/{budget_id}", status_code=204)
async def delete(request: Request, principal: Operator, budget_id: BudgetId, reason: Reason = "") -> None:
    """End a budget. The audit log keeps what it was."""
    await _standings(request).delete(budget_id, principal.actor, reason)


def _answer(request: Request, budget_id: int, status: int) -> Response:
    values = budget_json.item(*_standings(request).one(budget_id), _now(request))
    return Response(encode(values), status, media_type="application/json")


def _standings(request: Request) -> Standings:
    found: Standings = request.app.state.standings
    return found


def _now(request: Request) -> datetime:
    now: datetime = request.app.state.clock.now()
    return now


def _stored(request: Request, scope: str, value: str) -> str:
    """As the ledger knows it: an address of a user is kept as a pseudonym only."""
    people = getattr(request.app.state, "people", None)
    return str(people.known_as(value)) if scope == "user" and people is not None else value


def _terms(request: Request, wanted: BudgetWanted) -> BudgetTerms:
    name, value = " ".join(wanted.name.split()), wanted.value.strip()
    for field, text in (("name", name), ("environment", wanted.environment), ("value", value)):
        if not text.isprintable() or (not text and field != "value"):
            raise InvalidRequest(f"{field}: printable characters are needed")
    if (wanted.scope == "all") != (not value):
        said = "must be empty for the scope all" if wanted.scope == "all" else f"must say which {wanted.scope}"
        raise InvalidRequest(f"value: {said}")
    warn, crit = default_thresholds()
    actual, ahead = wanted.thresholds.actual, wanted.thresholds.forecast
    shares = [
        warn if actual.warn is None else Decimal(str(actual.warn)),
        crit if actual.crit is None else Decimal(str(actual.crit)),
        warn if ahead.warn is None else Decimal(str(ahead.warn)),
        crit if ahead.crit is None else Decimal(str(ahead.crit)),
    ]
    for place, each in enumerate(("actual", "forecast")):
        if shares[2 * place] > shares[2 * place + 1]:
            raise InvalidRequest(f"thresholds.{each}: warn must not be above crit")
    kept = _stored(request, wanted.scope, value)
    return BudgetTerms(name, wanted.scope, kept, wanted.period, _amount(wanted.amount_usd), *shares)


def _amount(text: str) -> Decimal:
    # The form was checked; a Decimal of it is exact.
    amount = Decimal(text)
    if not Decimal("0.000001") <= amount <= Decimal(10) ** 12:
        raise InvalidRequest("amount_usd: must be from 0.000001 to 1000000000000")
    return amount


def _expect_only(request: Request, known: set[str]) -> None:
    for name in request.query_params:
        # A misspelt scope must not be answered as if nothing had been asked.
        if name not in known:
            names = ", ".join(sorted(known))
            raise InvalidRequest(f"query parameter {name[:64]}: not known here; there are {names}")
