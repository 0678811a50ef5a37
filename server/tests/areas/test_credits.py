"""The ledger's invariants, payments, profit shares and what users bring: by example, and at random by hand."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from decimal import ROUND_DOWN, Decimal, localcontext
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from observatory import areas
from observatory.analytics import intervals
from observatory.areas import deepdive
from observatory.areas.assess import Span, read_range
from observatory.store import Store

AREA = next(each for each in areas.load() if each.id == "credits")
(DIVE,) = deepdive.load(AREA)
HOUR_S = 3_600
NANO = Decimal("0.000000001")


def entry(before: str, amount: str, after: str, key: str = "", account: str = "", **more: str) -> dict[str, str]:
    return {
        "credit.balance_before": before,
        "credit.amount": amount,
        "credit.balance_after": after,
        "credit.idempotency_key": key,
        "user.id": account,
        **more,
    }


def book(sender: Any, account: str, balance: str, *amounts: str, ago: float = 100) -> None:
    """Entries of an account, one a second, as a sound ledger tells them."""
    held = Decimal(balance)
    for place, amount in enumerate(amounts):
        after = held + Decimal(amount)
        told = entry(str(held), amount, str(after), f"{account}-{place}", account)
        sender.log("credit.transaction", ago=ago - place, **told)
        held = after


@pytest.fixture
def dive(store: Store, sender: Any) -> Callable[..., Any]:
    """Send what the sender holds, then read one section of the deep dive."""

    async def run(section: str, window_s: int = HOUR_S) -> deepdive.Shown:
        sender.flush()
        span = Span(sender.at, window_s, sender.at - timedelta(days=1))
        (shown,) = await deepdive.read(AREA, DIVE, store.reader, sender.environment, span, only=section)
        return shown

    return run


async def test_the_ledgers_invariants_are_checked_exactly(sender: Any, look: Any) -> None:
    sender.log("credit.transaction", **entry("0.1", "0.2", "0.3", "a"))
    sender.log("credit.transaction", **entry("10", "-4", "6", "b"))
    sender.log("credit.transaction", **entry("6", "-4", "2", "b"))
    sender.log("credit.transaction", **entry("5", "-6", "-1", "c"))
    sender.log("credit.transaction", **entry("5", "-1", "4.000000001", "d"))
    view = await look("credits")
    assert view["transactions_5m"] == 5
    assert view["negative_balances_5m"] == 1
    assert view["ledger_mismatches_5m"] == 1
    assert view["duplicate_entries_1h"] == 1
    assert view.member("credits.transaction_rate").value == pytest.approx(5 / 300)


async def test_an_entry_that_is_told_twice_is_booked_once(sender: Any, look: Any) -> None:
    for _ in range(2):
        sender.log("credit.transaction", ago=20, **entry("10", "-4", "6", "b", "u"))
    view = await look("credits")
    assert (view["transactions_5m"], view["duplicate_entries_1h"]) == (1, 0)
    assert (view["discontinuities_1h"], view["unconserved_accounts_1h"]) == (0, 0)


async def test_the_two_sides_of_a_transfer_may_share_a_key(sender: Any, look: Any) -> None:
    sender.log("credit.transaction", **entry("10", "-4", "6", "t", "from"))
    sender.log("credit.transaction", **entry("0", "4", "4", "t", "to"))
    assert (await look("credits"))["duplicate_entries_1h"] == 0


async def test_amounts_that_cannot_be_read_are_not_taken_for_zero(sender: Any, look: Any) -> None:
    for place, amount in enumerate(("", "NaN", "1e60", "ten")):
        sender.log("credit.transaction", **entry("0", amount, amount, str(place)))
    view = await look("credits")
    assert view["transactions_5m"] == 4
    assert view["ledger_mismatches_5m"] is None
    assert view["negative_balances_5m"] is None
    assert view.member("credits.unreadable_entries").value == 3


async def test_the_largest_amounts_overflow_nothing(sender: Any, look: Any, dive: Any) -> None:
    most = "9" * 29 + ".999999999"
    sender.log("credit.transaction", ago=60, **entry(f"-{most}", most, most, "a", "u"))
    sender.log("credit.transaction", ago=50, **entry(most, f"-{most}", f"-{most}", "b", "u"))
    share = {"profit_share.profit_usd": most, "profit_share.ratio": "9" * 20, "profit_share.amount_usd": most}
    sender.log("profit_share.distributed", **share)
    view = await look("credits")
    assert view["ledger_mismatches_5m"] == 2
    assert view.member("credits.overflow_headroom").value < 0
    rows = (await dive("violations")).rows
    assert {row["invariant"] for row in rows} >= {"amount_mismatch", "negative_balance"}
    assert f"off by {most}" in rows[-1]["evidence"]


async def test_a_sender_that_writes_all_amounts_unsigned_contradicts_nothing(sender: Any, look: Any) -> None:
    sender.log("credit.transaction", ago=60, **entry("10", "4", "6", "a", "u"))
    sender.log("credit.transaction", ago=50, **entry("6", "4", "10", "b", "u"))
    view = await look("credits")
    assert (view["ledger_mismatches_5m"], view["unconserved_accounts_1h"]) == (0, 0)


async def test_digits_that_the_store_cuts_are_no_difference(sender: Any, look: Any) -> None:
    sender.log("credit.transaction", ago=60, **entry("1", "-0.0000000015", "0.9999999985", "a", "u"))
    sender.log("credit.transaction", ago=50, **entry("0.9999999985", "-0.1", "0.899999998", "b", "u"))
    sender.log("credit.transaction", ago=40, **entry("0.899999998", "-0.1", "0.799999997", "c", "u"))
    view = await look("credits")
    assert (view["ledger_mismatches_5m"], view["discontinuities_1h"], view["unconserved_accounts_1h"]) == (1, 0, 1)


async def test_a_charge_that_is_booked_as_a_gift_is_found_where_amounts_are_signed(sender: Any, look: Any) -> None:
    sender.log("credit.transaction", ago=60, **entry("10", "-4", "14", "a", "u"))
    sender.log("credit.transaction", ago=50, **entry("14", "4", "10", "b", "u"))
    view = await look("credits")
    assert view["ledger_mismatches_5m"] == 2


async def test_a_balance_that_moves_between_entries_is_named(sender: Any, look: Any, dive: Any) -> None:
    book(sender, "sound", "10", "-1", "-2", "5")
    sender.log("credit.transaction", ago=90, **entry("10", "-1", "9", "a", "robbed"))
    sender.log("credit.transaction", ago=80, **entry("7.5", "-1", "6.5", "b", "robbed"))
    view = await look("credits")
    assert (view["discontinuities_1h"], view["unconserved_accounts_1h"]) == (1, 1)
    assert view["ledger_mismatches_5m"] == 0
    assert view.member("credits.unaccounted_credits").value == Decimal("1.5")
    rows = {row["invariant"]: row for row in (await dive("violations")).rows}
    assert set(rows) == {"balance_break", "not_conserved"}
    assert {row["account"] for row in rows.values()} == {"robbed"}
    assert rows["balance_break"]["key"] == "b"
    assert rows["balance_break"]["evidence"] == "the entry begins at 7.5 where the one before it had left 9"
    accounts = {row["account"]: row for row in (await dive("accounts")).rows}
    assert list(accounts) == ["robbed", "sound"]
    assert (accounts["robbed"]["conserved"], accounts["sound"]["conserved"]) == (0, 1)
    assert accounts["sound"]["balance"] == Decimal(12)


async def test_entries_of_one_instant_have_no_order_of_their_own(sender: Any, look: Any) -> None:
    sender.log("credit.transaction", ago=60, **entry("0", "10", "10", "a", "u"))
    for before, after, key in (("6", "2", "c"), ("10", "6", "b"), ("2", "9", "d")):
        told = entry(before, str(int(after) - int(before)), after, key, "u")
        sender.log("credit.transaction", ago=50, **told)
    sender.log("credit.transaction", ago=40, **entry("9", "-9", "0", "e", "u"))
    view = await look("credits")
    assert (view["discontinuities_1h"], view["unconserved_accounts_1h"]) == (0, 0)


async def test_an_entry_that_comes_late_is_waited_for(sender: Any, look: Any) -> None:
    sender.log("credit.transaction", ago=60, **entry("10", "-1", "9", "a", "u"))
    sender.log("credit.transaction", ago=2, **entry("8", "-1", "7", "c", "u"))
    assert (await look("credits"))["discontinuities_1h"] == 0
    sender.at += timedelta(seconds=30)
    sender.log("credit.transaction", ago=35, **entry("9", "-1", "8", "b", "u"))
    view = await look("credits")
    assert (view["discontinuities_1h"], view["unconserved_accounts_1h"]) == (0, 0)


async def test_two_charges_of_one_balance_are_a_break(sender: Any, look: Any, dive: Any) -> None:
    book(sender, "u", "7", "3", ago=300)
    sender.log("credit.transaction", ago=60, **entry("10", "-1", "9", "a", "u"))
    sender.log("credit.transaction", ago=50, **entry("10", "-2", "8", "b", "u"))
    assert (await look("credits"))["discontinuities_1h"] == 1
    rows = {row["invariant"]: row for row in (await dive("violations")).rows}
    assert rows["balance_break"]["key"] == "b"


async def test_two_processes_may_tell_their_entries_in_the_wrong_order(sender: Any, look: Any) -> None:
    book(sender, "u", "0", "10", ago=300)
    sender.log("credit.transaction", ago=59.99, **entry("10", "-4", "6", "a", "u"))
    sender.log("credit.transaction", ago=60, **entry("6", "-4", "2", "b", "u"))
    view = await look("credits")
    assert (view["discontinuities_1h"], view["unconserved_accounts_1h"]) == (0, 0)


async def test_an_account_stays_overdrawn_until_it_is_made_good(sender: Any, look: Any) -> None:
    book(sender, "poor", "5", "-6", ago=4_000)
    book(sender, "helped", "5", "-7", "3", ago=4_000)
    view = await look("credits")
    assert view["negative_balances_5m"] is None
    assert view["overdrawn_accounts"] == 1
    assert view.member("credits.overdraft").value == Decimal(1)


async def test_payments_succeed_by_status_and_pending_ones_are_not_judged(sender: Any, look: Any, dive: Any) -> None:
    for status in ("succeeded", "succeeded", "succeeded", "declined", "pending", "refunded"):
        paid = {"payment.status": status, "payment.rail": "card", "payment.amount_usd": "19.99", "user.id": "u"}
        sender.span("payment.process", **paid)
    view = await look("credits")
    assert view["payment_success_rate"] == pytest.approx(3 / 4)
    assert view.measured("payment_success_rate").interval == pytest.approx(intervals.wilson(0.75, 4))
    assert view["revenue_last_hour_usd"] == Decimal("59.97")
    assert view.member("credits.refunds").value == Decimal("19.99")
    assert view.member("credits.revenue_per_user").value == Decimal("59.97")
    (declined,) = (await dive("declines")).rows
    assert (declined["rail"], declined["reason"], declined["payments"], declined["of"]) == ("card", "not_told", 1, 4)


async def test_a_wrong_profit_share_is_found_and_a_rounded_one_is_not(sender: Any, look: Any, dive: Any) -> None:
    for amount in ("33.33", "33.34", "40"):
        share = {"profit_share.profit_usd": "111.11", "profit_share.ratio": 0.3, "profit_share.amount_usd": amount}
        sender.log("profit_share.distributed", **share)
    view = await look("credits")
    assert view["profit_share_errors_1h"] == 2
    assert view.member("credits.profit_share_error").value == Decimal("6.674")
    rows = (await dive("profit_share_errors")).rows
    assert sorted(row["error_usd"] for row in rows) == [Decimal("0.007"), Decimal("6.667")]
    assert "which is 33.333 USD, off by 6.667" in next(row["evidence"] for row in rows if row["amount_usd"] == 40)


async def test_a_share_of_a_few_cents_is_checked_as_exactly_as_it_was_written(sender: Any, look: Any) -> None:
    for amount in ("0.012", "0.015"):
        share = {"profit_share.profit_usd": "0.06", "profit_share.ratio": 0.2, "profit_share.amount_usd": amount}
        sender.log("profit_share.distributed", **share)
    assert (await look("credits"))["profit_share_errors_1h"] == 1


async def test_a_margin_is_known_where_all_costs_are(sender: Any, dive: Any) -> None:
    for user in ("priced", "chatted", "quiet"):
        paid = {"payment.status": "succeeded", "payment.amount_usd": "10", "user.id": user}
        sender.span("payment.process", **paid)
    for user in ("priced", "chatted"):
        sender.log("cost.charge", **{"cost.provider": "p", "cost.amount_usd": "0.1", "user.id": user})
    chat = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o"}
    sender.span("chat gpt-4o", **chat, **{"user.id": "chatted"})
    rows = {row["user"]: (row["margin_usd"], row["margin_reason"]) for row in (await dive("users")).rows}
    assert rows == {
        "priced": (Decimal("9.9"), None),
        "chatted": (None, "model_calls_not_priced_by_user"),
        "quiet": (None, "no_costs_told"),
    }


async def test_no_fault_is_read_into_an_idle_ledger(look: Any) -> None:
    view = await look("credits", alive={"credit_ledger", "crypto_payment_service", "profit_sharing_service"})
    for field in ("transactions_5m", "discontinuities_1h", "overdrawn_accounts", "profit_share_errors_1h"):
        assert view[field] == 0
    assert view["payment_success_rate"] is None


AMOUNTS = st.one_of(st.decimals(-20, 20, places=3), st.decimals(-5, 5, places=9), st.just(Decimal(0)))


@st.composite
def ledgers(draw: Any) -> list[dict[str, Any]]:
    """Entries of some accounts, one after another, with faults in some; `place` is their order."""
    made: list[dict[str, Any]] = []
    held: dict[str, Decimal] = defaultdict(lambda: Decimal(50))
    for place in range(draw(st.integers(0, 14))):
        account = draw(st.sampled_from(["a", "b", "c"]))
        fault = draw(st.sampled_from(["", "", "", "drift", "gap", "again"]))
        amount, before = draw(AMOUNTS), held[account] + (3 if fault == "gap" else 0)
        after = before + amount + (Decimal("0.01") if fault == "drift" else 0)
        own = [each for each in made if each["account"] == account]
        key = own[-1]["key"] if fault == "again" and own else f"k{place}"
        kind = draw(st.sampled_from(["usage", "purchase"]))
        made.append({"account": account, "before": before, "amount": amount, "after": after, "key": key, "type": kind})
        held[account] = after
    return made


@st.composite
def shares(draw: Any) -> dict[str, Decimal]:
    profit = draw(st.decimals(-50, 5_000, places=draw(st.sampled_from([2, 9]))))
    ratio = draw(st.decimals(0, 1, places=draw(st.sampled_from([2, 16]))))
    places = draw(st.sampled_from([2, 4, 9]))
    error = draw(st.sampled_from([Decimal(0), Decimal(0), Decimal("0.01"), Decimal("-0.00001")]))
    with localcontext(prec=60):
        amount = (max(profit, Decimal(0)) * ratio).quantize(Decimal(1).scaleb(-places)) + error
    return {"profit": profit, "ratio": ratio, "amount": amount}


PAYMENTS = st.fixed_dictionaries(
    {
        "user": st.sampled_from(["a", "b", ""]),
        "rail": st.sampled_from(["card", "eth"]),
        "status": st.sampled_from(["succeeded", "succeeded", "declined", "failed", "pending", "refunded", ""]),
        "amount": st.one_of(st.none(), st.decimals(0, 500, places=9)),
        "reason": st.sampled_from(["", "rail_down"]),
        "error": st.integers(0, 5).map(lambda drawn: drawn == 0),
        "ms": st.sampled_from([5.0, 300.0, 300.0, 4_000.0]),
    }
)
# Each example is an insert of its own, so that a failing one is not made smaller.
RANDOMLY = settings(
    max_examples=10,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def by_hand(booked: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The ledger's numbers in plain Python."""
    accounts: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for each in booked:
        accounts[each["account"]].append(each)
    broken = {account: max(0, (_begun(own) - _left(own)).total() - 1) for account, own in accounts.items()}
    differences = [
        (
            own[-1]["after"] - own[0]["before"]
            if broken[account]
            else sum((each["after"] - each["before"] for each in own), Decimal(0))
        )
        - sum((each["amount"] for each in own), Decimal(0))
        for account, own in accounts.items()
    ]
    lasts = [own[-1]["after"] for own in accounts.values()]
    return {
        "transactions": len(booked),
        "transactions_1h": len(booked),
        "negative_balances": sum(each["after"] < 0 for each in booked),
        "ledger_mismatches": sum(each["after"] - each["before"] != each["amount"] for each in booked),
        "duplicate_entries": sum(len(own) - len({each["key"] for each in own}) for own in accounts.values()),
        "discontinuities": sum(broken.values()),
        "unconserved_accounts": sum(each != 0 for each in differences),
        "unaccounted_credits": sum((abs(each) for each in differences), Decimal(0)),
        "overdrawn_accounts": sum(each < 0 for each in lasts),
        "overdraft": -sum((each for each in lasts if each < 0), Decimal(0)),
        "overflow_distance": Decimal(2_147_483_647) - max(abs(each["after"]) for each in booked) if booked else None,
    }


