"""Random orders through the real store, against the same measures worked out in plain Python."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from observatory import areas
from observatory.analytics import divergence, execution, intervals
from observatory.areas import deepdive
from observatory.areas.assess import Span, read_range
from observatory.store import Store

AREA = next(each for each in areas.load() if each.id == "trading_execution")
TRADING, QUICK = deepdive.load(AREA)
WINDOW_S = 3_600
RANKS = {
    "denied": 1,
    "sized": 2,
    "checked": 2,
    "approved": 3,
    "simulated": 3,
    "submitted": 4,
    "rejected": 4,
    "cancelled": 4,
    "unknown": 4,
    "acknowledged": 5,
    "open": 5,
    "partially_filled": 6,
    "filled": 6,
}
STATUSES = ["filled", "filled", "partially_filled", "open", "cancelled", "rejected", "denied", "unknown"]
PRICES = st.one_of(
    st.none(), st.sampled_from([0.0, 99.5, 100.0]), st.floats(90, 115).map(lambda price: round(price, 2))
)
QUANTITIES = st.sampled_from([0.5, 1.0, 2.0, 3.25])


@st.composite
def orders(draw: Any) -> dict[str, Any]:
    """One order and all that is told of it; times in milliseconds before the time to look."""
    status = draw(st.sampled_from(STATUSES))
    quantity = draw(QUANTITIES)
    executed = status in ("filled", "partially_filled")
    share = {"filled": 1.0, "partially_filled": 0.5}.get(status, draw(st.sampled_from([0.0, 0.25])))
    return {
        "exchange": draw(st.sampled_from(["binance", "kraken"])),
        "symbol": draw(st.sampled_from(["BTC/USDT", "ETH/BTC"])),
        "side": draw(st.sampled_from(["buy", "sell", ""])),
        "type": draw(st.sampled_from(["market", "limit"])),
        "mode": draw(st.sampled_from(["live", "live", "paper", ""])),
        "signal": draw(st.sampled_from(["", "s1", "s2"])),
        "user": draw(st.sampled_from(["u1", "u2"])),
        "status": status,
        "reason": draw(st.sampled_from(["", "insufficient_funds"])) if status in ("rejected", "denied") else "",
        "quantity": quantity,
        "intended": draw(st.one_of(st.none(), QUANTITIES)),
        "filled": draw(st.one_of(st.just(share * quantity), st.none())) if not executed else share * quantity,
        "decision": draw(PRICES),
        "mid": draw(PRICES),
        "average": draw(PRICES),
        "reference": draw(PRICES),
        "fee": draw(st.one_of(st.none(), st.decimals(-1, 5, places=9))),
        "simulated": executed and draw(st.integers(0, 9)) == 0,
        "error": draw(st.integers(0, 9)) == 0,
        "ms": draw(st.sampled_from([5, 40, 40, 2_500])),
        "ago": draw(st.sampled_from([20_000, 20_000, 700_000, 3_000_000, 4_000_000])),
        "sized": draw(st.booleans()),
        "breached": draw(st.sampled_from([None, False, True])),
        "steps": draw(
            st.sampled_from([(), ("submitted",), ("submitted", "acknowledged"), ("acknowledged", "submitted")])
        ),
        "found": draw(st.booleans()),
    }


def tell(sender: Any, order: Mapping[str, Any]) -> None:
    """Send what a platform would tell of the order."""
    at_s = order["ago"] / 1_000
    known = {"order.id": order["id"], "signal.id": order["signal"], "user.id": order["user"]}
    if order["sized"]:
        values = {"position.size.symbol": order["symbol"], "position.size.allowed": order["quantity"]}
        intended = order["intended"] if order["intended"] is not None else order["quantity"]
        sender.span("position.size", ago=at_s + 5, **known, **values, **{"position.size.intended": intended})
    if order["breached"] is not None:
        checked = {"risk.limit.name": "exposure", "risk.limit.breached": order["breached"]}
        sender.span("risk.limit.check", ago=at_s + 4.5, **known, **checked)
    placed = {
        **known,
        "exchange.id": order["exchange"],
        "order.client_id": order["client"],
        "order.symbol": order["symbol"],
        "order.side": order["side"],
        "order.type": order["type"],
        "order.mode": order["mode"],
    }
    for place, step in enumerate(order["steps"]):
        sender.log(
            "order.state.changed",
            ago=at_s + 3 - place,
            **placed,
            **{"order.state.to": step, "order.state.source": "ack"},
        )
    told = {
        "order.status": order["status"],
        "order.reject_reason": order["reason"],
        "order.quantity": order["quantity"],
        "order.intended_quantity": order["intended"],
        "order.filled_quantity": order["filled"],
        "order.decision_price": order["decision"],
        "order.arrival_mid": order["mid"],
        "order.average_price": order["average"],
        "order.reference_price": order["reference"],
        "order.fee_usd": order["fee"],
        "order.simulated": order["simulated"],
    }
    given_values = {name: value for name, value in told.items() if value is not None}
    sender.span("order.execute", ago=at_s, ms=order["ms"], error=order["error"], **placed, **given_values)
    if order["status"] == "unknown" and order["found"]:
        found = {"order.state.from": "unknown", "order.state.to": "filled", "order.state.source": "reconciler"}
        sender.log("order.state.changed", ago=at_s - 8, **placed, **found)


def cost(order: Mapping[str, Any]) -> float | None:
    if order["simulated"]:
        return None
    return execution.arrival_slippage_bps(order["side"], order["average"], order["mid"])


def delay(order: Mapping[str, Any]) -> float | None:
    return None if order["simulated"] else execution.delay_cost_bps(order["side"], order["decision"], order["mid"])


def shortfall(order: Mapping[str, Any]) -> float | None:
    if order["simulated"] or order["status"] not in ("filled", "partially_filled", "cancelled"):
        return None
    fee = order["fee"] if order["filled"] or order["fee"] is not None else Decimal(0)
    found = execution.implementation_shortfall(
        order["side"],
        order["decision"],
        order["average"],
        order["filled"],
        order["quantity"],
        fee if order["symbol"].endswith("USDT") else None,
        order["reference"],
    )
    return found.total_bps if found else None


def spread(values: Sequence[float | None]) -> dict[str, float | None]:
    known = [each for each in values if each is not None]
    if not known:
        return dict.fromkeys(("mean", "p50", "p95", "p99"))
    quantiles = {f"p{share}": float(np.quantile(known, share / 100)) for share in (50, 95, 99)}
    return {"mean": math.fsum(known) / len(known), **quantiles}


def implausible(order: Mapping[str, Any]) -> bool:
    if not order["filled"] or order["average"] is None:
        return False
    reference = order["reference"]
    return order["average"] <= 0 or bool(reference and abs(order["average"] / reference - 1) > 0.1)


def overall(live: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    submitted = [each for each in live if each["status"] not in ("cancelled", "denied")]
    taken = {"filled", "partially_filled", "open"}
    good = [each for each in submitted if each["status"] in taken and not each["error"] and not each["simulated"]]
    stands = [
        (each["signal"], each["user"], each["symbol"], each["side"], each["quantity"])
        for each in live
        if each["status"] in taken | {"unknown"} and not each["simulated"] and each["signal"]
    ]
    fees = [each["fee"] for each in live if each["fee"] is not None]
    ratios = [each["quantity"] / each["intended"] for each in live if each["intended"]]
    return {
        "orders": len(live),
        "orders_executed": sum(
            each["status"] in ("filled", "partially_filled") and not each["simulated"] for each in live
        ),
        "execution_success": len(good) / len(submitted) if submitted else None,
        "simulated_for_live": sum(each["simulated"] for each in live),
        "implausible_fills": sum(map(implausible, live)),
        "repeated_orders": len(stands) - len(set(stands)),
        "duplicate_client_ids": len(live) - len({each["client"] for each in live}),
        "fees": sum(fees, Decimal(0)) if fees else None,
        "sizing_error_mean": math.fsum(abs(each - 1) for each in ratios) / len(ratios) if ratios else None,
        **{f"slippage_{name}": value for name, value in spread(list(map(cost, live))).items()},
        **{f"shortfall_{name}": value for name, value in spread(list(map(shortfall, live))).items()},
        **{f"delay_cost_{name}": value for name, value in spread(list(map(delay, live))).items()},
    }


def steps_of(order: Mapping[str, Any]) -> list[str]:
    """The steps that lie in the hour, in the words of the store."""
    late = order["ago"] < WINDOW_S * 1_000
    steps = []
    if order["sized"] and order["ago"] + 5_000 < WINDOW_S * 1_000:
        steps.append("sized")
    if order["breached"] is not None and order["ago"] + 4_500 < WINDOW_S * 1_000:
        steps.append("breached" if order["breached"] else "checked")
    steps += list(order["steps"]) if late else []
    if late:
        steps.append("simulated" if order["simulated"] and order["mode"] != "paper" else order["status"])
    if late and order["status"] == "unknown" and order["found"]:
        steps.append("filled")
    return steps


def flow(every: Sequence[Mapping[str, Any]]) -> Counter[tuple[str, str]]:
    """Orders by mode and how far they came, and by how they ended."""
    counted: Counter[tuple[str, str]] = Counter()
    told: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for order in every:
        told[order["id"]].append(order)
    for same in told.values():
        (order,) = same
        steps = steps_of(order)
        if not steps:
            continue
        ranks = [RANKS["checked" if step == "breached" else step] for step in steps]
        executed = order["ago"] < WINDOW_S * 1_000
        if executed and not (order["simulated"] and order["mode"] != "paper"):
            ranks.append(6 if order["filled"] else 0)
        if "checked" in steps and "denied" not in steps:
            ranks.append(3)
        reached = max(ranks)
        mode = order["mode"] if executed or "filled" in steps else ""
        for name, rank in (
            ("intended", 1),
            ("sized", 2),
            ("risk_passed", 3),
            ("submitted", 4),
            ("acknowledged", 5),
            ("filled", 6),
        ):
            counted[mode, name] += reached >= rank
        final = steps[-1]
        if reached < 6:
            ended = final if final in ("simulated", "rejected", "cancelled", "unknown") else "under_way"
            if "denied" in steps or (ended == "under_way" and "breached" in steps):
                ended = "denied"
            counted[mode, ended] += 1
    return counted


RANDOMLY = settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@RANDOMLY
@given(drawn=st.lists(orders(), max_size=14), twice=st.booleans())
async def test_orders_of_any_kind_are_measured_as_by_hand(
    store: Store, sends: Any, drawn: list[Any], twice: bool
) -> None:
    sender = sends()
    for number, order in enumerate(drawn):
        order |= {"id": f"o{number}", "client": "c0" if twice and number == 1 else f"c{number}"}
        tell(sender, order)
    sender.flush()
    recent = [each for each in drawn if each["ago"] < WINDOW_S * 1_000]
    live = [each for each in recent if each["mode"] != "paper"]
    span = Span(sender.at, WINDOW_S, sender.at - timedelta(days=1))
    expected = overall(live)
    names = frozenset(f"trading_execution.{name}" for name in expected)
    readings = await read_range(AREA, store.reader, names, sender.environment, span)
    found = {each.indicator.removeprefix("trading_execution."): each.measurement.value for each in readings}
    for name, value in expected.items():
        if not live:
            assert found.get(name) is None, name
        elif name == "fees":
            assert found[name] == value, name
        else:
            assert found[name] == (value if value is None else pytest.approx(value, rel=1e-9, abs=1e-9)), name
    await _expect_venues(store, sender, span, live)
    await _expect_flow(store, sender, span, drawn)
    await _expect_pairs(store, sender, span, recent)
    await _expect_lost(store, sender, span, drawn)


async def _expect_venues(store: Store, sender: Any, span: Span, live: Sequence[Mapping[str, Any]]) -> None:
    shown = await deepdive.read(AREA, TRADING, store.reader, sender.environment, span, only="exchanges")
    rows = {row["exchange"]: row for row in shown[0].rows}
    assert set(rows) == {each["exchange"] for each in live}
    for exchange, row in rows.items():
        own = [each for each in live if each["exchange"] == exchange]
        submitted = [each for each in own if each["status"] not in ("cancelled", "denied")]
        rejected = sum(each["status"] == "rejected" for each in submitted)
        told = spread(list(map(cost, own)))
        market = [each["ms"] for each in own if each["type"] == "market"]
        assert row["orders"].value == len(own)
        assert row["avg_slippage_bps"].value == (told["mean"] and pytest.approx(told["mean"], abs=1e-9))
        assert row["latency_p99_ms"].value == (pytest.approx(float(np.quantile(market, 0.99))) if market else None)
        if submitted:
            share = rejected / len(submitted)
            assert row["reject_rate"].value == pytest.approx(share)
            assert row["reject_rate"].interval == pytest.approx(intervals.wilson(share, len(submitted)))
    costs = (await deepdive.read(AREA, TRADING, store.reader, sender.environment, span, only="costs"))[0].rows
    known = [each for each in map(shortfall, live) if each is not None]
    whole = [row for row in costs if (row["measure"], row["exchange"]) == ("shortfall", "")]
    assert [row["samples"] for row in whole] == ([len(known)] if known else [])
    for row in whole:
        for part in row["histogram"]:
            low, high = part["above"], part["to"]
            within = [v for v in known if (low is None or v > low) and (high is None or v <= high)]
            assert part["count"] == len(within)


async def _expect_flow(store: Store, sender: Any, span: Span, drawn: Sequence[Mapping[str, Any]]) -> None:
    shown = await deepdive.read(AREA, TRADING, store.reader, sender.environment, span, only="order_flow")
    found: Counter[tuple[str, str]] = Counter()
    for row in shown[0].rows:
        for name, value in row.items():
            if name not in ("mode", "strategy", "side", "type"):
                found[row["mode"], name] += value
    assert +found == +flow(drawn)


async def _expect_pairs(store: Store, sender: Any, span: Span, recent: Sequence[Mapping[str, Any]]) -> None:
    shown = await deepdive.read(AREA, TRADING, store.reader, sender.environment, span, only="paper_live_pairs")
    groups: dict[tuple[str, str, str], dict[str, list[Mapping[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for each in recent:
        if each["mode"] and each["signal"] and each["side"] and not each["simulated"]:
            groups[each["signal"], each["symbol"], each["side"]][each["mode"]].append(each)
    paired = {key: modes for key, modes in groups.items() if len(modes) == 2}
    assert {(row["signal_id"], row["symbol"], row["side"]) for row in shown[0].rows} == set(paired)
    for row in shown[0].rows:
        modes = paired[row["signal_id"], row["symbol"], row["side"]]
        expected = _decomposed(row["side"], modes["live"], modes["paper"])
        for part in ("total_bps", "price_bps", "timing_bps", "fill_bps", "missed_bps"):
            value = getattr(expected, part) if expected else None
            assert row[part] == (value if value is None else pytest.approx(value, abs=1e-6)), part


def _decomposed(side: str, live: Sequence[Mapping[str, Any]], paper: Sequence[Mapping[str, Any]]) -> Any:
    decisions = [each["decision"] for each in (*live, *paper) if each["decision"]]
    sides = [value for mode in (live, paper) for value in _mode(mode)]
    return divergence.decompose(side, math.fsum(decisions) / len(decisions) if decisions else None, *sides)


def _mode(mode: Sequence[Mapping[str, Any]]) -> tuple[float | None, float | None, float | None]:
    priced = [each for each in mode if each["mid"] and each["average"] and each["filled"]]
    filled = sum(each["filled"] for each in priced)
    known = [each for each in mode if each["filled"] is not None]
    share = min(1.0, sum(each["filled"] for each in known) / sum(each["quantity"] for each in known)) if known else None
    if not priced:
        return None, None, share
    price = math.fsum(each["filled"] * each["average"] for each in priced) / filled
    return price, math.fsum(each["filled"] * each["mid"] for each in priced) / filled, share


async def _expect_lost(store: Store, sender: Any, span: Span, drawn: Sequence[Mapping[str, Any]]) -> None:
    known = {each["client"] for each in drawn if each["status"] != "unknown" or each["found"]}
    lost = {each["client"] for each in drawn if each["status"] == "unknown" and not each["found"]}
    shown = await deepdive.read(AREA, TRADING, store.reader, sender.environment, span, only="unknown_orders")
    # One id that two orders share may be lost in one of them and known in the other.
    assert lost - known <= {row["order_id"] for row in shown[0].rows} <= lost
    found = await deepdive.read(AREA, TRADING, store.reader, sender.environment, span, only="reconciled")
    times = {row["order_id"]: row["reconcile_time_s"] for row in found[0].rows}
    for each in drawn:
        if each["status"] == "unknown" and each["found"] and each["client"] not in lost and each["client"] != "c0":
            assert times[each["client"]] == pytest.approx(8.0)
