"""What a user cost and what he brought: the ledger's rows added up, and the margin where all of it is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from observatory.areas.deepdive import Row
from observatory.areas.user_measured import Measured
from observatory.costs import Spent
from observatory.model import Measurement

# Costs are read once, and added up by each of these.
BY = ("category", "provider", "model", "feature")
SOURCE = "ledger of fact_ai_calls and fact_cost_charges"
REVENUE = "fact_payments"
SHARES = "fact_profit_shares"
_ZERO = Decimal(0)


def total(spent: Sequence[Spent], measured: Measured) -> Mapping[str, Measurement]:
    """All that the user cost."""
    entries = _entries(spent)
    counts = (
        "calls",
        "charges",
        "calls_unpriced",
        "calls_untold",
        "calls_estimated",
        "charges_unreadable",
        "violations",
    )
    return {
        **_money(spent, measured),
        **{name: measured(sum(getattr(each, name) for each in spent), "1", entries, SOURCE) for name in counts},
    }


def listed(spent: Sequence[Spent], dimensions: Sequence[str], measured: Measured) -> Sequence[Row]:
    """The same for each value of some of the ledger's dimensions, the dearest first."""
    places = [BY.index(name) for name in dimensions]
    groups: dict[tuple[str, ...], list[Spent]] = {}
    for each in spent:
        groups.setdefault(tuple(each.key[place] for place in places), []).append(each)
    # Without a call no model is meant, and without a charge no provider of one.
    dear = sorted(groups.items(), key=lambda group: (-(_sum(group[1], lambda each: each.usd) or _ZERO), group[0]))
    return [{**dict(zip(dimensions, key, strict=True)), **_money(found, measured)} for key, found in dear]


def margin(
    spent: Sequence[Spent], payments: Row, fees: Row, measured: Measured
) -> tuple[Mapping[str, Measurement], str | None]:
    """What the user paid and shared of profits less what he cost, and why that is not known; None where it is."""
    count = int(payments["payments"])
    revenue = Decimal(str(payments["paid"])) - Decimal(str(payments["refunded"]))
    shared = Decimal(str(fees["fees"]))
    cost = _sum(spent, lambda each: each.usd)
    reason = _unknown(spent, payments)
    numbers = {
        "paid_usd": measured(Decimal(str(payments["paid"])), "usd", count, REVENUE),
        "refunded_usd": measured(Decimal(str(payments["refunded"])), "usd", count, REVENUE),
        "revenue_usd": measured(revenue, "usd", count, REVENUE),
        "profit_share_usd": measured(shared, "usd", int(fees["shares"]), SHARES),
        "cost_usd": measured(cost, "usd", _entries(spent), SOURCE, estimated=_estimated(spent)),
        "margin_usd": measured(
            None if reason or cost is None else revenue + shared - cost,
            "usd",
            count + int(fees["shares"]) + _entries(spent),
            f"{REVENUE}, {SHARES} and {SOURCE}",
            estimated=_estimated(spent),
        ),
    }
    return numbers, reason


def _money(spent: Sequence[Spent], measured: Measured) -> Mapping[str, Any]:
    estimated = _estimated(spent)
    calls, charges = sum(each.calls for each in spent), sum(each.charges for each in spent)
    return {
        "cost_usd": measured(_sum(spent, lambda each: each.usd), "usd", calls + charges, SOURCE, estimated=estimated),
        "ai_usd": measured(_sum(spent, lambda each: each.ai_usd), "usd", calls, SOURCE, estimated=estimated),
        "charged_usd": measured(_sum(spent, lambda each: each.charged_usd), "usd", charges, SOURCE),
        "input_tokens": measured(sum(each.input_tokens for each in spent), "{token}", calls, SOURCE),
        "output_tokens": measured(sum(each.output_tokens for each in spent), "{token}", calls, SOURCE),
    }


def _unknown(spent: Sequence[Spent], payments: Row) -> str | None:
    if int(payments["unreadable"]):
        return "payments_without_amount"
    if not _entries(spent):
        return "no_costs_told"
    if any(each.calls_unpriced or each.calls_untold or each.violations for each in spent):
        return "model_calls_without_price_or_tokens"
    return "charges_without_amount" if any(each.charges_unreadable for each in spent) else None


def _sum(spent: Sequence[Spent], of: Callable[[Spent], Decimal | None]) -> Decimal | None:
    known = [value for each in spent if (value := of(each)) is not None]
    return sum(known, _ZERO) if known else None


def _entries(spent: Sequence[Spent]) -> int:
    return sum(each.calls + each.charges for each in spent)


def _estimated(spent: Sequence[Spent]) -> bool:
    return any(each.calls_estimated or each.calls_unpriced or each.calls_untold for each in spent)