def _begun(own: Sequence[Mapping[str, Any]]) -> Counter[Decimal]:
    return Counter(each["before"] for each in own)


def _left(own: Sequence[Mapping[str, Any]]) -> Counter[Decimal]:
    return Counter(each["after"] for each in own)


@RANDOMLY
@given(drawn=ledgers())
async def test_ledgers_of_any_kind_are_measured_as_by_hand(
    store: Store, sends: Any, drawn: list[dict[str, Any]]
) -> None:
    sender = sends()
    # A charge, so that amounts are known to be signed.
    book(sender, "signs", "10", "-1", ago=200)
    for place, each in enumerate(drawn):
        amounts = (str(each[name]) for name in ("before", "amount", "after"))
        told = entry(*amounts, each["key"], each["account"])
        sender.log("credit.transaction", ago=180 - place / 7, **told, **{"credit.type": each["type"]})
    signs = {"account": "signs", "before": Decimal(10), "amount": Decimal(-1), "after": Decimal(9), "key": "signs-0"}
    expected = by_hand([signs, *drawn])
    sender.flush()
    span = Span(sender.at, 300, sender.at - timedelta(days=1))
    names = frozenset(f"credits.{name}" for name in expected)
    readings = await read_range(AREA, store.reader, names, sender.environment, span)
    found = {each.indicator.removeprefix("credits."): each.measurement.value for each in readings}
    assert {name: found.get(name) or 0 for name in expected} == expected
    types = {
        row["type"]: row
        for row in (await deepdive.read(AREA, DIVE, store.reader, sender.environment, span, only="types"))[0].rows
    }
    for kind in {each["type"] for each in drawn}:
        own = [each["amount"] for each in drawn if each["type"] == kind]
        assert types[kind]["credits_given"].value == sum((each for each in own if each > 0), Decimal(0))
        assert types[kind]["credits_taken"].value == -sum((each for each in own if each < 0), Decimal(0))
    (shown,) = await deepdive.read(AREA, DIVE, store.reader, sender.environment, span, only="violations")
    counted = Counter(row["invariant"] for row in shown.rows)
    assert counted["amount_mismatch"] == expected["ledger_mismatches"]
    assert counted["negative_balance"] == expected["negative_balances"]
    assert counted["balance_break"] == expected["discontinuities"]
    assert counted["not_conserved"] == expected["unconserved_accounts"]
    assert (
        sum(row["entries"] - 1 for row in shown.rows if row["invariant"] == "key_repeated")
        == expected["duplicate_entries"]
    )


