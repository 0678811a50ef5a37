"""What was spent by any dimensions, against the range before, and what neither a price nor a name is known for."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from observatory.api import cost_asked, health_json
from observatory.api.access import require
from observatory.api.cost_asked import By, CostCounts, CostProvenance, Filters
from observatory.api.deep_dives import Environment, Limit, expect_environment
from observatory.api.ranges import Range, Ranged, Step, seconds
from observatory.api.snapshot import ANSWERS, send
from observatory.auth import READ
from observatory.costs import DIMENSIONS, Ledger, Spent
from observatory.costs.ledger import together
from observatory.errors import InvalidRequest
from observatory.tick import DEFAULT_ENVIRONMENT

router = APIRouter(
    prefix="/api/v1/monitoring/costs", tags=["costs"], dependencies=[Depends(require(READ))], responses=ANSWERS
)

MOST_STEPS = 1_500
# Whose absence is told: what nobody is named for.
_NAMED = ("cohort", "feature", "service")
_KNOWN = {"environment", "window", "from", "to", "as_of", "by", "step", "order", "limit", *DIMENSIONS}
_AT = "2026-01-20T03:00:00.000Z"
_COUNTS: dict[str, Any] = {
    "cost_usd": 1.25,
    "cost_exact_usd": "1.25",
    "ai_usd": 1.0,
    "charged_usd": 0.25,
    "calls": 120,
    "input_tokens": 90_000,
    "output_tokens": 8_000,
    "cache_read_tokens": 40_000,
    "cache_write_tokens": 1_000,
    "reasoning_tokens": 500,
    "charges": 4,
    "calls_unpriced": 1,
    "calls_untold": 2,
    "calls_estimated": 3,
    "charges_unreadable": 1,
    "violations": 1,
}
_SHARES = {"user": 0.1, "cohort": 0.1, "feature": 0.2, "service": 0.05}
_EXAMPLE: dict[str, Any] = {
    "environment": "production",
    "from": "2026-01-20T02:00:00.000Z",
    "to": _AT,
    "window_s": 3_600,
    "step_s": 300,
    "by": ["user", "model"],
    "price_book": "genai-prices 0.2.3",
    "total": {
        **_COUNTS,
        "before_usd": 1.0,
        "change_usd": 0.25,
        "unpriced_ratio": 0.01,
        "untold_ratio": 0.02,
        "unattributed_ratio": _SHARES,
    },
    "items": [
        {
            **_COUNTS,
            "at": _AT,
            "key": {"user": "u-17", "model": "gpt-4o-mini"},
            "share_ratio": 0.4,
            "before_usd": 1.0,
            "change_usd": 0.25,
        }
    ],
    "more": 3,
    "provenance": {"samples": 124, "window_s": 3_600, "as_of": _AT, "source": cost_asked.SOURCE, "estimated": True},
}


class CostItem(CostCounts):
    """What was spent on one value of each dimension."""

    at: str | None = Field(description="Start of the step; null without steps.")
    key: dict[str, str] = Field(description="Empty texts: nobody is named.")
    share_ratio: float | None = Field(description="Share of all that was spent.")
    before_usd: float | None = Field(description="The same in the range before, as long as this one; null with steps.")
    change_usd: float | None


class CostTotal(CostCounts):
    """All that was spent, and what is not known of it."""

    before_usd: float | None
    change_usd: float | None
    unpriced_ratio: float | None = Field(description="Share of the calls whose model has no known price.")
    untold_ratio: float | None = Field(description="Share of the calls that succeeded and told no tokens.")
    unattributed_ratio: dict[str, float | None] = Field(description="By dimension, share of the cost that names none.")


class CostBreakdown(BaseModel):
    """Spending by dimensions."""

    model_config = ConfigDict(populate_by_name=True, json_schema_extra={"examples": [_EXAMPLE]})

    environment: str
    start: str = Field(alias="from")
    to: str
    window_s: int
    step_s: int | None
    by: list[str]
    price_book: str = Field(description="The prices that were applied.")
    total: CostTotal
    items: list[CostItem]
    more: int = Field(description="Rows that `limit` leaves out.")
    provenance: CostProvenance


@router.get("/breakdown", response_model=CostBreakdown)
async def show(
    request: Request,
    asked: Annotated[Range, Depends(Ranged())],
    only: Annotated[Mapping[str, str], Depends(Filters())],
    environment: Environment = DEFAULT_ENVIRONMENT,
    by: By = "category",
    step: Step = None,
    order: Annotated[
        Literal["cost", "change"], Query(description="The dearest first, or what changed most against before.")
    ] = "cost",
    limit: Limit = 50,
) -> Response:
    """Spending by any of the ledger's dimensions and any pair or triple of them, in all or by step, against before.

    The sums over any dimension are exactly equal: what nobody is named for stands under an empty text.
    """
    cost_asked.expect_only(request, _KNOWN)
    expect_environment(request, environment)
    names, step_s = cost_asked.dimensions(by), _step_s(asked, step)
    ledger: Ledger = request.app.state.ledger
    # Sums over any dimension are equal, so that the rows tell the total.
    rows, before, nameless = await asyncio.gather(
        ledger.spent(environment, asked.start, asked.end, names, step_s, only),
        ledger.spent(environment, asked.start - (asked.end - asked.start), asked.start, names, only=only),
        _nameless(ledger, environment, asked, only),
    )
    total, past = together(rows), {} if step_s else {row.key: row for row in before}
    items = [_item(row, names, total, past) for row in rows]
    if step_s is None:
        items += [_gone(key, names, spent) for key, spent in past.items() if key not in {row.key for row in rows}]
    if order == "change":
        items.sort(key=lambda item: -abs(item["change_usd"] or 0))
    values = {
        "environment": environment,
        "from": health_json.moment(asked.start),
        "to": health_json.moment(asked.end),
        "window_s": asked.window_s,
        "step_s": step_s,
        "by": list(names),
        "price_book": ledger.book.version,
        "total": _total(total, together(before), nameless),
        "items": items[:limit],
        "more": max(0, len(items) - limit),
        "provenance": cost_asked.provenance(asked, [total] if total else []),
    }
    return send(request, values)


def _step_s(asked: Range, step: str | None) -> int | None:
    if step is None:
        return None
    step_s = seconds("step", step)
    if asked.window_s / step_s > MOST_STEPS:
        raise InvalidRequest(f"query parameter step: the range has more than {MOST_STEPS} of them")
    return step_s


async def _nameless(ledger: Ledger, environment: str, asked: Range, only: Mapping[str, str]) -> Mapping[str, Decimal]:
    """By dimension, what was spent and names none."""
    # Users are many: only what names none of them is read. A filter by user has named one.
    nobody = None if only.get("user") else ledger.spent(environment, asked.start, asked.end, only={**only, "user": ""})
    rows, of_nobody = await asyncio.gather(
        ledger.spent(environment, asked.start, asked.end, _NAMED, only=only), nobody or asyncio.sleep(0, [])
    )
    return {
        "user": sum((row.usd or Decimal(0) for row in of_nobody), Decimal(0)),
        **{
            name: sum((row.usd or Decimal(0) for row in rows if not row.key[place]), Decimal(0))
            for place, name in enumerate(_NAMED)
        },
    }


def _item(
    row: Spent, names: Sequence[str], total: Spent | None, past: Mapping[tuple[str, ...], Spent]
) -> dict[str, Any]:
    before = past[row.key].usd if row.key in past else None
    return {
        **cost_asked.counts(row),
        "at": health_json.moment(row.start),
        "key": dict(zip(names, row.key, strict=True)),
        "share_ratio": cost_asked.share(row.usd, total.usd if total else None),
        "before_usd": cost_asked.usd(before),
        "change_usd": None if row.start else _change(row.usd, before, row.key in past),
    }


def _gone(key: tuple[str, ...], names: Sequence[str], before: Spent) -> dict[str, Any]:
    """What was spent on before, and is no more."""
    return {
        **cost_asked.counts(None),
        "at": None,
        "key": dict(zip(names, key, strict=True)),
        "share_ratio": None,
        "before_usd": cost_asked.usd(before.usd),
        "change_usd": None if before.usd is None else float(-before.usd),
    }


def _change(now: Decimal | None, before: Decimal | None, known: bool) -> float | None:
    """The difference; None where one of the two was spent and is not known."""
    if now is None or (known and before is None):
        return None
    return float(now - (before or Decimal(0)))


def _total(total: Spent | None, past: Spent | None, nameless: Mapping[str, Decimal]) -> Mapping[str, Any]:
    before = past.usd if past else None
    spent = total.usd if total else None
    return {
        **cost_asked.counts(total),
        "before_usd": cost_asked.usd(before),
        "change_usd": _change(spent, before, past is not None),
        "unpriced_ratio": cost_asked.share(total.calls_unpriced if total else None, total.calls if total else None),
        "untold_ratio": cost_asked.share(total.calls_untold if total else None, total.calls if total else None),
        "unattributed_ratio": {name: cost_asked.share(usd, spent) for name, usd in nameless.items()},
    }
