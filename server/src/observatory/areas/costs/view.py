"""What the money shows in system-health."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from observatory.areas import spending
from observatory.areas.definition import View
from observatory.areas.readings import Readings
from observatory.areas.spending import Spending
from observatory.model import Measurement, Reading


def _unpriced_models(readings: Readings, at: datetime) -> tuple[str, ...]:
    return spending.assess(readings, at).unpriced


def _derive(readings: Readings, at: datetime) -> Iterable[Reading]:
    spent = spending.assess(readings, at)
    if spent.calls:
        cost = Measurement(spent.usd, "usd", spent.calls, spent.window_s, at, spending.SOURCE, spent.estimated)
        share = spent.calls_unpriced / spent.calls
        yield Reading("costs.ai_cost", "", cost)
        missed = Measurement(share, "ratio", spent.calls, spent.window_s, at, spending.SOURCE)
        yield Reading("costs.unpriced_ratio", "", missed)
    yield from _total(readings, spent, at)


def _total(readings: Readings, spent: Spending, at: datetime) -> Iterable[Reading]:
    charges = readings.whole("charges")
    parts = [part for part in (spent.usd, charges.value if charges else None) if part is not None]
    if not parts:
        return
    unreadable = readings.whole("unreadable_charges")
    estimated = spent.estimated or bool(unreadable and unreadable.value)
    samples = spent.calls + (charges.samples if charges else 0)
    source = f"{spending.SOURCE}, and fact_cost_charges"
    total = sum((Decimal(part) for part in parts), Decimal(0))
    window_s = charges.window_s if charges else spent.window_s
    yield Reading("costs.cost_last_hour", "", Measurement(total, "usd", samples, window_s, at, source, estimated))


VIEW = View(
    numbers={
        "cost_last_hour_usd": "cost_last_hour",
        "ai_cost_last_hour_usd": "ai_cost",
        "charges_last_hour_usd": "charges",
        "unpriced_ratio": "unpriced_ratio",
    },
    lists={"unpriced_models": _unpriced_models},
    derive=_derive,
    reads=spending.READS,
)
