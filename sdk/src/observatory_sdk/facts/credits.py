"""Credits, payments, profit shares and costs. Amounts are exact: `Decimal` in, text on the wire."""

from __future__ import annotations

from typing import Literal, Unpack

from observatory_sdk.conventions import credits
from observatory_sdk.facts.checks import Money, Number
from observatory_sdk.facts.event_fact import Common, emit
from observatory_sdk.facts.span_fact import SpanFact, of


class Payment(SpanFact):
    """A payment is made."""

    fact = credits.PAYMENT

    rail: str = of(credits.PAYMENT_RAIL)
    amount_usd: Money = of(credits.PAYMENT_AMOUNT)
    status: Literal["succeeded", "declined", "pending", "failed", "refunded"] | None = of(
        credits.PAYMENT_STATUS, default=None
    )
    decline_reason: str | None = of(credits.PAYMENT_DECLINE, default=None)


def credit_transaction(
    *,
    type: str,
    amount: Money,
    balance_before: Money,
    balance_after: Money,
    idempotency_key: str,
    **also: Unpack[Common],
) -> None:
    """An entry in the credit ledger; `amount` below 0 when credits are taken. Give `user_id`."""
    values = {
        credits.TYPE: type,
        credits.AMOUNT: amount,
        credits.BALANCE_BEFORE: balance_before,
        credits.BALANCE_AFTER: balance_after,
        credits.IDEMPOTENCY_KEY: idempotency_key,
    }
    emit(credits.TRANSACTION, values, also)


def profit_share(*, profit_usd: Money, ratio: Number, amount_usd: Money, **also: Unpack[Common]) -> None:
    """A profit is shared: `ratio` (0 to 1) is the platform's share."""
    values = {credits.SHARE_PROFIT: profit_usd, credits.SHARE_RATIO: ratio, credits.SHARE_AMOUNT: amount_usd}
    emit(credits.PROFIT_SHARE, values, also)


def cost(
    *,
    provider: str,
    category: Literal["ai", "exchange", "market_data", "communication", "infrastructure", "other"],
    amount_usd: Money | None = None,
    quantity: Number | None = None,
    unit: str | None = None,
    operation: str | None = None,
    currency: Literal["USD"] | None = None,
    **also: Unpack[Common],
) -> None:
    """Money is spent on anything but a model call, whose cost follows from its tokens.

    Without `amount_usd` the server's price file prices `quantity` of `operation` at `provider`.
    """
    values = {
        credits.COST_PROVIDER: provider,
        credits.COST_CATEGORY: category,
        credits.COST_AMOUNT: amount_usd,
        credits.COST_QUANTITY: quantity,
        credits.COST_UNIT: unit,
        credits.COST_OPERATION: operation,
        credits.COST_CURRENCY: currency,
    }
    emit(credits.COST, values, also)
