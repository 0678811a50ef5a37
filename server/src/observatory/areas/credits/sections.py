"""What SQL cannot do for the deep dive of the ledger: evidence in exact digits, intervals, margins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from observatory.analytics import intervals, ledger
from observatory.areas.assess import Span
from observatory.areas.deepdive import Row

_WORDS = {
    "amount_mismatch": "the balance went from {found} to {after} by an entry of {amount}, off by {difference}",
    "negative_balance": "the balance fell to {after}",
    "key_repeated": "{entries} entries bear the key {key}; those after the first moved {difference}",
    "balance_break": "the entry begins at {found} where the one before it had left {expected}",
    "not_conserved": "the balance rose by {found} over {entries} entries whose sum is {expected}, off by {difference}",
    "unreadable": "an amount or a balance is no number",
}
_SHARE = "{amount} USD were taken of a profit of {profit} USD at {ratio}, which is {expected} USD, off by {difference}"


def violations(rows: Sequence[Row], _span: Span) -> Sequence[Row]:
    """One row a broken invariant, with its evidence in words; amounts there have all their digits."""
    return [
        {
            "invariant": row["invariant"],
            "account": row["account"],
            "at": row["at"],
            "key": row["key"],
            "entries": row["entries"],
            "expected": row["expected"],
            "found": row["found"],
            "difference": row["difference"],
            "evidence": _WORDS[str(row["invariant"])].format_map({name: exact(value) for name, value in row.items()}),
            "trace_id": row["trace_id"],
        }
        for row in rows
    ]


def share_errors(rows: Sequence[Row], _span: Span) -> Sequence[Row]:
    """Profit shares that a recomputation in decimals does not agree with."""
    made = []
    for row in rows:
        told = ledger.check_share(row["profit_usd"], row["ratio"], row["amount_usd"], int(row["places"]))
        if told.right:
            continue
        values = {"amount": row["amount_usd"], "profit": row["profit_usd"], "ratio": row["ratio"]}
        values |= {"expected": told.expected, "difference": told.error}
        kept = {name: value for name, value in row.items() if name != "places"}
        evidence = _SHARE.format_map({name: exact(value) for name, value in values.items()})
        more = {"expected_usd": told.expected, "error_usd": told.error, "evidence": evidence}
        made.append(kept | more)
    return made


def shares(rows: Sequence[Row], _span: Span) -> Sequence[Row]:
    """Rows of `payments` out of `of`, with the share and its interval."""
    made = []
    for row in rows:
        payments, of = int(row["payments"]), int(row["of"])
        share = payments / of if of else None
        low, high = (None if share is None else intervals.wilson(share, of)) or (None, None)
        made.append({**row, "share_ratio": share, "share_ratio_low": low, "share_ratio_high": high})
    return made


def margins(rows: Sequence[Row], _span: Span) -> Sequence[Row]:
    """One row a user with what was earned, and the margin where all that the user cost is known."""
    return [_margin(row) for row in rows]


def _margin(row: Row) -> Mapping[str, object]:
    revenue = Decimal(str(row["paid_usd"])) - Decimal(str(row["refunded_usd"]))
    kept = {name: value for name, value in row.items() if name not in ("model_calls", "unpriced_charges")}
    reason = _unknown(row)
    margin = None if reason else revenue - Decimal(str(row["charges_usd"]))
    return {**kept, "revenue_usd": revenue, "margin_usd": margin, "margin_reason": reason}


def _unknown(row: Row) -> str | None:
    """Why the user's cost is not known; None when it is."""
    if int(row["model_calls"]):
        return "model_calls_not_priced_by_user"
    if int(row["unpriced_charges"]):
        return "charges_without_amount"
    return None if row["charges_usd"] is not None else "no_costs_told"


def exact(value: object) -> str:
    """A value in words: a decimal with all its digits and no trailing zeros."""
    if not isinstance(value, Decimal):
        return str(value)
    text = f"{value:f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"
