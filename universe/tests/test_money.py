"""Credits are conserved, profits follow from orders, and shares are exact; and how each of their faults breaks that."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from at_rest import Rest

from observatory_universe.credits.ledger import CreditLedger
from observatory_universe.direct.tables import MemoryTables
from observatory_universe.doors.state import StateError
from observatory_universe.trade import Position


@pytest.fixture
def rest() -> Iterator[Rest]:
    found = Rest()
    try:
        yield found
    finally:
        found.close()


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
    assert len(entries) > 300
    assert asyncio.run(minute.universe.world.doors.tables.balances(list(balances))) == balances


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


def _booked(rest: Rest) -> list[tuple[Decimal, Decimal, Decimal]]:
    """Amount, balance before and balance after of each entry."""
    names = ("credit.amount", "credit.balance_before", "credit.balance_after")
    return [tuple(Decimal(str(e[name])) for name in names) for e in rest.events("credit.transaction")]  # type: ignore[misc]


def test_a_key_is_booked_once_and_no_balance_falls_below_zero(rest: Rest) -> None:
    ledger = rest.platform.credit_ledger
    booked = [
        rest.do(ledger.book("a", "usage", Decimal(amount), key)) for amount, key in ((5, "k"), (5, "k"), (-6, "l"))
    ]
    assert booked == [True, False, False]
    assert rest.do(ledger.balances(["a", "b"])) == {"a": 5, "b": 0}
    assert _booked(rest) == [(5, 0, 5)]


def test_a_drifting_ledger_goes_on_from_what_it_wrote(rest: Rest) -> None:
    ledger = rest.platform.credit_ledger
    fault = rest.faults.begin("ledger_drift", grade=0.25)
    rest.do(ledger.book("a", "purchase", Decimal(10), "one"))
    rest.faults.end(fault.id)
    rest.do(ledger.book("a", "usage", Decimal(-1), "two"))
    assert _booked(rest) == [(10, 0, Decimal("10.25")), (-1, Decimal("10.25"), Decimal("9.25"))]
    assert rest.do(ledger.read("a")) == Decimal("9.25")


def test_what_a_ledger_drifted_by_is_taken_back_when_the_fault_ends(rest: Rest) -> None:
    ledger = rest.platform.credit_ledger
    fault = rest.faults.begin("ledger_drift", grade=2)
    rest.looks("ledger_drift", 1)
    for account, amount in (("a", 10), ("b", 3), ("b", -4)):
        rest.do(ledger.book(account, "usage", Decimal(amount), f"{account}{amount}"))
    rest.faults.end(fault.id)
    rest.looks("ledger_drift", 2)
    # Of what "b" got too much it has spent some: that is not taken back.
    assert _booked(rest)[3:] == [(-2, 12, 10), (-3, 3, 0)]
    assert rest.do(ledger.balances(["a", "b"])) == {"a": 10, "b": 0}


def test_entries_of_an_account_are_told_in_the_order_in_which_they_were_booked(rest: Rest) -> None:
    class Distant(MemoryTables):
        """Answers come back in another order than the one in which they were given."""

        async def book(self, *args: Any, **options: Any) -> Any:
            booking = await super().book(*args, **options)
            await rest.world.clock.sleep(rest.world.chance.of(str(args[3])).between(0.0, 0.01))
            return booking

    doors = replace(rest.world.doors, tables=Distant(rest.world.clock))
    ledger = CreditLedger(replace(rest.world, doors=doors))

    async def book() -> None:
        await asyncio.gather(*(ledger.book("ab"[n % 2], "purchase", Decimal(1), f"k{n}") for n in range(60)))

    rest.do(book())
    for account in "ab":
        told = [e for e in rest.events("credit.transaction") if e["user.id"] == account]
        assert [_amount(e["credit.balance_after"]) for e in told] == list(range(1, 31))
    assert len(ledger._locks) == 0


def test_whoever_waits_too_long_for_an_account_is_told_so(rest: Rest) -> None:
    ledger = rest.platform.credit_ledger

    async def book() -> list[Any]:
        fault = rest.faults.begin("pool_leak", grade=20)
        await rest.world.doors.tables.leak(20)
        bookings = (ledger.book("a", "usage", Decimal(1), f"k{n}") for n in range(5))
        failed = await asyncio.gather(*bookings, return_exceptions=True)
        await rest.world.doors.tables.leak(0)
        rest.faults.end(fault.id)
        return failed

    assert {type(error) for error in rest.do(book())} == {StateError}
    assert rest.do(ledger.book("a", "usage", Decimal(1), "later"))


def test_a_double_charge_is_told_twice_under_one_key(rest: Rest) -> None:
    ledger = rest.platform.credit_ledger
    fault = rest.faults.begin("double_charge", grade=1)
    rest.do(ledger.book("a", "purchase", Decimal(10), "bought"))
    rest.do(ledger.book("a", "usage", Decimal(-1), "used"))
    rest.faults.end(fault.id)
    rest.do(ledger.book("a", "usage", Decimal(-1), "used-later"))
    assert _booked(rest) == [(10, 0, 10), (-1, 10, 9), (-1, 9, 8), (-1, 8, 7)]
    keys = Counter(entry["credit.idempotency_key"] for entry in rest.events("credit.transaction"))
    assert keys == {"bought": 1, "used": 2, "used-later": 1}


def test_an_overdrawn_account_is_made_good_when_the_fault_ends(rest: Rest) -> None:
    rest.suffers("negative_balance", 10, grade=50)
    assert [(before, after) for _, before, after in _booked(rest)] == [(0, -50), (-50, 0)]


def test_credits_are_taken_in_by_an_account_below_zero(rest: Rest) -> None:
    ledger = rest.platform.credit_ledger
    rest.do(ledger.overdraw("a", Decimal(-50)))
    assert rest.do(ledger.book("a", "purchase", Decimal(10), "bought"))
    assert not rest.do(ledger.book("a", "usage", Decimal(-1), "used"))
    assert rest.do(ledger.read("a")) == -40


def test_a_payment_over_a_rail_that_is_down_is_declined_and_books_nothing(rest: Rest) -> None:
    pay = rest.platform.crypto_payment_service.pay
    fault = rest.faults.begin("payment_outage", "eth", 1)
    paid = sum(rest.do(pay(rest.user)) for _ in range(40))
    rest.faults.end(fault.id)
    declined = [p for p in rest.facts("payment.process") if p["payment.status"] == "declined"]
    assert {(p["payment.rail"], p["payment.decline_reason"]) for p in declined} == {("eth", "rail_down")}
    assert len(declined) + paid == 40
    assert len(_booked(rest)) == paid
    assert all(rest.do(pay(rest.user)) for _ in range(20))


def test_a_wrong_profit_share_keeps_the_right_ratio_in_its_words(rest: Rest) -> None:
    position = Position("SOL/USDT", "buy", 1.0, 100.0, Decimal(0), 0.0, "s", "signal-1", None, "kraken", None)
    share = rest.platform.profit_sharing_service.share
    fault = rest.faults.begin("profit_share_wrong", grade=0.05)
    assert rest.do(share(rest.user, position, Decimal(10), "order-1")) == Decimal("2.5")
    rest.faults.end(fault.id)
    assert rest.do(share(rest.user, position, Decimal(10), "order-2")) == 2
    assert [told["profit_share.ratio"] for told in rest.events("profit_share.distributed")] == [0.2, 0.2]


def test_what_a_user_cannot_pay_is_owed_and_collected_later(rest: Rest) -> None:
    profits, ledger = rest.platform.profit_sharing_service, rest.platform.credit_ledger
    test_a_wrong_profit_share_keeps_the_right_ratio_in_its_words(rest)
    assert rest.do(profits.settle()) == 1
    rest.do(ledger.book(rest.user.id, "purchase", Decimal(10), "bought"))
    assert rest.do(profits.settle()) == 0
    assert rest.do(ledger.balances([rest.user.id, "platform"])) == {
        rest.user.id: Decimal("5.5"),
        "platform": Decimal("4.5"),
    }


def test_a_dearer_provider_charges_a_multiple_for_the_same_quantity(rest: Rest) -> None:
    charge = rest.platform.api_cost_tracker.charge
    fault = rest.faults.begin("price_change", grade=8)
    rest.do(charge("ses", "communication", Decimal("0.0001"), 1, "message"))
    rest.faults.end(fault.id)
    rest.do(charge("ses", "communication", Decimal("0.0001"), 1, "message"))
    charges = [(Decimal(str(c["cost.amount_usd"])), c["cost.quantity"]) for c in rest.events("cost.charge")]
    assert charges == [(Decimal("0.0008"), 1), (Decimal("0.0001"), 1)]
