"""Spending as a CSV file with the column names of FOCUS, the FinOps Open Cost and Usage Specification."""

from __future__ import annotations

import asyncio
import csv
import io
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import IO, Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from starlette.background import BackgroundTask

from observatory.api import cost_asked
from observatory.api.access import require
from observatory.api.cost_asked import Filters
from observatory.api.deep_dives import Environment, expect_environment
from observatory.api.ranges import Range, Ranged
from observatory.api.snapshot import ANSWERS
from observatory.auth import READ
from observatory.costs import DIMENSIONS, Ledger, Spent, pieces
from observatory.tick import DEFAULT_ENVIRONMENT

router = APIRouter(
    prefix="/api/v1/monitoring/costs", tags=["costs"], dependencies=[Depends(require(READ))], responses=ANSWERS
)

_BY = ("category", "provider", "model", "service", "feature", "user", "cohort", "strategy")
_KNOWN = {"environment", "window", "from", "to", "as_of", "step", *DIMENSIONS}
_HELD_BYTES, _SENT_BYTES = 8 << 20, 1 << 16
_STEPS_S = {"hour": 3_600, "day": 86_400}
_CATEGORIES = {"ai": "AI and Machine Learning", "infrastructure": "Compute", "communication": "Integration"}
# FOCUS has no column for what it does not know; its custom columns begin with x_.
COLUMNS = (
    "BilledCost",
    "BillingAccountId",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeDescription",
    "ChargeFrequency",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "ConsumedQuantity",
    "ConsumedUnit",
    "ContractedCost",
    "EffectiveCost",
    "InvoiceIssuerName",
    "ListCost",
    "ProviderName",
    "PublisherName",
    "ServiceCategory",
    "ServiceName",
    "SkuId",
    "SubAccountId",
    *(f"x_{name.capitalize()}" for name in _BY),
    *("x_ModelCalls", "x_Charges", "x_CallsUnpriced", "x_CallsUntold", "x_CallsEstimated", "x_ChargesUnreadable"),
    *("x_Violations", "x_PriceBook"),
)


@router.get(
    "/export.csv",
    response_class=Response,
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}, "description": "A row for each charge."}},
)
async def export(
    request: Request,
    asked: Annotated[Range, Depends(Ranged("24h"))],
    only: Annotated[Mapping[str, str], Depends(Filters())],
    environment: Environment = DEFAULT_ENVIRONMENT,
    step: Annotated[Literal["hour", "day"], Query(description="Length of a charge period, in UTC.")] = "day",
) -> Response:
    """Spending in the column names of FOCUS 1.2: a row for each period and each value of every dimension.

    The costs add up to what `costs/breakdown` tells for the range, to the last place. A cost is empty where no amount
    is known. There is no invoice behind them: billed, effective, contracted and list cost are the same.
    """
    cost_asked.expect_only(request, _KNOWN)
    expect_environment(request, environment)
    ledger: Ledger = request.app.state.ledger
    book = ledger.book.version
    step_s = _STEPS_S[step]
    # Written down before it is answered: what fails in the middle is an error, and not half a file.
    file = tempfile.SpooledTemporaryFile(max_size=_HELD_BYTES)  # noqa: SIM115 - closed once it is sent
    try:
        await asyncio.to_thread(_write, file, [COLUMNS])
        async for rows in pieces.spent(ledger, environment, asked.start, asked.end, _BY, step_s, only):
            await asyncio.to_thread(_write, file, (_row(row, environment, asked, step_s, book) for row in rows))
        length = file.tell()
        file.seek(0)
    except BaseException:
        file.close()
        raise
    headers = {
        "Content-Disposition": 'attachment; filename="costs.csv"',
        "Cache-Control": "private, no-cache",
        "Content-Length": str(length),
    }
    return StreamingResponse(
        iter(partial(file.read, _SENT_BYTES), b""),
        media_type="text/csv; charset=utf-8",
        headers=headers,
        background=BackgroundTask(file.close),
    )


def _write(file: IO[bytes], rows: Iterable[Sequence[object]]) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    for row in rows:
        writer.writerow([_cell(value) for value in row])
        if text.tell() > _SENT_BYTES:
            file.write(text.getvalue().encode())
            text.seek(0)
            text.truncate()
    file.write(text.getvalue().encode())


def _cell(value: object) -> object:
    # A spreadsheet takes such a text for a formula.
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def _row(row: Spent, environment: str, asked: Range, step_s: int, book: str) -> list[object]:
    category, provider, model, service, *_ = row.key
    start = row.start or asked.start
    first, last = max(start, asked.start), min(start + timedelta(seconds=step_s), asked.end)
    cost = _Amount(row.usd)
    month = start.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    ai = row.calls > 0
    return [
        cost,
        environment,
        "USD",
        _at((month + timedelta(days=32)).replace(day=1)),
        _at(month),
        "Usage",
        f"Model calls of {model or 'an unnamed model'}" if ai else f"Charges by {provider or 'an unnamed provider'}",
        "Usage-Based",
        _at(last),
        _at(first),
        row.input_tokens + row.output_tokens if ai else row.charges,
        "Tokens" if ai else "Charges",
        cost,
        cost,
        provider,
        cost,
        provider,
        provider,
        _CATEGORIES.get(category, "Other"),
        model or category,
        f"{provider}/{model}" if model else "",
        service,
        *row.key,
        *(row.calls, row.charges, row.calls_unpriced, row.calls_untold, row.calls_estimated, row.charges_unreadable),
        *(row.violations, book),
    ]


class _Amount:
    """Money as text that is no text to a spreadsheet: a number with every place, or nothing."""

    def __init__(self, usd: Decimal | None) -> None:
        self._usd = usd

    def __str__(self) -> str:
        return "" if self._usd is None else f"{self._usd:f}"


def _at(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
