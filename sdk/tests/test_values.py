"""Values that attributes do not allow: refused with a clear message in tests, left out and counted in production."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

import observatory_sdk as obs
from observatory_sdk import conventions, facts
from observatory_sdk.conventions import Attribute, Type
from observatory_sdk.facts.checks import MAX_TEXT, MAX_TEXTS, checked
from observatory_sdk.guard import LOSSES

ORDER = {"exchange_id": "binance", "symbol": "BTC/USDT", "side": "buy", "type": "market", "mode": "paper"}


class Side(StrEnum):
    BUY = "buy"


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("symbol", 3, "order.symbol takes text, not int"),
        ("side", "long", "order.side takes one of buy, sell"),
        ("quantity", "1", "order.quantity takes a number, not str"),
        ("quantity", True, "order.quantity takes a number, not bool"),
        ("quantity", -1, "order.quantity takes values from 0"),
        ("quantity", float("nan"), "order.quantity takes a finite number"),
        ("average_price", float("inf"), "order.average_price takes a finite number"),
        ("fee_usd", "1.00", "order.fee_usd takes a decimal amount, not str"),
        ("fee_usd", Decimal("NaN"), "order.fee_usd takes a finite amount"),
        ("fee_usd", Decimal("1e30"), "order.fee_usd takes a finite amount"),
        ("simulated", 1, "order.simulated takes true or false"),
        ("symbol", b"BTC", "order.symbol takes text"),
    ],
)
def test_a_value_that_is_not_allowed_says_so_in_tests_and_is_left_out_in_production(
    recorded: Any, field: str, value: object, says: str
) -> None:
    with pytest.raises(obs.FactError, match=says), facts.order(**{**ORDER, field: value}):
        pass
    obs.strict(False)
    with facts.order(**{**ORDER, field: value}):
        pass
    name = facts.order._fields[field].name
    sent = recorded.spans()[-1].attributes
    assert name not in sent
    assert sent["observatory.invalid"] == (name,)
    assert sent["exchange.id"] == "binance"
    assert obs.losses() == {"value refused": 1}


def test_a_bad_value_of_an_event_leaves_the_rest(recorded: Any, lenient: None) -> None:
    facts.credit_transaction(
        type="usage",
        amount=Decimal(1),
        balance_before=None,  # type: ignore[arg-type]
        balance_after="x",  # type: ignore[arg-type]
        idempotency_key="k",
        user_id=7,  # type: ignore[typeddict-item]
    )
    (found,) = recorded.logs()
    sent = found.log_record.attributes
    assert sent["credit.amount"] == "1"
    assert sent["observatory.invalid"] == ("user.id", "credit.balance_after")
    assert "credit.balance_before" not in sent


def test_the_text_of_a_refused_value_is_told_to_nobody(recorded: Any, lenient: None, caplog: Any) -> None:
    with facts.order(**{**ORDER, "side": "hunter2-the-password"}):
        pass
    recorded.spans()
    assert "hunter2" not in caplog.text
    assert "order.side" in caplog.text


@pytest.mark.parametrize("wrong", [{"colour": "red", "fill": 1}, {}])
def test_a_wrong_or_missing_field_is_the_callers_error_only_in_tests(recorded: Any, wrong: dict[str, str]) -> None:
    values = {**ORDER, **wrong} if wrong else {"exchange_id": "binance"}
    with pytest.raises(TypeError, match="Order: missing"):
        facts.order(**values)
    obs.strict(False)
    with facts.order(**values) as order:
        order.fill(price=1, quantity=1)
    assert recorded.span("order.execute").attributes["exchange.id"] == "binance"
    assert obs.losses() == {"facts": 1}


@pytest.mark.parametrize(
    "wrong",
    [{"colour": "red"}, {"severity": "grave"}, {"time_unix_nano": "now"}, {"time_unix_nano": -1}],
)
def test_a_wrong_common_argument_of_an_event_is_counted_and_the_event_goes_out(
    recorded: Any, wrong: dict[str, Any]
) -> None:
    with pytest.raises((TypeError, obs.FactError)):
        facts.journal_entry(kind="x", **wrong)
    obs.strict(False)
    facts.journal_entry(kind="x", **wrong)
    (found,) = recorded.logs()
    assert found.log_record.severity_text == "INFO"
    assert abs(found.log_record.timestamp - found.log_record.observed_timestamp) < 10**9
    assert obs.losses() == {"facts": 1}


@pytest.mark.parametrize("times", [(1.5, 2), ("1", "2"), (-1, 2), (1, 2**70)])
def test_times_that_are_none_do_not_spoil_the_batch(recorded: Any, lenient: None, times: Any) -> None:
    facts.order(**ORDER).record(start_unix_nano=times[0], end_unix_nano=times[1])
    assert recorded.spans() == []
    assert obs.losses() == {"facts": 1}


def test_enumerations_of_the_host_go_out_as_text(recorded: Any) -> None:
    with facts.order(**{**ORDER, "side": Side.BUY}):
        pass
    assert type(recorded.span("order.execute").attributes["order.side"]) is str


def attribute(kind: Type) -> Attribute:
    return Attribute("some.name", kind, "For this test.")


@given(some.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**15), max_value=10**15, places=9))
def test_money_is_exact(amount: Decimal) -> None:
    sent = checked([(attribute(Type.MONEY), amount)])["some.name"]
    assert isinstance(sent, str)
    assert "E" not in sent
    assert Decimal(sent) == amount


@given(some.floats(allow_nan=False, allow_infinity=False, min_value=-1e15, max_value=1e15))
def test_a_float_of_money_reads_back_as_the_same_float(amount: float) -> None:
    sent = checked([(attribute(Type.MONEY), amount)])["some.name"]
    assert isinstance(sent, str)
    assert float(sent) == amount


@given(some.integers())
def test_whole_numbers_are_kept_or_refused_never_bent(number: int) -> None:
    LOSSES.strict = False
    sent = checked([(attribute(Type.INTEGER), number)])
    assert sent == ({"some.name": number} if -(2**63) <= number < 2**63 else {"observatory.invalid": ["some.name"]})


ANYTHING = some.one_of(
    some.none(),
    some.booleans(),
    some.integers(),
    some.floats(),
    some.text(),
    some.binary(),
    some.decimals(),
    some.lists(some.one_of(some.text(), some.integers()), max_size=3),
    some.dictionaries(some.text(), some.integers(), max_size=2),
    some.builds(object),
)


@given(some.sampled_from(conventions.ATTRIBUTES), ANYTHING)
def test_no_value_at_all_hurts_the_host(found: Attribute, value: object) -> None:
    LOSSES.strict = False
    sent = checked([(found, value)])
    assert sent.keys() <= {found.name, "observatory.invalid"}
    if found.name in sent and found.values:
        assert sent[found.name] in found.values


def test_long_texts_and_lists_are_cut() -> None:
    sent = checked([(attribute(Type.TEXT), "x" * 10_000)])
    assert len(str(sent["some.name"])) == MAX_TEXT
    many = checked([(attribute(Type.TEXTS), ["x"] * 10_000)])["some.name"]
    assert isinstance(many, tuple)
    assert len(many) == MAX_TEXTS
