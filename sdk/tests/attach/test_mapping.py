"""Facts that calls tell: around the call, one for each item, with details, told once."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

import observatory_sdk as obs

CODE = """
    import asyncio
    from datetime import datetime, timezone
    from observatory_sdk import service

    class Desk:
        def outer(self, symbol, fail=False):
            with service("credit_ledger"):
                pass
            answer = self.inner(symbol)
            if fail:
                raise OSError("venue")
            return answer
        def inner(self, symbol):
            return {"price": "50.5", "state": "FILLED", "fills": [{"p": 50, "q": 1}, {"p": 51, "q": 1}], "fee": 12}
        def batch(self, made):
            yield 1
            return {"signals": made}
        def spend(self, cents, when=datetime(2026, 1, 2, tzinfo=timezone.utc)):
            return {"ok": cents > 0}
"""
BOUND = """
desk:
  targets: plat.desk:Desk
  facts:
    outer: &order
      - fact: order
        fields: &fields
          exchange_id: {value: binance}
          symbol: args.symbol
          side: {value: buy}
          type: {value: market}
          mode: {value: live}
          average_price: {path: result.price, convert: number}
          fee_usd: {path: result.fee, convert: cents_to_usd}
          status: {path: result.state, map: {filled: filled}, default: unknown}
        details:
          - {of: fill, each: result.fills, fields: {price: item.p, quantity: item.q}}
    inner: *order
    batch:
      - fact: signal
        each: result.signals
        fields: {type: {value: momentum}, symbol: item.symbol, confidence: {path: item.sure, convert: percent_to_ratio}}
    spend:
      - fact: cost
        only: {path: result.ok, equals: true}
        fields:
          provider: {value: coingecko}
          category: {value: market_data}
          amount_usd: {path: args.cents, convert: cents_to_usd}
          time_unix_nano: {path: args.when, convert: time_to_unix_nano}
"""


@pytest.fixture
def desk(platform: Any, recorded: Any) -> Any:
    platform.write("plat.desk", CODE)
    platform.attach(BOUND)
    return platform.load("plat.desk").Desk()


def test_a_fact_stands_around_its_call_and_is_told_once(desk: Any, recorded: Any) -> None:
    desk.outer("BTC/USDT")
    spans = {span.name: span for span in recorded.spans()}
    assert list(spans) == ["credit_ledger", "desk.inner", "order.execute", "desk.outer"]
    order = spans["order.execute"]
    assert order.parent.span_id == spans["desk.outer"].context.span_id
    assert spans["credit_ledger"].parent.span_id == order.context.span_id
    assert order.attributes["order.average_price"] == 50.5
    assert (order.attributes["order.fee_usd"], order.attributes["order.status"]) == ("0.12", "filled")
    assert [event.attributes["order.fill.price"] for event in order.events] == [50.0, 51.0]


def test_a_fact_of_a_call_that_raised_says_so(desk: Any, recorded: Any) -> None:
    with pytest.raises(OSError, match="venue"):
        desk.outer("BTC/USDT", fail=True)
    order = recorded.span("order.execute")
    assert (order.attributes["error.type"], order.attributes["order.symbol"]) == ("OSError", "BTC/USDT")
    assert order.attributes["order.status"] == "unknown"


def test_each_item_of_a_list_is_a_fact_of_its_own_also_from_a_generator(desk: Any, recorded: Any) -> None:
    assert list(desk.batch([{"symbol": "A", "sure": 80}, {"symbol": "B", "sure": 10}])) == [1]
    entry = recorded.span("desk.batch")
    made = [span for span in recorded.spans() if span.name == "signal.generate"]
    assert [(span.attributes["signal.symbol"], span.attributes["signal.confidence"]) for span in made] == [
        ("A", 0.8),
        ("B", 0.1),
    ]
    assert {span.parent.span_id for span in made} == {entry.context.span_id}


def test_an_event_is_told_when_its_rule_holds_and_with_defaults_of_the_function(desk: Any, recorded: Any) -> None:
    desk.spend(-1)
    desk.spend(1250)
    (record,) = recorded.logs()
    assert Decimal(record.log_record.attributes["cost.amount_usd"]) == Decimal("12.5")
    assert record.log_record.timestamp == 1_767_312_000_000_000_000
    assert record.log_record.attributes["observatory.service"] == "desk"


def test_a_value_that_cannot_be_converted_is_left_out_and_counted(desk: Any, recorded: Any, lenient: None) -> None:
    list(desk.batch([{"symbol": "A", "sure": "very"}, {"sure": 1}, "nothing"]))
    made = [span for span in recorded.spans() if span.name == "signal.generate"]
    assert [dict(span.attributes).get("signal.confidence", "none") for span in made] == ["none"]
    assert obs.losses() == {"mapped value not convertible": 1, "mapped fact incomplete": 2}