@RANDOMLY
@given(paid=st.lists(PAYMENTS, max_size=12), shared=st.lists(shares(), max_size=8))
async def test_payments_and_shares_of_any_kind_are_measured_as_by_hand(
    store: Store, sends: Any, paid: list[dict[str, Any]], shared: list[dict[str, Decimal]]
) -> None:
    sender = sends()
    for each in paid:
        told = {
            "payment.rail": each["rail"],
            "payment.status": each["status"],
            "payment.decline_reason": each["reason"],
            "user.id": each["user"],
        }
        amount = {} if each["amount"] is None else {"payment.amount_usd": each["amount"]}
        sender.span("payment.process", ms=each["ms"], error=each["error"], **told, **amount)
    for place, each in enumerate(shared):
        told = {
            f"profit_share.{name}": each[name.removesuffix("_usd")] for name in ("profit_usd", "ratio", "amount_usd")
        }
        sender.log("profit_share.distributed", ago=20 + place, **{"user.id": "a"}, **told)
    sender.flush()
    span = Span(sender.at, HOUR_S, sender.at - timedelta(days=1))
    expected = _payments(paid) | _shares(shared)
    names = frozenset(f"credits.{name}" for name in expected)
    readings = await read_range(AREA, store.reader, names, sender.environment, span)
    found = {each.indicator.removeprefix("credits."): each.measurement for each in readings if not each.member}
    for name, value in expected.items():
        measured = found[name].value if name in found else None
        assert measured == (pytest.approx(value) if isinstance(value, float) else value), name
    await _expect_rails(store, sender, span, paid)
    (shown,) = await deepdive.read(AREA, DIVE, store.reader, sender.environment, span, only="profit_share_errors")
    assert len(shown.rows) == (expected.get("profit_share_errors") or 0)
    (users,) = await deepdive.read(AREA, DIVE, store.reader, sender.environment, span, only="users")
    money = {row["user"]: row["revenue_usd"] for row in users.rows}
    for user in {each["user"] for each in paid if each["user"]}:
        own = [each for each in paid if each["user"] == user and each["amount"] is not None]
        got = sum((each["amount"] for each in own if _succeeded(each)), Decimal(0))
        assert money[user] == got - sum((each["amount"] for each in own if each["status"] == "refunded"), Decimal(0))


