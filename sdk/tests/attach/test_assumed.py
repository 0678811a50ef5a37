"""A fact that is read from a place that nobody has seen: what is not there is unknown, and told."""

from __future__ import annotations

from typing import Any

import observatory_sdk as obs

BOUND = """
desk:
  targets: plat.desk:Desk
  assumed: [args.request.*, result.state, result.price]
  outcome: [{is: failure, path: result.success, equals: false}]
  facts:
    order:
      - fact: order
        fields:
          exchange_id: {path: args.request.venue, default: unknown}
          symbol: args.symbol
          side: {value: buy}
          type: {path: args.kind, default: market}
          mode: {value: live}
          average_price: result.price
          status: {path: result.state, map: {done: filled}}
"""
CODE = """
    class Desk:
        def order(self, symbol, request, answer, kind=None):
            return answer
        def broken(self):
            raise OSError
"""


def order(platform: Any, recorded: Any, request: object, answer: object) -> dict[str, Any]:
    platform.write("plat.desk", CODE)
    platform.attach(BOUND)
    platform.load("plat.desk").Desk().order("BTC/USDT", request, answer)
    return dict(recorded.span("order.execute").attributes)


def test_what_stands_there_is_taken_and_nothing_is_counted(platform: Any, recorded: Any) -> None:
    told = order(platform, recorded, {"venue": "kraken"}, {"success": True, "price": 2.5, "state": "done"})
    assert (told["exchange.id"], told["order.average_price"], told["order.status"]) == ("kraken", 2.5, "filled")
    assert obs.losses() == {}


def test_an_empty_place_and_an_unknown_word_leave_the_field_unknown_and_are_counted(
    platform: Any, recorded: Any, lenient: None
) -> None:
    told = order(platform, recorded, {"exchange": "kraken"}, {"success": True, "state": "resting"})
    assert told["exchange.id"] == "unknown"
    assert "order.average_price" not in told
    assert "order.status" not in told
    # Who passes no `kind` leaves out what may be left out.
    assert told["order.type"] == "market"
    assert obs.losses() == {"assumed place is empty": 2, "assumed word is unknown": 1}


def test_a_call_that_failed_owes_no_result(platform: Any, recorded: Any, lenient: None) -> None:
    order(platform, recorded, {}, {"success": False})
    assert obs.losses() == {"assumed place is empty": 1}
