"""Orders from the signal to the fill: hops, drops, lost states, duplicates and sizes, with values known beforehand."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from observatory import areas
from observatory.areas import deepdive
from observatory.areas.assess import Span
from observatory.store import Store

AREA = next(each for each in areas.load() if each.id == "trading_execution")
TRADING, QUICK = deepdive.load(AREA)
ORDER = {
    "exchange.id": "binance",
    "order.id": "o1",
    "order.client_id": "c1",
    "order.symbol": "BTC/USDT",
    "order.side": "buy",
    "order.type": "market",
    "order.mode": "live",
    "signal.id": "s1",
    "strategy.id": "trend",
}
FILLED = {
    "order.status": "filled",
    "order.quantity": 2.0,
    "order.filled_quantity": 2.0,
    "order.decision_price": 100.0,
    "order.arrival_mid": 100.0,
    "order.average_price": 100.1,
    "order.reference_price": 100.0,
}


@pytest.fixture
def section(store: Store, sender: Any) -> Any:
    """Send what the sender holds, then read the rows of one section over the last hour."""

    async def run(name: str, found: Any = TRADING) -> list[dict[str, Any]]:
        sender.flush()
        span = Span(sender.at, 3_600, sender.at - timedelta(days=1))
        (shown,) = await deepdive.read(AREA, found, store.reader, sender.environment, span, only=name)
        return [dict(row) for row in shown.rows]

    return run


def step(sender: Any, to: str, ago: float, source: str = "ack", **also: Any) -> None:
    sender.log("order.state.changed", ago=ago, **ORDER | {"order.state.to": to, "order.state.source": source} | also)


async def test_each_hop_from_the_signal_to_the_fill_is_timed(sender: Any, look: Any, section: Any) -> None:
    sender.span("signal.generate", ago=10, **{"signal.id": "s1", "signal.side": "buy"})
    step(sender, "submitted", 9.5)
    step(sender, "acknowledged", 9.25)
    step(sender, "filled", 8)
    sender.span("order.execute", ago=7.9, ms=1_700, **ORDER | FILLED)
    hops = {row["hop"]: row["p50_ms"] for row in await section("latencies") if not row["exchange"]}
    assert hops == pytest.approx(
        {
            "signal_to_submit": 500,
            "submit_to_ack": 250,
            "ack_to_fill": 1_250,
            "submit_to_fill": 1_500,
            "signal_to_fill": 2_000,
        }
    )
    assert (await look("trading_execution")).member("trading_execution.signal_to_fill_p95").value == pytest.approx(
        2_000
    )


async def test_a_fill_told_of_before_the_acknowledgement_has_acknowledged_the_order(sender: Any, section: Any) -> None:
    step(sender, "submitted", 9.5)
    step(sender, "filled", 9.4, source="stream")
    step(sender, "acknowledged", 9.0)
    hops = {row["hop"]: row for row in await section("latencies") if not row["exchange"]}
    assert hops["submit_to_ack"]["p50_ms"] == pytest.approx(100)
    assert hops["ack_to_fill"]["p50_ms"] == 0


async def test_clocks_that_differ_give_no_negative_latency(sender: Any, section: Any) -> None:
    sender.span("signal.generate", ago=5, **{"signal.id": "s1", "signal.side": "buy"})
    step(sender, "submitted", 9.5)
    (row,) = (row for row in await section("latencies") if row["hop"] == "signal_to_submit" and not row["exchange"])
    assert (row["samples"], row["out_of_order"], row["p50_ms"]) == (0, 1, None)


async def test_the_order_that_closes_a_position_is_not_late_by_the_time_it_was_held(sender: Any, section: Any) -> None:
    sender.span("signal.generate", ago=3_000, **{"signal.id": "s1", "signal.side": "buy"})
    sender.span("order.execute", ago=5, ms=100, **ORDER | FILLED | {"order.side": "sell"})
    assert {row["hop"] for row in await section("latencies")} == {"submit_to_fill"}


async def test_a_drop_is_told_with_its_reason(sender: Any, look: Any, section: Any) -> None:
    sized = {"position.size.symbol": "BTC/USDT", "position.size.intended": 2.0}
    for number in range(4):
        known = {"order.id": f"o{number}", "order.client_id": f"c{number}"}
        nothing = number == 3
        sender.span(
            "position.size",
            ago=9,
            **known,
            **sized,
            **{"position.size.allowed": 0.0 if nothing else 2.0},
            **({"position.size.binding_limit": "cash_share"} if nothing else {}),
        )
        if number < 3:
            sender.span(
                "risk.limit.check", ago=8.5, **known, **{"risk.limit.name": "exposure", "risk.limit.breached": False}
            )
        if number == 0:
            step(sender, "denied", 8, **known, **{"order.reject_reason": "limit_exposure"})
        if number == 1:
            told = {"order.status": "rejected", "order.reject_reason": "insufficient_funds"}
            sender.span("order.execute", ago=7, **ORDER | known | told)
    drops = {(row["ended"], row["reason"]): row["orders"] for row in await section("drops")}
    assert drops == {
        ("denied", "limit_exposure"): 1,
        ("rejected", "insufficient_funds"): 1,
        ("under_way", "approved"): 1,
        ("denied", "cash_share"): 1,
    }
    view = await look("trading_execution")
    assert view.member("trading_execution.drops_by_reason", "live/rejected/insufficient_funds").value == 1
    assert view.member("trading_execution.denied_ratio").value == pytest.approx(2 / 4)
    refused = {(row["exchange"], row["reason"]): row for row in await section("refusals", QUICK)}
    assert refused["binance", "insufficient_funds"]["share_ratio"] == 1.0
    assert refused["binance", "insufficient_funds"]["share_ratio_low"] == pytest.approx(0.2065, abs=1e-4)


async def test_the_time_to_know_a_lost_order_again_is_measured(sender: Any, look: Any) -> None:
    for number, found_s in enumerate((4, 40)):
        known = {"order.client_id": f"c{number}", "order.id": f"o{number}"}
        sender.span("order.execute", ago=100, **ORDER | known | {"order.status": "unknown"})
        step(sender, "unknown", 100.5, **known, **{"order.state.value_at_risk_usd": "250.5"})
        step(sender, "filled", 100.5 - found_s, source="reconciler", **known)
    step(sender, "unknown", 30, **{"order.client_id": "lost", "order.state.value_at_risk_usd": "99.25"})
    view = await look("trading_execution")
    assert view.member("trading_execution.reconcile_time_mean").value == pytest.approx(22)
    assert view.member("trading_execution.reconcile_time_max").value == pytest.approx(40)
    assert view["unknown_orders"] == 1
    assert str(view.member("trading_execution.unknown_value_at_risk").value) == "99.25"


async def test_a_client_id_sent_twice_is_a_duplicate_and_a_span_told_twice_is_not(sender: Any, look: Any) -> None:
    sender.span("order.execute", **ORDER | FILLED | {"order.client_id": "once"})
    sender.flush()
    # The same place in its request: the same ids of trace and span.
    sender.span("order.execute", **ORDER | FILLED | {"order.client_id": "once"})
    view = await look("trading_execution")
    assert view.member("trading_execution.duplicate_client_ids").value == 0
    for _ in range(2):
        sender.span("order.execute", **ORDER | FILLED)
    view = await look("trading_execution")
    assert view.member("trading_execution.duplicate_client_ids").value == 1
    assert view.judged("trading_execution.duplicate_client_ids")


async def test_an_intent_that_stands_twice_is_told_and_one_tried_again_is_not(
    sender: Any, look: Any, section: Any
) -> None:
    for number, status in enumerate(("filled", "open", "rejected")):
        other = {"order.client_id": f"c{number}", "order.status": status}
        sender.span("order.execute", **ORDER | FILLED | other)
    sender.span("order.execute", **ORDER | FILLED | {"order.client_id": "closes", "order.side": "sell"})
    (row,) = await section("duplicates")
    assert (row["kind"], row["order_id"], row["orders"]) == ("intent", "c0 c1", 2)
    assert (await look("trading_execution")).member("trading_execution.repeated_orders").value == 1


async def test_a_size_above_what_was_intended_is_warned_of(sender: Any, look: Any, section: Any) -> None:
    for number, allowed in enumerate((1.0, 0.5, 4.0)):
        sizes = {"position.size.intended": 1.0, "position.size.allowed": allowed}
        sender.span("position.size", **{"order.id": f"o{number}", "strategy.id": "trend"}, **sizes)
    sender.span("order.execute", **ORDER | FILLED | {"order.filled_quantity": 0.25})
    view = await look("trading_execution")
    assert view.member("trading_execution.oversized").value == 1
    assert view.member("trading_execution.sizing_cut_ratio").value == pytest.approx(1 / 3)
    (row,) = await section("sizing")
    assert (row["sizings"], row["oversized"], row["cut"], row["ordered"]) == (3, 1, 1, 1)
    assert row["filled_ratio_mean"] == 0.25
    assert row["error_ratio_mean"] == pytest.approx((0 + 0.5 + 3) / 3)


async def test_the_way_of_the_market_after_a_fill_is_read_off_later_orders(sender: Any, section: Any) -> None:
    sender.span("order.execute", ago=100, ms=0, **ORDER | FILLED)
    for ago, mid in ((89, 101.101), (30, 100.1), (10, 120.0)):
        later = {"order.client_id": f"c{ago}", "order.arrival_mid": mid, "order.status": "rejected"}
        sender.span("order.execute", ago=ago, ms=0, **ORDER | later)
    rows = {row["horizon_s"]: row["mean_bps"] for row in await section("markouts")}
    assert rows == pytest.approx({10: 100.0, 60: 0.0})


async def test_what_routing_expected_is_held_against_the_fill(sender: Any, section: Any) -> None:
    routed = {"order.route.chosen": "binance", "order.route.expected_price": 100.0}
    sender.span("order.route", ago=12, **{"order.id": "o1"}, **routed)
    sender.span("order.execute", **ORDER | FILLED)
    (row,) = await section("expected_prices")
    assert (row["exchange"], row["samples"]) == ("binance", 1)
    assert row["mean_bps"] == pytest.approx(10)


async def test_paper_that_fills_better_than_live_is_warned_of(sender: Any, look: Any, section: Any) -> None:
    for number in range(6):
        same = ORDER | FILLED | {"signal.id": f"s{number}"}
        sender.span("order.execute", **same | {"order.client_id": f"l{number}", "order.average_price": 100.2})
        paper = {"order.mode": "paper", "order.average_price": 99.9, "order.client_id": f"p{number}"}
        sender.span("order.execute", **same | paper)
    view = await look("trading_execution")
    measured = view.member("trading_execution.paper_live_difference")
    assert measured.value == pytest.approx(30)
    assert measured.samples == 6
    rows = {row["part"]: row for row in await section("paper_live")}
    assert rows["total"]["mean_bps"] == pytest.approx(30)
    assert rows["price"]["mean_bps"] == pytest.approx(30)
    assert rows["timing"]["mean_bps"] == pytest.approx(0)
    assert rows["total"]["signals"] == rows["total"]["known"] == 6


async def test_what_live_missed_is_valued_by_what_the_signal_returned(sender: Any, section: Any) -> None:
    sender.span("order.execute", **ORDER | FILLED | {"order.mode": "paper", "order.average_price": 100.0})
    missed = {"order.status": "rejected", "order.filled_quantity": 0.0, "order.client_id": "c2"}
    sender.span("order.execute", **ORDER | FILLED | missed)
    sender.log("signal.outcome", ago=1, **{"signal.id": "s1", "signal.outcome.return_ratio": 0.03})
    (row,) = await section("paper_live_pairs")
    assert (row["live_filled_ratio"], row["paper_filled_ratio"]) == (0, 1)
    assert row["missed_bps"] == row["total_bps"] == pytest.approx(300)


async def test_orders_at_midnight_belong_to_one_hour(sender: Any, section: Any) -> None:
    sender.at = sender.at.replace(hour=0, minute=10, second=0)
    step(sender, "submitted", 601)
    step(sender, "filled", 599)
    (row,) = (row for row in await section("latencies") if row["hop"] == "submit_to_fill" and not row["exchange"])
    assert row["p50_ms"] == pytest.approx(2_000)


async def test_what_arrives_late_counts_where_it_happened(sender: Any, look: Any) -> None:
    sender.span("order.execute", ago=30, **ORDER | FILLED)
    assert (await look("trading_execution"))["orders_executed_5m"] == 1
    sender.span("order.execute", ago=250, **ORDER | FILLED | {"order.client_id": "late"})
    assert (await look("trading_execution"))["orders_executed_5m"] == 2
