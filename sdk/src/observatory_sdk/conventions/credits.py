"""Credits, payments, profit shares and costs."""

from __future__ import annotations

from observatory_sdk.conventions.model import event, money, number, ratio, span, text

TYPE = text("credit.type", "The kind of entry, such as `purchase`, `usage` or `refund`.")
AMOUNT = money("credit.amount", "What is added, below 0 what is taken.", "{credit}")
BALANCE_BEFORE = money("credit.balance_before", "Balance before.", "{credit}")
BALANCE_AFTER = money("credit.balance_after", "Balance after.", "{credit}")
IDEMPOTENCY_KEY = text("credit.idempotency_key", "The same for a retry of the same entry.")
PAYMENT_RAIL = text("payment.rail", "How the money moves, such as `card` or `usdt_trc20`.")
PAYMENT_STATUS = text("payment.status", "How it stands.", "succeeded", "declined", "pending", "failed", "refunded")
PAYMENT_AMOUNT = money("payment.amount_usd", "The amount.")
PAYMENT_DECLINE = text("payment.decline_reason", "Why it was declined, in a fixed word.")
SHARE_PROFIT = money("profit_share.profit_usd", "The profit that is shared.")
SHARE_RATIO = ratio("profit_share.ratio", "The platform's share.")
SHARE_AMOUNT = money("profit_share.amount_usd", "The amount of the share.")
COST_PROVIDER = text("cost.provider", "Who charges.")
COST_CATEGORY = text(
    "cost.category", "What for.", "ai", "exchange", "market_data", "communication", "infrastructure", "other"
)
COST_AMOUNT = money("cost.amount_usd", "The amount.")
COST_QUANTITY = number("cost.quantity", "How much of it was used.", minimum=0)
COST_UNIT = text("cost.unit", "What the quantity counts, such as `request` or `GB`.")
COST_OPERATION = text("cost.operation", "What was asked for; without an amount the price file prices it by this.")
COST_CURRENCY = text("cost.currency", "The amount's currency; anything but `USD` is counted and never added.", "USD")

TRANSACTION = event(
    "credit.transaction",
    "An entry in the credit ledger.",
    "credit_ledger",
    TYPE,
    AMOUNT,
    BALANCE_BEFORE,
    BALANCE_AFTER,
    IDEMPOTENCY_KEY,
)
PAYMENT = span(
    "payment.process",
    "A payment is made.",
    "crypto_payment_service",
    PAYMENT_RAIL,
    PAYMENT_STATUS,
    PAYMENT_AMOUNT,
    PAYMENT_DECLINE,
)
PROFIT_SHARE = event(
    "profit_share.distributed",
    "A profit is shared.",
    "profit_sharing_service",
    SHARE_PROFIT,
    SHARE_RATIO,
    SHARE_AMOUNT,
)
COST = event(
    "cost.charge",
    "Money is spent on anything but a model call.",
    "api_cost_tracker",
    COST_PROVIDER,
    COST_CATEGORY,
    COST_AMOUNT,
    COST_QUANTITY,
    COST_UNIT,
    COST_OPERATION,
    COST_CURRENCY,
)
