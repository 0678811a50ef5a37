"""The endpoints of the signals: what they say of signals whose whole way is known."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest

from observatory.analytics import returns
from observatory.areas import select

SIGNAL = {"signal.type": "momentum", "strategy.id": "m1"}


@pytest.fixture(autouse=True)
def known(sender: Any) -> None:
    """An environment that nothing came from in the last hour is not known."""
    sender.heartbeat("health_monitor")


def event_ns(sender: Any, ago: float) -> int:
    return select.nanoseconds(sender.at - timedelta(seconds=ago))


def make(sender: Any, signal_id: str, ago: float, latency_s: float = 0.2, **more: Any) -> None:
    """A call of the generator, and the signal that it makes."""
    named = SIGNAL | {"signal.id": signal_id, "signal.market_event.time_unix_nano": event_ns(sender, ago + latency_s)}
    sender.span("signal.generate", ago=ago, ms=50, **named | more)
    call(sender, ago)


def call(sender: Any, ago: float) -> None:
    named = {"observatory.service": "signal_generation_engine", "observatory.caller": "external"}
    sender.span("signal_generation_engine.generate", ago=ago, ms=60, **named)


def deliver(
    sender: Any, signal_id: str, ago: float, status: str | None, channel: str = "telegram", **more: Any
) -> None:
    told = {"signal.delivery.status": status} if status else {}
    named = {"signal.id": signal_id, "user.id": "u-1", "messaging.system": channel, "signal.delivery.attempt": 1}
    sender.span("signal.deliver", ago=ago, ms=20, **named | told | more)


def receive(sender: Any, signal_id: str, ago: float, status: str, channel: str = "telegram", **more: Any) -> None:
    named = {"signal.id": signal_id, "user.id": "u-1", "messaging.system": channel, "signal.receipt.status": status}
    sender.log("signal.delivery.receipt", ago=ago, **named | more)


def evaluate(sender: Any, signal_id: str, ago: float, accepted: bool, reason: str = "passed") -> None:
    told = {"signal.evaluation.accepted": accepted, "signal.evaluation.reason": reason}
    sender.span("signal.evaluate", ago=ago, **{"signal.id": signal_id} | told)


async def read(server: Any, sender: Any, path: str = "/signals", **more: Any) -> Any:
    answer = await server.read(path, environment=sender.environment, **more)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def section(server: Any, sender: Any, name: str, path: str = "/signals", **more: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await read(server, sender, path, section=name, **more))[name]["items"]
    return found


@pytest.mark.parametrize("path", ["/signals", "/signals/delivery"])
async def test_an_empty_store_is_null_everywhere(server: Any, sender: Any, told: Any, path: str) -> None:
    await told()
    answer = await read(server, sender, path)
    for name, found in answer.items():
        if isinstance(found, dict) and "items" in found:
            assert found["items"] == [], name
        elif isinstance(found, dict):
            assert {value for field, value in found.items() if field != "provenance"} == {None}, name


async def test_each_hop_says_who_came_through_who_waits_and_who_was_dropped(
    server: Any, sender: Any, told: Any
) -> None:
    for number in range(4):
        make(sender, f"s{number}", ago=100)
        evaluate(sender, f"s{number}", ago=99, accepted=number < 3, reason="passed" if number < 3 else "low_quality")
    call(sender, ago=90)
    deliver(sender, "s0", 98, "accepted")
    deliver(sender, "s1", 97, "dead_letter", **{"observatory.outcome.reason": "blocked"})
    receive(sender, "s0", 95, "seen")
    bridge = {"signal.bridge.accepted": True, "signal.bridge.reason": "order_filled"}
    sender.span("signal.bridge", ago=96, ms=2_000, **{"signal.id": "s0"} | bridge)
    sender.span("order.execute", ago=96.5, ms=500, **{"signal.id": "s0", "order.status": "filled"})
    sender.log("signal.outcome", ago=91, **{"signal.id": "s0", "signal.outcome.won": True})
    # One more that was made just now: it waits for its evaluation.
    make(sender, "young", ago=1)
    await told()
    rows = {row["hop"]: row for row in await section(server, sender, "pipeline")}
    counted = {hop: (row["entered"], row["reached"], row["waiting"], row["dropped"]) for hop, row in rows.items()}
    assert counted == {
        "market_event_to_generated": (6, 5, 0, 1),
        "generated_to_evaluated": (5, 4, 1, 0),
        "evaluated_to_passed": (4, 3, 0, 1),
        "passed_to_delivered": (3, 1, 0, 2),
        "delivered_to_receipt": (1, 1, 0, 0),
        "passed_to_bridged": (3, 1, 0, 2),
        "bridged_to_order": (1, 1, 0, 0),
        "passed_to_outcome": (3, 1, 0, 2),
    }
    assert rows["passed_to_delivered"]["drop_ratio"] == pytest.approx(2 / 3)
    assert rows["market_event_to_generated"]["p50_ms"] == pytest.approx(200, abs=0.01)
    assert rows["generated_to_evaluated"]["mean_ms"] == pytest.approx(1_000)
    assert rows["passed_to_delivered"]["max_ms"] == pytest.approx(1_000)
    assert rows["delivered_to_receipt"]["p95_ms"] == pytest.approx(3_000)
    assert rows["passed_to_bridged"]["p99_ms"] == pytest.approx(1_000)
    assert rows["bridged_to_order"]["mean_ms"] == pytest.approx(1_000)
    drops = {(row["step"], row["reason"]): row["happened"] for row in await section(server, sender, "drops")}
    assert drops == {("evaluate", "low_quality"): 1, ("deliver", "blocked"): 1}


async def test_a_step_that_nobody_tells_of_is_unknown_and_drops_nothing(server: Any, sender: Any, told: Any) -> None:
    make(sender, "s1", ago=100)
    await told()
    rows = {row["hop"]: row for row in await section(server, sender, "pipeline")}
    found = rows["passed_to_delivered"]
    assert (found["entered"], found["reached"], found["dropped"], found["drop_ratio"]) == (1, None, None, None)
    assert found["mean_ms"] is None


async def test_latencies_have_a_histogram_that_loses_nothing(server: Any, sender: Any, told: Any) -> None:
    for place, latency_s in enumerate((0.005, 0.1, 0.3, 40, -1)):
        make(sender, f"s{place}", ago=100, latency_s=latency_s)
    await told()
    found = (await section(server, sender, "latencies"))[0]
    assert (found["kind"], found["samples"], found["events_ahead"]) == ("all", 4, 1)
    assert sum(each["count"] for each in found["histogram"]) == 4
    assert found["histogram"][0] == {"above": None, "to": 10.0, "count": 1}
    assert found["histogram"][-1] == {"above": 30_000.0, "to": None, "count": 1}


async def test_accepted_delivered_and_seen_are_three_rates_and_unknown_without_receipts(
    server: Any, sender: Any, told: Any
) -> None:
    for number in range(4):
        deliver(sender, f"t{number}", 100, "accepted")
        deliver(sender, f"w{number}", 100, "accepted", "websocket")
        deliver(sender, f"e{number}", 100, "accepted", "email")
    deliver(sender, "t9", 100, None, **{"user.id": "u-2"})
    deliver(sender, "t8", 100, "sent")
    deliver(sender, "t7", 100, "failed", **{"signal.delivery.retry_after_s": 30, "observatory.outcome.reason": "429"})
    deliver(sender, "t7", 60, "accepted", **{"signal.delivery.attempt": 2})
    receive(sender, "t0", 95, "seen")
    for number in range(3):
        received = {"signal.receipt.time_unix_nano": event_ns(sender, 98 - number)}
        receive(sender, f"w{number}", 90, "delivered", "websocket", **received)
    receive(sender, "w0", 90, "seen", "websocket")
    receive(sender, "e0", 90, "bounced", "email")
    await told()
    found = {row["channel"]: row for row in await section(server, sender, "channels", "/signals/delivery")}
    rates = ("accepted_ratio", "delivered_ratio", "seen_ratio", "bounced_ratio")
    assert {name: tuple(row[rate] for rate in rates) for name, row in found.items()} == {
        "telegram": (1.0, None, 0.2, None),
        "websocket": (1.0, 0.75, 0.25, None),
        "email": (1.0, None, None, 0.25),
    }
    telegram = found["telegram"]
    assert (telegram["deliveries"], telegram["accepted"], telegram["unknown"]) == (7, 5, 2)
    assert (telegram["retries"], telegram["throttled_attempts"], telegram["retry_after_max_s"]) == (1, 1, 30)
    assert telegram["provenance"]["accepted_ratio"]["interval"][0] == pytest.approx(0.5655, abs=1e-3)
    assert found["websocket"]["receipt_delay_p50_ms"] == pytest.approx(3_000)
    failures = {
        (row["status"], row["reason"]): row["happened"]
        for row in await section(server, sender, "failures", "/signals/delivery")
    }
    assert failures == {("unknown", ""): 1, ("unknown", "sent"): 1, ("failed", "429"): 1}
    delays = {(row["hop"], row["channel"]): row for row in await section(server, sender, "delays", "/signals/delivery")}
    assert delays["accepted_to_receipt", "websocket"]["samples"] == 3


async def test_dead_letters_can_be_read_one_by_one_with_their_trace(server: Any, sender: Any, told: Any) -> None:
    deliver(sender, "s1", 7_200, "dead_letter", **{"signal.delivery.attempt": 3, "error.type": "blocked"})
    await told()
    (found,) = await section(server, sender, "dead_letters", "/signals/delivery")
    assert (found["signal_id"], found["attempts"], found["reason"]) == ("s1", 3, "blocked")
    assert found["trace_id"]


async def test_sharpe_is_of_whole_utc_days_with_its_interval_and_the_days_it_rests_on(
    server: Any, sender: Any, told: Any
) -> None:
    midnight = datetime.combine(sender.at.date(), time(), UTC)
    sums = [0.01, -0.004, 0.0, 0.02, 0.003, -0.01, 0.006, 0.012, 0.001, -0.002]
    for place, ratio in enumerate(sums):
        # Half of it just after the day began, half just before it ended; the day in between has none.
        for half, moment in enumerate((1, 86_399)):
            ago = (sender.at - midnight).total_seconds() + 86_400 * (len(sums) - place) - moment
            told_of = {"signal.outcome.return_ratio": ratio / 2, "signal.outcome.pnl_usd": "0.1"}
            if ratio:
                named = SIGNAL | {"signal.id": f"s{place}-{half}", "signal.outcome.won": ratio > 0}
                sender.log("signal.outcome", ago=ago, **named | told_of)
    await told()
    rows = await section(server, sender, "performance", window="1h")
    assert [(row["kind"], row["name"]) for row in rows] == [("all", ""), ("strategy", "m1"), ("type", "momentum")]
    expected = returns.sharpe(sums)
    assert expected
    for row in rows:
        assert row["sharpe_days"] == len(sums)
        assert row["sharpe"] == pytest.approx(expected.value, rel=1e-5)
        assert row["sharpe_low"] < row["sharpe"] < row["sharpe_high"]
        assert (row["judged"], row["won"], row["pnl_usd"]) == (18, 12, 1.8)
        assert row["win_rate"] == pytest.approx(12 / 18, rel=1e-5)
        assert row["return_mean_ratio"] == pytest.approx(sum(sums) / 18, rel=1e-5)


async def test_too_few_days_make_no_sharpe_and_say_how_few(server: Any, sender: Any, told: Any) -> None:
    for days in (1, 2):
        named = {"signal.id": f"s{days}", "signal.outcome.return_ratio": 0.01, "signal.outcome.won": True}
        sender.log("signal.outcome", ago=days * 86_400, **named)
    await told()
    (row,) = await section(server, sender, "performance")
    assert (row["sharpe"], row["sharpe_days"], row["win_rate"], row["pnl_usd"]) == (None, 2, 1.0, None)


async def test_confidence_is_held_against_what_came_of_it(server: Any, sender: Any, told: Any) -> None:
    for place, (confidence, won) in enumerate(((0.9, True), (0.9, False), (0.6, True), (0.6, True))):
        make(sender, f"s{place}", 100, **{"signal.confidence": confidence, "signal.quality_score": 0.5})
        sender.log("signal.outcome", ago=90, **{"signal.id": f"s{place}", "signal.outcome.won": won})
    await told()
    rows = await section(server, sender, "quality")
    assert [row["kind"] for row in rows] == ["all", "type"]
    for row in rows:
        assert row["confidence_mean"] == pytest.approx(0.75)
        assert row["confidence_mean_low"] < 0.75 < row["confidence_mean_high"]
        assert (row["quality_mean"], row["confidence_samples"], row["judged"]) == (0.5, 4, 4)
        assert row["brier"] == pytest.approx((0.01 + 0.81 + 0.16 + 0.16) / 4)
        assert row["ece"] == pytest.approx((0.4 * 2 + 0.4 * 2) / 4)
    bins = await section(server, sender, "reliability")
    assert [(each["mean_confidence"], each["correct_ratio"], each["samples"]) for each in bins] == [
        (0.6, 1.0, 2),
        (0.9, 0.5, 2),
    ]
    assert bins[0]["correct_ratio_low"] < 1


async def test_a_type_is_silent_when_events_came_and_quiet_when_none_did(server: Any, sender: Any, told: Any) -> None:
    for number in range(30):
        make(sender, f"s{number}", ago=1_000 + 10 * number)
    await told()
    rows = {(row["kind"], row["name"]): row for row in await section(server, sender, "rhythm")}
    found = rows["type", "momentum"]
    assert (found["verdict"], found["usual_gap_s"], found["events_unanswered"]) == ("quiet", 10.0, 0)
    assert found["usual_gaps"] == pytest.approx(100, rel=0.01)
    for number in range(5):
        call(sender, ago=500 + number)
    await told()
    rows = {(row["kind"], row["name"]): row for row in await section(server, sender, "rhythm")}
    assert rows["all", ""]["verdict"] == rows["strategy", "m1"]["verdict"] == "silent"
    assert rows["all", ""]["events_unanswered"] == 5
    assert rows["all", ""]["probability"] < 0.01


async def test_churn_is_of_the_subscriptions_that_ran_at_some_time(server: Any, sender: Any, told: Any) -> None:
    for ago, pro in ((250, 90), (20, 95)):
        for plan, count in (("pro", pro), ("free", 10)):
            where = {"signal.subscription.channel": "breakout", "signal.subscription.plan": plan}
            sender.gauge("signal.subscriptions.active", count, ago, **where)
    for action, count in (("subscribed", 10), ("cancelled", 5)):
        for number in range(count):
            named = {"signal.subscription.channel": "breakout", "signal.subscription.plan": "pro"}
            sender.log(
                "signal.subscription.changed", ago=100 + number, **named | {"signal.subscription.action": action}
            )
    # Nobody tells how many of this one run: its cancellation is counted, and no part of a rate.
    lost = {"signal.subscription.channel": "lost", "signal.subscription.action": "cancelled"}
    sender.log("signal.subscription.changed", ago=50, **lost)
    await told()
    answer = await read(server, sender, window="5m")
    subscribers = answer["subscribers"]
    assert (subscribers["subscriptions_active"], subscribers["subscribed"], subscribers["cancelled"]) == (105, 10, 6)
    assert subscribers["churn_ratio"] == pytest.approx(5 / 110, rel=1e-5)
    rows = {(row["channel"], row["plan"]): row for row in answer["subscriptions"]["items"]}
    assert rows["", ""]["churn_ratio"] == pytest.approx(5 / 110, rel=1e-5)
    assert rows["breakout", "pro"]["churn_ratio"] == pytest.approx(0.05)
    assert rows["breakout", "free"]["churn_ratio"] == 0
    assert (rows["lost", ""]["active"], rows["lost", ""]["churn_ratio"]) == (None, None)


async def test_deliveries_whose_times_are_all_out_of_order_make_an_empty_histogram(
    server: Any, sender: Any, told: Any
) -> None:
    sender.span("signal.generate", ago=5, **{"signal.id": "s-late", "signal.type": "momentum"})
    accepted = {"signal.id": "s-late", "messaging.system": "telegram", "signal.delivery.status": "accepted"}
    sender.span("signal.deliver", ago=60, **accepted)
    await told()
    answer = await server.read("/signals/delivery", environment=sender.environment)
    assert answer.status_code == 200
    (delay,) = answer.json()["delays"]["items"]
    assert (delay["samples"], delay["out_of_order"]) == (0, 1)
    assert {step["count"] for step in delay["histogram"]} == {0}
