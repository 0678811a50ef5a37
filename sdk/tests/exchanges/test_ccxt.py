"""ccxt's calls and orders, with answers that no venue should give."""

from __future__ import annotations

import asyncio
import copy
import inspect
import json
import pickle
import traceback
from collections.abc import Callable
from typing import Any

import pytest

import observatory_sdk as obs
from observatory_sdk.exchanges import ccxt as binding
from observatory_sdk.exchanges.placing import MAX_REMEMBERED, MEMORY, _Known

TICKER = json.dumps({"symbol": "BTCUSDT", "lastPrice": "5", "bidPrice": "4", "askPrice": "6", "closeTime": 1})


def _order(**further: Any) -> str:
    said = {
        "symbol": "BTCUSDT",
        "orderId": 7,
        "clientOrderId": "mine",
        "price": "100.00",
        "origQty": "0.5",
        "executedQty": "0",
        "cummulativeQuoteQty": "0",
        "status": "NEW",
        "type": "LIMIT",
        "side": "BUY",
        "transactTime": 1_760_000_000_000,
    }
    return json.dumps({**said, **further})


def _attributes(recorded: Any, name: str) -> list[dict[str, Any]]:
    return [dict(span.attributes) for span in recorded.spans() if span.name == name]


def _states(recorded: Any) -> list[tuple[Any, Any, Any]]:
    logs = [dict(log.log_record.attributes) for log in recorded.logs()]
    return [(log.get("order.state.from"), log["order.state.to"], log["order.state.source"]) for log in logs]


def test_a_call_of_plain_ccxt_is_one_span(recorded: Any, bare_venue: Any, ccxt: Any, bound: Any) -> None:
    bare_venue.body = TICKER
    bare_venue.headers = {"X-MBX-USED-WEIGHT-1M": "-3"}
    exchange = ccxt.binance(bare_venue.options())
    assert exchange.fetch_ticker("BTC/USDT")["bid"] == 4
    (call,) = _attributes(recorded, "exchange fetch_ticker")
    assert call["http.response.status_code"] == 200
    assert "exchange.rate_limit.used" not in call
    assert [span.name for span in recorded.spans()] == ["exchange load_markets", "exchange fetch_ticker"]


def test_an_endpoint_called_by_its_own_name_is_named_by_its_path(
    recorded: Any, bare_venue: Any, ccxt: Any, bound: Any
) -> None:
    exchange = ccxt.binance(bare_venue.options())
    exchange.publicGetTime()
    (call,) = recorded.spans()
    assert call.attributes["exchange.operation"] == "time"


def test_second_names_are_the_same_calls(recorded: Any, bare_venue: Any, ccxt: Any, bound: Any) -> None:
    class Own(ccxt.binance):  # type: ignore[misc] # ccxt is untyped
        """A class of the host's own."""

    bare_venue.body = TICKER
    Own(bare_venue.options()).fetchTicker("BTC/USDT")
    bare_venue.body = _order()
    Own(bare_venue.options()).createOrder("BTC/USDT", "limit", "buy", 0.5, 100)
    assert len(_attributes(recorded, "exchange fetch_ticker")) == 1
    assert len(_attributes(recorded, "order.execute")) == 1


def test_an_object_that_is_older_than_the_binding_is_told_of(recorded: Any, bare_venue: Any, ccxt: Any) -> None:
    class Older(ccxt.binance):  # type: ignore[misc] # ccxt is untyped
        """A class of the host's own."""

    exchange = Older(bare_venue.options())
    exchange.load_markets()
    undo = binding.switch_on()
    assert undo is not None
    bare_venue.body = _order()
    exchange.createOrder("BTC/USDT", "limit", "buy", 0.5, 100)
    exchange.create_order("BTC/USDT", "limit", "buy", 0.5, 100)
    undo()
    exchange.createOrder("BTC/USDT", "limit", "buy", 0.5, 100)
    assert len(_attributes(recorded, "order.execute")) == 2


