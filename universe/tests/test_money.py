"""Credits are conserved, profits follow from orders, and shares are exact."""

from collections import defaultdict
from decimal import Decimal
from typing import Any


def _amount(value: object) -> Decimal:
    return Decimal(str(value))


def test_each_entry_continues_its_accounts_balance(minute: Any) -> None:
    balances: defaultdict[str, Decimal] = defaultdict(Decimal)
    entries = minute.events("credit.transaction")
    for entry in entries:
        account = entry["user.id"]
        assert _amount(entry["credit.balance_before"]) == balances[account]
        balances[account] += _amount(entry["credit.amount"])
        assert _amount(entry["credit.balance_after"]) == balances[account] >= 0
    ledger = minute.universe.platform.credit_ledger
    assert len(entries) > 300
    assert all(ledger.balance(account) == balance for account, balance in balances.items())


def test_no_key_is_booked_twice(minute: Any) -> None:
    keys = [entry["credit.idempotency_key"] for entry in minute.events("credit.transaction")]
    assert len(keys) == len(set(keys))


def test_what_a_user_pays_the_platform_earns(minute: Any) -> None:
    entries = minute.events("credit.transaction")
    for kind in ("usage", "profit_share"):
        assert sum((_amount(e["credit.amount"]) for e in entries if e["credit.type"] == kind), Decimal(0)) == 0


def test_a_profit_share_is_exactly_its_ratio(minute: Any) -> None:
    shares = minute.events("profit_share.distributed")
    assert shares
    for share in shares:
        profit_usd, ratio = _amount(share["profit_share.profit_usd"]), _amount(share["profit_share.ratio"])
        assert profit_usd > 0
        assert _amount(share["profit_share.amount_usd"]) == profit_usd * ratio


def test_a_shared_profit_follows_from_the_two_orders_of_its_position(minute: Any) -> None:
    by_span = {span.context.span_id: span.attributes for span in minute.named("order.execute")}
    closings = {
        span.attributes["order.id"]: (span.attributes, by_span[span.links[0].context.span_id])
        for span in minute.named("order.execute")
        if span.links
    }
    for share in minute.events("profit_share.distributed"):
        closing, opening = closings[share["order.id"]]
        sign = 1 if opening["order.side"] == "buy" else -1
        moved = closing["order.average_price"] - opening["order.average_price"]
        fees_usd = _amount(closing["order.fee_usd"]) + _amount(opening["order.fee_usd"])
        expected_usd = Decimal(repr(sign * moved * opening["order.filled_quantity"])) - fees_usd
        assert abs(_amount(share["profit_share.profit_usd"]) - expected_usd) <= Decimal("0.000001")
        assert closing["signal.id"] == opening["signal.id"] == share["signal.id"]
        assert closing["order.side"] != opening["order.side"]
