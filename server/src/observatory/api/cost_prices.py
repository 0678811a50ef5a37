"""The price book in force and those before it, and what a range costs at two of them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from observatory.api import cost_asked, health_json
from observatory.api.access import require
from observatory.api.cost_asked import CostProvenance
from observatory.api.deep_dives import Environment, Limit, expect_environment
from observatory.api.ranges import Range, Ranged
from observatory.api.snapshot import ANSWERS, send
from observatory.auth import READ
from observatory.costs import Book, Ledger, Shelf, Spent
from observatory.tick import DEFAULT_ENVIRONMENT

router = APIRouter(
    prefix="/api/v1/monitoring/costs", tags=["costs"], dependencies=[Depends(require(READ))], responses=ANSWERS
)

_AT = "2026-01-20T03:00:00.000Z"
_BOOK: dict[str, Any] = {"version": "genai-prices 0.2.3 + november", "models": 2, "charges": 1}
_ITEM: dict[str, Any] = {
    "provider": "openai",
    "model": "gpt-4o-mini",
    "category": "ai",
    "old_usd": 1.0,
    "new_usd": 1.25,
    "change_usd": 0.25,
    "calls": 120,
    "calls_unpriced_old": 1,
    "calls_unpriced_new": 1,
}
_SUM: dict[str, Any] = {"old_usd": 1.0, "new_usd": 1.25, "change_usd": 0.25}
Version = Annotated[str | None, Query(max_length=120, description="A version, as `costs/prices` lists it.")]


class PriceBookItem(BaseModel):
    """One state of the price book, and how many entries its price file has."""

    version: str
    models: int
    charges: int


class Prices(BaseModel):
    """The price books."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "in_force": _BOOK["version"],
                    "problem": "no such file",
                    "starts_ahead": [_AT],
                    "items": [_BOOK],
                    "next": "x",
                }
            ]
        }
    )

    in_force: str
    problem: str | None = Field(description="Why the newest state of the price file is not in force.")
    starts_ahead: list[str] = Field(description="When prices that are known already begin; none of them holds yet.")
    items: list[PriceBookItem]
    next: str | None


class Repriced(BaseModel):
    """What was spent on one model, or at one provider, at old and at new prices. Nulls: no price is known."""

    provider: str
    model: str
    category: str
    old_usd: float | None
    new_usd: float | None
    change_usd: float | None
    calls: int
    calls_unpriced_old: int
    calls_unpriced_new: int


class RepricedSum(BaseModel):
    """All of it."""

    old_usd: float | None
    new_usd: float | None
    change_usd: float | None


class Repricing(BaseModel):
    """A range at two price books, what changed most first."""

    model_config = ConfigDict(
        populate_by_name=True,
        json_schema_extra={
            "examples": [
                {
                    "environment": "production",
                    "from": "2026-01-20T02:00:00.000Z",
                    "to": _AT,
                    "window_s": 3_600,
                    "old": "genai-prices 0.2.3",
                    "new": _BOOK["version"],
                    "total": _SUM,
                    "items": [_ITEM],
                    "more": 2,
                    "provenance": {
                        "samples": 124,
                        "window_s": 3_600,
                        "as_of": _AT,
                        "source": cost_asked.SOURCE,
                        "estimated": False,
                    },
                }
            ]
        },
    )

    environment: str
    start: str = Field(alias="from")
    to: str
    window_s: int
    old: str
    new: str
    total: RepricedSum
    items: list[Repriced]
    more: int
    provenance: CostProvenance


@router.get("/prices", response_model=Prices)
async def show_prices(request: Request) -> Response:
    """The price book in force and every one that was in force here, by name."""
    cost_asked.expect_only(request, set())
    shelf, now = _shelf(request), request.app.state.clock.now()
    values = {
        "in_force": shelf.newest.version,
        "problem": shelf.problem or None,
        "starts_ahead": [health_json.moment(at) for at in sorted(shelf.newest.file.starts) if at > now],
        "items": [_book(book) for book in shelf.books.values()],
        "next": None,
    }
    return send(request, values)


@router.get("/repricing", response_model=Repricing)
async def show_repricing(
    request: Request,
    asked: Annotated[Range, Depends(Ranged("24h"))],
    environment: Environment = DEFAULT_ENVIRONMENT,
    old: Version = None,
    new: Version = None,
    limit: Limit = 50,
) -> Response:
    """What a range costs at two price books, side by side. `old` is the list without a price file unless told, `new`
    the book in force. Prices are applied when they are read: nothing that was stored changes.
    """
    cost_asked.expect_only(request, {"environment", "window", "from", "to", "as_of", "old", "new", "limit"})
    expect_environment(request, environment)
    shelf, ledger = _shelf(request), request.app.state.ledger
    books = (shelf.book(Book().version if old is None else old), shelf.newest if new is None else shelf.book(new))
    before, after = [await _spent(ledger.at_prices_of(book), environment, asked) for book in books]
    items = [_item(key, before.get(key), after.get(key)) for key in {*before, *after}]
    items.sort(key=lambda item: (-abs(item["change_usd"] or 0), item["provider"], item["model"]))
    values = {
        "environment": environment,
        "from": health_json.moment(asked.start),
        "to": health_json.moment(asked.end),
        "window_s": asked.window_s,
        "old": books[0].version,
        "new": books[1].version,
        "total": _change(_sum(before), _sum(after)),
        "items": items[:limit],
        "more": max(0, len(items) - limit),
        "provenance": cost_asked.provenance(asked, list(after.values())),
    }
    return send(request, values)


def _shelf(request: Request) -> Shelf:
    shelf: Shelf | None = getattr(request.app.state, "shelf", None)
    return shelf or Shelf()


async def _spent(ledger: Ledger, environment: str, asked: Range) -> Mapping[tuple[str, ...], Spent]:
    rows = await ledger.spent(environment, asked.start, asked.end, ("provider", "model", "category"))
    return {row.key: row for row in rows}


def _item(key: tuple[str, ...], old: Spent | None, new: Spent | None) -> Mapping[str, Any]:
    provider, model, category = key
    return {
        "provider": provider,
        "model": model,
        "category": category,
        **_change(old.usd if old else None, new.usd if new else None),
        "calls": new.calls if new else 0,
        "calls_unpriced_old": old.calls_unpriced if old else 0,
        "calls_unpriced_new": new.calls_unpriced if new else 0,
    }


def _change(old: Decimal | None, new: Decimal | None) -> Mapping[str, Any]:
    change = None if old is None or new is None else float(new - old)
    return {"old_usd": cost_asked.usd(old), "new_usd": cost_asked.usd(new), "change_usd": change}


def _sum(rows: Mapping[tuple[str, ...], Spent]) -> Decimal | None:
    known = [row.usd for row in rows.values() if row.usd is not None]
    return sum(known, Decimal(0)) if known else None


def _book(book: Book) -> Mapping[str, Any]:
    return {"version": book.version, "models": len(book.file.models), "charges": len(book.file.charges)}