def test_requests_that_are_sent_again_say_how_often(recorded: Any, bare_venue: Any, ccxt: Any, bound: Any) -> None:
    bare_venue.body, bare_venue.statuses = TICKER, [503, 503]
    exchange = ccxt.binance(bare_venue.options())
    exchange.load_markets()
    exchange.options["maxRetriesOnFailure"] = 2
    exchange.fetch_ticker("BTC/USDT")
    calls = _attributes(recorded, "exchange fetch_ticker")
    assert [call["http.response.status_code"] for call in calls] == [503, 503, 200]
    assert [call.get("http.request.resend_count") for call in calls] == [None, 1, 2]
    assert [call.get("error.type") for call in calls] == ["ExchangeNotAvailable", "ExchangeNotAvailable", None]


@pytest.mark.parametrize("body", ["", "null", "[]", "<html>", "{", '{"price": NaN}', '"text"', "\x00\x01"])
@pytest.mark.parametrize("kind", ["plain", "async"])
async def test_rubbish_is_what_it_is_without_us(
    recorded: Any, bare_venue: Any, ccxt: Any, bound: Callable[[], None], body: str, kind: str
) -> None:
    async def ask() -> list[str]:
        found = []
        for method, arguments in (
            ("fetch_ticker", ("BTC/USDT",)),
            ("create_order", ("BTC/USDT", "limit", "buy", 1, 1)),
        ):
            exchange = (ccxt if kind == "plain" else ccxt.async_support).binance(bare_venue.options())
            try:
                answer = getattr(exchange, method)(*arguments)
                found.append(repr(await answer if kind == "async" else answer))
            except Exception as error:
                found.append(f"{type(error).__name__} {str(error).partition('timestamp')[0]}")
            finally:
                if kind == "async":
                    await exchange.close()
        return found

    bare_venue.body = body
    with_us = await ask()
    assert len(_attributes(recorded, "exchange create_order")) == 1
    assert len(_attributes(recorded, "order.execute")) == 1
    bound()
    assert await ask() == with_us


@pytest.mark.parametrize("how", ["slow", "cut"])
@pytest.mark.parametrize("kind", ["plain", "async"])
async def test_an_order_without_an_answer_is_unknown(
    recorded: Any, bare_venue: Any, ccxt: Any, bound: Any, how: str, kind: str
) -> None:
    package = ccxt if kind == "plain" else ccxt.async_support
    exchange = package.binance(bare_venue.options())
    loading = exchange.load_markets()
    await loading if kind == "async" else None
    bare_venue.hold.clear() if how == "slow" else setattr(bare_venue, "cut", True)
    arguments = ("BTC/USDT", "limit", "buy", "0.5", "100.10", {"clientOrderId": "mine"})
    with pytest.raises(ccxt.NetworkError):
        await exchange.create_order(*arguments) if kind == "async" else exchange.create_order(*arguments)
    if kind == "async":
        await exchange.close()
    (order,) = _attributes(recorded, "order.execute")
    assert (order["order.status"], order["order.client_id"], order["order.quantity"]) == ("unknown", "mine", 0.5)
    assert order["observatory.outcome"] == "failure"
    assert _states(recorded) == [("submitted", "unknown", "ack")]
    (log,) = recorded.logs()
    assert log.log_record.attributes["order.state.value_at_risk_usd"] == "50.050"


async def test_an_order_that_the_host_gives_up_on_is_unknown(
    recorded: Any, bare_venue: Any, ccxt: Any, bound: Any
) -> None:
    exchange = ccxt.async_support.binance(bare_venue.options(timeout=20_000))
    await exchange.load_markets()
    bare_venue.hold.clear()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await exchange.create_order("BTC/USDT", "market", "sell", 0.5)
    await exchange.close()
    (order,) = _attributes(recorded, "order.execute")
    assert order["order.status"] == "unknown"
    assert _states(recorded) == [("submitted", "unknown", "ack")]


