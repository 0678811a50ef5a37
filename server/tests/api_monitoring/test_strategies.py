"""What `/strategies` shows, against values worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest

PATH = "/strategies"
ROWS = {
    "active_distribution",
    "top_users",
    "executions",
    "failures",
    "marketplace_strategies",
    "waiting",
    "reviews",
    "tests_ended",
    "live_vs_backtest",
    "discovery",
    "discovery_drops",
}


async def test_an_empty_store_answers_null_and_no_rows(server: Any, sender: Any, told: Any) -> None:
    sender.heartbeat("health_monitor")
    await told()
    answer = (await server.read(PATH, environment=sender.environment)).json()
    assert {name for name in answer if "items" in (answer[name] if isinstance(answer[name], dict) else {})} == ROWS
    assert all(answer[name]["items"] == [] for name in ROWS)
    assert answer["strategies"]["execution_success_rate"] is None
    assert answer["submissions"]["oldest_age_s"] is None
    assert answer["tests"]["duration_p95_ms"] is None


async def test_who_has_what_switched_on_follows_from_old_events_and_from_runs(
    server: Any, sender: Any, told: Any
) -> None:
    day = 86_400
    for ago, user, strategy, event in (
        (20 * day, "anna", "s1", "activated"),
        (19 * day, "anna", "s2", "activated"),
        (60, "anna", "s2", "deactivated"),
        (10 * day, "bert", "s1", "activated"),
        (9 * day, "bert", "s1", "deactivated"),
        (8 * day, "bert", "s1", "activated"),
        (30, "bert", "s3", "activated"),
        (30, "bert", "s3", "activated"),
    ):
        sender.log(f"strategy.{event}", ago=ago, **{"strategy.id": strategy, "user.id": user})
    # Runs of what nobody was told of count; of what is known to be switched off they do not, and old ones neither.
    for ago, user, strategy in ((100, "carl", "s9"), (100, "anna", "s2"), (2 * 3_600, "dora", "s9")):
        sender.span("strategy.execute", ago=ago, **{"strategy.id": strategy, "user.id": user})
    await told()
    answer = (await server.read(PATH, environment=sender.environment, window="5m")).json()
    assert [
        (row["user_id"], row["active_strategies"], row["strategies"], row["known_by_runs"])
        for row in answer["top_users"]["items"]
    ] == [("bert", 2, ["s1", "s3"], 0), ("anna", 1, ["s1"], 0), ("carl", 1, ["s9"], 1)]
    assert answer["active_distribution"]["items"] == [
        {"active_strategies": 1, "users": 2},
        {"active_strategies": 2, "users": 1},
    ]
    numbers = answer["strategies"]
    assert numbers["users_with_strategies"] == 3
    assert numbers["strategies_switched_on"] == 4
    assert numbers["active_strategies_per_user"] == pytest.approx(4 / 3, abs=1e-4)
    assert numbers["active_strategies_per_user_max"] == 2


async def test_runs_are_shown_with_their_interval_and_the_causes_of_failures(
    server: Any, sender: Any, told: Any
) -> None:
    ended = (
        [("completed", "", "success")] * 5
        + [("skipped", "already_positioned", "success"), ("skipped", "too_small", "success")]
        + [("failed", "strategy_error", "failure"), ("failed", "rejected", "failure"), ("failed", "denied", "failure")]
    )
    for status, reason, outcome in ended:
        told_of = {"observatory.outcome": outcome, "observatory.outcome.reason": reason}
        sender.span(
            "strategy.execute", ms=40, **{"strategy.id": "s1", "strategy.status": status, "user.id": "u"}, **told_of
        )
    await told()
    answer = (await server.read(PATH, environment=sender.environment, strategy="s1")).json()
    (row,) = answer["executions"]["items"]
    assert (row["executions"], row["completed"], row["skipped"], row["failed"], row["users"]) == (10, 5, 2, 3, 1)
    assert row["execution_success_rate"] == pytest.approx(0.7)
    assert row["provenance"]["execution_success_rate"]["interval"] == pytest.approx([0.3968, 0.8922], abs=1e-4)
    found = {(each["ended"], each["reason"]): each for each in answer["failures"]["items"]}
    assert {key: each["cause"] for key, each in found.items()} == {
        ("failed", "strategy_error"): "strategy",
        ("failed", "rejected"): "venue",
        ("failed", "denied"): "risk",
        ("skipped", "already_positioned"): "signal",
        ("skipped", "too_small"): "funds",
    }
    assert all(each["share_ratio"] == pytest.approx(0.1) for each in found.values())


async def test_the_marketplace_is_followed_from_download_to_first_fill(server: Any, sender: Any, told: Any) -> None:
    def event(name: str, ago: float, user: str) -> None:
        sender.log(f"strategy.{name}", ago=ago, **{"strategy.id": "s1", "user.id": user})

    for user, ago in (("anna", 200), ("bert", 180), ("carl", 170)):
        event("downloaded", ago, user)
    event("activated", 190, "anna")
    event("activated", 150, "bert")
    event("deactivated", 20, "bert")
    filled = {"strategy.id": "s1", "order.status": "filled", "order.mode": "live"}
    # Before it was switched on, too, it had filled one.
    for ago in (250, 160, 100):
        sender.span("order.execute", ago=ago, **filled, **{"user.id": "anna"})
    await told()
    answer = (await server.read(PATH, environment=sender.environment, window="5m")).json()
    assert answer["marketplace"] | {"provenance": None} == {
        "downloads": 3,
        "activations": 2,
        "deactivations": 1,
        "provenance": None,
    }
    (row,) = answer["marketplace_strategies"]["items"]
    assert row == {
        "strategy": "s1",
        "downloads": 3,
        "activations": 2,
        "deactivations": 1,
        "downloads_without_activation": 1,
        "activated_users": 2,
        "traded_users": 1,
        "time_to_first_fill_p50_s": 30,
        "active_users": 1,
    }


async def test_the_queue_shows_who_waits_and_what_was_lost(server: Any, sender: Any, told: Any) -> None:
    def event(name: str, ago: float, strategy: str, **more: str) -> None:
        sender.log(f"strategy.{name}", ago=ago, **{"strategy.id": strategy, "strategy.publisher": "p"}, **more)

    event("submitted", 9_000, "lost")
    for number in range(4):
        event("submitted", 2_000 - number, f"done-{number}")
        verdict = {"strategy.status": "approved" if number else "rejected", "strategy.review.reason": "test_passed"}
        event("reviewed", 1_990 - 2 * number, f"done-{number}", **verdict)
    event("submitted", 300, "first")
    event("submitted", 100, "second")
    # Handed in again before it was judged: it waits since the first time.
    event("submitted", 50, "first")
    await told()
    answer = (await server.read(PATH, environment=sender.environment, window="1h")).json()
    numbers = answer["submissions"]
    assert (numbers["queue_depth"], numbers["oldest_age_s"], numbers["overtaken"]) == (3, 9_000, 1)
    assert (numbers["submitted"], numbers["reviewed"], numbers["approved_ratio"]) == (7, 4, 0.75)
    # 10, 11, 12 and 13 seconds.
    assert numbers["review_time_p50_s"] == pytest.approx(11.5)
    assert numbers["review_time_mean_s"] == pytest.approx(11.5)
    assert numbers["queue_stall"] == pytest.approx(300 / 12, abs=3)
    assert [
        (row["strategy"], row["age_s"], row["overtaken"], row["expected_in_s"]) for row in answer["waiting"]["items"]
    ] == [("lost", 9_000, 1, None), ("first", 300, 0, 900), ("second", 100, 0, 1_800)]
    assert [(row["verdict"], row["reviews"]) for row in answer["reviews"]["items"]] == [
        ("approved", 3),
        ("rejected", 1),
    ]


async def test_a_test_that_broke_off_is_no_verdict_on_its_strategy(server: Any, sender: Any, told: Any) -> None:
    for ms, status, broke in ((1_000, "passed", False), (2_000, "failed", False), (9_000, "", True)):
        sender.span("strategy.test", ms=ms, error=broke, **{"strategy.id": "s", "strategy.status": status})
    await told()
    answer = (await server.read(PATH, environment=sender.environment, window="5m")).json()
    numbers = answer["tests"]
    assert (numbers["tests"], numbers["broken"], numbers["passed_ratio"]) == (3, 1, 0.5)
    assert (numbers["duration_p50_ms"], numbers["duration_max_ms"]) == (2_000, 9_000)
    assert numbers["duration_p95_ms"] == pytest.approx(8_300)
    assert {row["ended"]: row["runs"] for row in answer["tests_ended"]["items"]} == {
        "passed": 1,
        "failed": 1,
        "broken": 1,
    }


async def test_live_trading_is_held_against_the_band_of_its_backtests(server: Any, sender: Any, told: Any) -> None:
    for number, got in enumerate((0.010, 0.020, 0.015, 0.012)):
        told_of = {
            "backtest.return_ratio": got,
            "backtest.trades": 10,
            "observatory.service": "real_backtesting_engine",
        }
        sender.span("backtest.run", ago=86_400 * (20 + number), **{"strategy.id": "s1"}, **told_of)
    order = {
        "strategy.id": "s1",
        "user.id": "u",
        "order.symbol": "BTC/USDT",
        "order.status": "filled",
        "order.quantity": 2.0,
    }
    for number in range(30):
        for ago, side, price in ((2_000, "buy", 100.0), (1_900, "sell", 90.0)):
            sender.span(
                "order.execute",
                ago=ago - number,
                **order,
                **{"signal.id": f"g{number}", "order.side": side, "order.mode": "live", "order.average_price": price},
                **{"order.filled_quantity": 2.0, "order.fee_usd": 1.0},
            )
    sender.log("signal.outcome", ago=5, **{"strategy.id": "s1", "signal.outcome.return_ratio": 0.01})
    await told()
    answer = (await server.read(PATH, environment=sender.environment, window="1h")).json()
    live, signals = answer["live_vs_backtest"]["items"]
    assert (live["source"], live["backtest_service"]) == ("live", "real_backtesting_engine")
    assert (live["backtests"], live["backtest_trades"], live["trades"]) == (4, 40, 30)
    # Bought for 200, sold for 180, fees of 2.
    assert live["return_ratio"] == pytest.approx((1 - 22 / 200) ** 30 - 1, rel=1e-4)
    assert live["verdict"] == "outside"
    assert live["outside_since"] is not None
    assert live["return_ratio"] < live["band_low_ratio"] < live["expected_ratio"] < live["band_high_ratio"]
    assert (signals["source"], signals["trades"], signals["verdict"]) == ("signals", 1, "not_enough_data")


async def test_what_was_looked_at_and_left_out_is_told_by_service(server: Any, sender: Any, told: Any) -> None:
    for name, found in (("opportunity.scan", 3), ("asset.discover", 5)):
        looked = {"discovery.scanned": 10, "discovery.found": found, "observatory.service": "simple_asset_discovery"}
        sender.span(name, **looked)
    await told()
    answer = (await server.read(PATH, environment=sender.environment)).json()
    found_by = {(row["kind"], row["service"]): (row["scanned"], row["found"]) for row in answer["discovery"]["items"]}
    assert found_by == {
        ("scan", "simple_asset_discovery"): (10, 3),
        ("discover", "simple_asset_discovery"): (10, 5),
    }
