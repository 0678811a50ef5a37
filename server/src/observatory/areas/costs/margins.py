"""What each user paid and brought, less what he cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from observatory.costs import Ledger, Spent
from observatory.store import Reader

_INCOME = """SELECT UserId, sum(Paid) AS paid, sum(Fees) AS fees, sum(Unreadable) AS unreadable FROM (
    SELECT UserId,
        multiIf(Status = 'refunded', -AmountUsd, Status IN ('succeeded', '') AND NOT Failed, AmountUsd, NULL) AS Paid,
        CAST(NULL, 'Nullable(Decimal(38, 9))') AS Fees,
        isNull(AmountUsd) AND (Status = 'refunded' OR (Status IN ('succeeded', '') AND NOT Failed)) AS Unreadable
    FROM fact_payments WHERE {range}
    UNION ALL
    SELECT UserId, NULL, AmountUsd, isNull(AmountUsd) FROM fact_profit_shares WHERE {range}
) GROUP BY UserId"""
_RANGE = """Timestamp >= {since:DateTime64(9, 'UTC')} AND Timestamp < {until:DateTime64(9, 'UTC')}
    AND Environment = {environment:String}"""


@dataclass(frozen=True, slots=True)
class Margin:
    """One user's. Nones: nothing of that kind is known.

    Attributes:
        paid_usd: payments for credits less refunds.
        fees_usd: the platform's shares of the user's profits.
        cost_usd: what the user cost.
        margin_usd: payments and fees less costs; None where the cost is not known, wholly or in part.
        estimated: some of the costs rest on a sender's own counting.
    """

    user: str
    paid_usd: Decimal | None
    fees_usd: Decimal | None
    cost_usd: Decimal | None
    margin_usd: Decimal | None
    estimated: bool


async def read(reader: Reader, ledger: Ledger, environment: str, since: datetime, until: datetime) -> list[Margin]:
    """Every user with an income or a cost, the least margin first; those whose margin is not known last."""
    bound = {"environment": environment, "since": since, "until": until}
    rows = await reader.read(_INCOME.replace("{range}", _RANGE), bound)
    income = {str(user): (paid, fees, int(unreadable)) for user, paid, fees, unreadable in rows.rows}
    spent = {each.key[0]: each for each in await ledger.spent(environment, since, until, ("user",))}
    users: Sequence[str] = sorted({*income, *spent} - {""})
    made = [_margin(user, *income.get(user, (None, None, 0)), spent.get(user)) for user in users]
    return sorted(made, key=lambda each: (each.margin_usd is None, each.margin_usd or 0))


def _margin(user: str, paid: Decimal | None, fees: Decimal | None, unreadable: int, spent: Spent | None) -> Margin:
    cost = spent.usd if spent else None
    missing = (
        spent is None or spent.calls_unpriced or spent.calls_untold or spent.violations or spent.charges_unreadable
    )
    known = cost is not None and not missing and not unreadable
    income = (paid or Decimal(0)) + (fees or Decimal(0))
    margin = income - cost if known and cost is not None else None
    return Margin(user, paid, fees, cost, margin, bool(spent and spent.calls_estimated))