async def test_an_order_to_a_venue_that_is_not_there_never_left(
    recorded: Any, bare_venue: Any, ccxt: Any, bound: Any
) -> None:
    exchange = ccxt.async_support.binance(bare_venue.options())
    await exchange.load_markets()
    exchange.urls["api"]["private"] = "http://127.0.0.1:1/api/v3"
    with pytest.raises(ccxt.ExchangeNotAvailable):
        await exchange.create_order("BTC/USDT", "limit", "buy", 0.5, 100)
    await exchange.close()
    (order,) = _attributes(recorded, "order.execute")
    assert "order.status" not in order
    assert order["observatory.outcome.reason"] == "exchange_not_available"
    assert _states(recorded) == []


@pytest.mark.parametrize(
    ("status", "body", "told", "reason"),
    [
        (
            400,
            {"code": -2010, "msg": "Account has insufficient balance for requested action."},
            "rejected",
            "insufficient_funds",
        ),
        (429, {"code": -1003, "msg": "Too much request weight used"}, "rejected", "ddos_protection"),
        (
            400,
            {"code": -1021, "msg": "Timestamp for this request is outside of the recvWindow."},
            "rejected",
            "invalid_nonce",
        ),
        (408, {"code": -1007, "msg": "Timeout waiting for response from backend server."}, "unknown", None),
        (504, {}, "unknown", None),
    ],
)
def test_a_refusal_is_told_from_doubt(
    recorded: Any,
    bare_venue: Any,
    ccxt: Any,
    bound: Any,
    status: int,
    body: dict[str, Any],
    told: str,
    reason: str | None,
) -> None:
    bare_venue.status, bare_venue.body = status, json.dumps(body)
    exchange = ccxt.binance(bare_venue.options())
    with pytest.raises(ccxt.BaseError):
        exchange.create_order("BTC/USDT", "limit", "buy", 0.5, 100, {"clientOrderId": "mine"})
    (order,) = _attributes(recorded, "order.execute")
    assert (order["order.status"], order.get("order.reject_reason")) == (told, reason)
    assert [after for _, after, _ in _states(recorded)] == [told]


def test_states_are_told_when_they_change(recorded: Any, bare_venue: Any, ccxt: Any, bound: Any) -> None:
    exchange = ccxt.binance(bare_venue.options())
    bare_venue.body = _order()
    exchange.create_order("BTC/USDT", "limit", "buy", 0.5, 100)
    exchange.fetch_order("7", "BTC/USDT")
    bare_venue.body = _order(status="PARTIALLY_FILLED", executedQty="0.2", cummulativeQuoteQty="20")
    exchange.fetch_order("7", "BTC/USDT")
    exchange.fetch_order("7", "BTC/USDT")
    bare_venue.body = _order(status="CANCELED", executedQty="0.2", cummulativeQuoteQty="20")
    exchange.cancel_order("7", "BTC/USDT")
    assert _states(recorded) == [
        ("submitted", "open", "ack"),
        ("open", "partially_filled", "poll"),
        ("partially_filled", "cancelled", "ack"),
    ]
    assert len(_attributes(recorded, "order.execute")) == 1


def test_a_test_order_is_no_order_and_a_sandbox_is_paper(recorded: Any, bare_venue: Any, ccxt: Any, bound: Any) -> None:
    exchange = ccxt.binance(bare_venue.options())
    bare_venue.body = _order()
    exchange.create_order("BTC/USDT", "limit", "buy", 0.5, 100, {"test": True})
    assert _attributes(recorded, "order.execute") == []
    exchange.isSandboxModeEnabled = True
    exchange.create_order("BTC/USDT", "limit", "buy", 0.5, 100)
    (order,) = _attributes(recorded, "order.execute")
    assert order["order.mode"] == "paper"