def _succeeded(each: Mapping[str, Any]) -> bool:
    return each["status"] in ("succeeded", "") and not each["error"]


def _payments(paid: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    settled = [each for each in paid if each["status"] not in ("pending", "refunded")]
    good = [each for each in settled if _succeeded(each)]
    priced = [each for each in good if each["amount"] is not None]
    known = [each for each in priced if each["user"]]
    users = {each["user"] for each in known}
    per_user = sum((each["amount"] for each in known), Decimal(0)) / len(users) if users else None
    return {
        "payments": len(paid) or None,
        "payment_success": len(good) / len(settled) if settled else None,
        "payment_time_p95": float(np.quantile([each["ms"] for each in paid], 0.95)) if paid else None,
        "revenue": sum((each["amount"] for each in priced), Decimal(0)) if priced else None,
        "paying_users": len(users) if priced else None,
        "revenue_per_user": per_user and per_user.quantize(NANO, ROUND_DOWN),
    }


def _shares(shared: Sequence[Mapping[str, Decimal]]) -> dict[str, Any]:
    errors = []
    with localcontext(prec=80):
        for each in shared:
            error = each["amount"] - max(each["profit"], Decimal(0)) * each["ratio"]
            half = Decimal(1).scaleb(int(each["amount"].as_tuple().exponent)) / 2
            errors.append((error, abs(error) > max(half, 2 * NANO)))
        total = sum((error for error, wrong in errors if wrong), Decimal(0))
        largest = max((abs(error) for error, _ in errors), default=None)
    wrong = sum(wrong for _, wrong in errors)
    return {
        "profit_shares": len(shared) or None,
        "profit_share_errors": wrong if shared else None,
        "profit_share_accuracy": 1 - wrong / len(shared) if shared else None,
        "profit_share_error": total if shared else None,
        "profit_share_error_max": largest,
        "profit_shared": sum((each["profit"] for each in shared), Decimal(0)) if shared else None,
        "profit_share_revenue": sum((each["amount"] for each in shared), Decimal(0)) if shared else None,
    }


async def _expect_rails(store: Store, sender: Any, span: Span, paid: Sequence[Mapping[str, Any]]) -> None:
    (shown,) = await deepdive.read(AREA, DIVE, store.reader, sender.environment, span, only="rails")
    rows = {row["rail"]: row for row in shown.rows}
    assert set(rows) == {each["rail"] for each in paid}
    for rail, row in rows.items():
        settled = [each for each in paid if each["rail"] == rail and each["status"] not in ("pending", "refunded")]
        assert row["success_rate"].samples == len(settled)
        if settled:
            share = sum(map(_succeeded, settled)) / len(settled)
            assert row["success_rate"].value == pytest.approx(share)
            assert row["success_rate"].interval == pytest.approx(intervals.wilson(share, len(settled)))
    (declines,) = await deepdive.read(AREA, DIVE, store.reader, sender.environment, span, only="declines")
    expected = Counter(
        (each["rail"], each["reason"] or "not_told")
        for each in paid
        if each["status"] not in ("pending", "refunded") and not _succeeded(each)
    )
    found: Counter[tuple[str, str]] = Counter()
    for row in declines.rows:
        found[row["rail"], row["reason"]] += row["payments"]
    assert found == expected
