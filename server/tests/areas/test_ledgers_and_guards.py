from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest


async def test_strategy_runs_and_waiting_submissions(sender: Any, look: Any) -> None:
    for error in (False, False, False, True):
        sender.span("strategy.execute", error=error, **{"strategy.id": "s1", "user.id": "u1"})
    sender.log("strategy.submitted", ago=100_000, **{"strategy.id": "old"})
    sender.log("strategy.submitted", ago=200_000, **{"strategy.id": "judged"})
    sender.log("strategy.reviewed", ago=150_000, **{"strategy.id": "judged"})
    view = await look("strategies")
    assert view["execution_success_rate"] == pytest.approx(0.75)
    assert view["active_strategies_1h"] == 1
    assert view["submissions_waiting"] == 1
    assert view["oldest_submission_age_s"] == pytest.approx(100_000)


async def test_costs_are_the_models_and_the_charges_to_the_last_digit(sender: Any, look: Any) -> None:
    chat = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o"}
    sender.span("chat", **chat, **{"gen_ai.usage.input_tokens": 1_000, "gen_ai.usage.output_tokens": 0})
    for amount in ("0.1", "0.2"):
        charge = {"cost.provider": "twilio", "cost.category": "communication", "cost.amount_usd": amount}
        sender.log("cost.charge", **charge)
    view = await look("costs")
    assert view["ai_cost_last_hour_usd"] == Decimal("0.0025")
    assert view["charges_last_hour_usd"] == Decimal("0.3")
    assert view["cost_last_hour_usd"] == Decimal("0.3025")
    assert view["unpriced_ratio"] == 0
    assert view.member("costs.charges_by_provider", "communication/twilio").value == Decimal("0.3")


async def test_safety_events_are_counted_by_what_they_are(sender: Any, look: Any) -> None:
    sender.log("emergency.activated", **{"safety.name": "halt"})
    sender.log("security.event", **{"security.kind": "login_storm"})
    for ago, state in ((400, "open"), (300, "closed"), (200, "open"), (100, "half_open")):
        sender.log("circuit_breaker.transition", ago=ago, **{"safety.name": "openai", "safety.to": state})
    sender.log("failover", **{"safety.name": "redis", "safety.succeeded": False})
    view = await look("emergency")
    assert view["activations_5m"] == 1
    assert view["security_events_5m"] == 1
    assert view["breaker_trips_5m"] == 1
    assert view["breakers_open"] == 0
    assert (view["failovers_5m"], view["failovers_failed_5m"]) == (1, 1)
    assert view.member("emergency.breaker_flaps", "openai").value == 4


async def test_an_event_of_one_kind_does_not_prove_the_absence_of_another(sender: Any, look: Any) -> None:
    sender.log("service.degraded", **{"safety.name": "search"})
    view = await look("emergency")
    assert view["degradations_5m"] == 1
    assert view["activations_5m"] is None


async def test_resources_show_the_last_value_and_forget_a_series_that_stopped(sender: Any, look: Any) -> None:
    sender.gauge("queue.depth", 90, ago=100, **{"queue.name": "gone"})
    sender.gauge("queue.depth", 50, ago=20, **{"queue.name": "mail"})
    sender.gauge("queue.depth", 7, ago=2, **{"queue.name": "mail"})
    sender.gauge("queue.oldest_item.age", 12.5, ago=2, **{"queue.name": "mail"})
    pool = {"db.client.connection.pool.name": "postgres"}
    sender.gauge("db.client.connection.count", 9, **pool, **{"db.client.connection.state": "used"})
    sender.gauge("db.client.connection.count", 1, **pool, **{"db.client.connection.state": "idle"})
    sender.gauge("db.client.connection.max", 10, **pool)
    for ago, value in ((60, 100.0), (10, 125.0)):
        sender.counter("process.cpu.time", value, ago=ago)
    view = await look("resources")
    assert view["queue_depth"] == 7
    assert view["queue_oldest_age_s"] == pytest.approx(12.5)
    assert view["pool_used_ratio"] == pytest.approx(0.9)
    assert view["process_cpu_used"] == pytest.approx(0.5)
    assert view["redis_memory_used_ratio"] is None


async def test_processor_time_of_a_process_that_began_in_the_window_is_spread_over_its_whole_life(
    sender: Any, look: Any
) -> None:
    for ago, value in ((60, 10.0), (10, 40.0)):
        sender.counter("process.cpu.time", value, ago=ago, started=90)
    assert (await look("resources"))["process_cpu_used"] == pytest.approx(0.5)