@pytest.mark.parametrize("fee", [{"cost": 0.001, "currency": "BNB"}, {"cost": None, "currency": "USDT"}, "x", None])
def test_a_fee_that_is_no_dollars_is_not_told(recorded: Any, bare_venue: Any, ccxt: Any, bound: Any, fee: Any) -> None:
    class Own(ccxt.binance):  # type: ignore[misc] # ccxt is untyped
        def parse_order(self, order: Any, market: Any = None) -> Any:
            return {**super().parse_order(order, market), "fee": fee, "fees": [fee], "trades": []}

    bare_venue.body = _order(status="FILLED", executedQty="0.5", cummulativeQuoteQty="50")
    Own(bare_venue.options()).create_order("BTC/USDT", "limit", "buy", 0.5, 100)
    (order,) = _attributes(recorded, "order.execute")
    assert (order["order.status"], order["order.average_price"]) == ("filled", 100)
    assert "order.fee_usd" not in order


def test_several_orders_are_told_of_each(recorded: Any, bare_venue: Any, ccxt: Any, bound: Any) -> None:
    class Own(ccxt.binance):  # type: ignore[misc] # ccxt is untyped
        def create_orders(self, orders: Any, params: Any = {}) -> Any:  # noqa: B006 - ccxt's own habit
            return [{"id": "1", "clientOrderId": "a", "status": "closed", "filled": 1}, {"id": "2", "status": None}]

    wanted = [{"symbol": "BTC/USDT", "type": "market", "side": side, "amount": 1} for side in ("buy", "sell", "buy")]
    Own(bare_venue.options()).create_orders(wanted)
    facts = _attributes(recorded, "order.execute")
    assert [fact["order.status"] for fact in facts] == ["filled", "open", "unknown"]
    assert _states(recorded) == [("submitted", "filled", "ack"), ("submitted", "acknowledged", "ack")]


def test_bindings_above_tell_of_the_order(recorded: Any, bare_venue: Any, ccxt: Any, bound: Any) -> None:
    bare_venue.body = _order()
    exchange = ccxt.binance(bare_venue.options())
    with obs.facts.exchange_call(exchange_id="binance", operation="mine"):
        exchange.create_order("BTC/USDT", "limit", "buy", 0.5, 100)
    assert [span.name for span in recorded.spans()] == ["exchange mine"]
    assert recorded.logs() == []


def test_nothing_of_a_class_but_its_calls_changes(ccxt: Any, bare_venue: Any) -> None:
    plain = ccxt.async_support.binance
    # The first object of a class gets ccxt to give its methods second names.
    ccxt.async_support.binance(), ccxt.binance()
    before = {owner: dict(vars(owner)) for owner in plain.__mro__[:-1]}
    undo = binding.switch_on()
    assert undo is not None
    ccxt.async_support.binance(bare_venue.options())
    assert inspect.iscoroutinefunction(plain.create_order)
    assert inspect.signature(plain.fetch_ticker) == inspect.signature(before[plain]["fetch_ticker"])
    assert pickle.loads(pickle.dumps(ccxt.binance)) is ccxt.binance  # noqa: S301 - our own bytes
    exchange = ccxt.binance(bare_venue.options())
    assert copy.copy(exchange).id == "binance"
    undo()
    assert {owner: dict(vars(owner)) for owner in plain.__mro__[:-1]} == before


def test_a_traceback_does_not_show_us(recorded: Any, bare_venue: Any, ccxt: Any, bound: Any) -> None:
    exchange = ccxt.binance(bare_venue.options())
    with pytest.raises(ccxt.BadSymbol) as raised:
        exchange.create_order("NO/SUCH", "market", "buy", 1)
    assert not any("observatory_sdk" in frame.filename for frame in traceback.extract_tb(raised.value.__traceback__))


def test_orders_are_remembered_up_to_a_bound() -> None:
    for number in range(MAX_REMEMBERED + 50):
        MEMORY.keep("venue", _Known(str(number), "open"), str(number))
    assert MEMORY.last("venue", "0") is None
    assert MEMORY.last("venue", str(MAX_REMEMBERED)) is not None
    MEMORY.forget()
