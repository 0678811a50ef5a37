from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest


def entry(before: str, amount: str, after: str, key: str) -> dict[str, str]:
    return {
        "credit.balance_before": before,
        "credit.amount": amount,
        "credit.balance_after": after,
        "credit.idempotency_key": key,
    }


async def test_the_ledgers_invariants_are_checked_exactly(sender: Any, look: Any) -> None:
    sender.log("credit.transaction", **entry("0.1", "0.2", "0.3", "a"))
    sender.log("credit.transaction", **entry("10", "-4", "6", "b"))
    sender.log("credit.transaction", **entry("10", "-4", "6", "b"))
    sender.log("credit.transaction", **entry("5", "-6", "-1", "c"))
    sender.log("credit.transaction", **entry("5", "-1", "4.000000001", "d"))
    view = await look("credits")
    assert view["transactions_5m"] == 5
    assert view["negative_balances_5m"] == 1
    assert view["ledger_mismatches_5m"] == 1
    assert view["duplicate_entries_1h"] == 1


async def test_amounts_that_cannot_be_read_are_not_taken_for_zero(sender: Any, look: Any) -> None:
    for amount in ("", "NaN", "1e60", "ten"):
        sender.log("credit.transaction", **entry("0", amount, amount, ""))
    view = await look("credits")
    assert view["transactions_5m"] == 4
    assert view["ledger_mismatches_5m"] is None
    assert view["negative_balances_5m"] is None


async def test_payments_succeed_by_status_and_pending_ones_are_not_judged(sender: Any, look: Any) -> None:
    for status in ("succeeded", "succeeded", "succeeded", "declined", "pending", "refunded"):
        paid = {"payment.status": status, "payment.rail": "card", "payment.amount_usd": "19.99"}
        sender.span("payment.process", **paid)
    view = await look("credits")
    assert view["payment_success_rate"] == pytest.approx(3 / 4)
    assert view["revenue_last_hour_usd"] == Decimal("59.97")


async def test_a_wrong_profit_share_is_found_and_a_rounded_one_is_not(sender: Any, look: Any) -> None:
    for amount in ("33.33", "33.34", "40"):
        share = {"profit_share.profit_usd": "111.11", "profit_share.ratio": 0.3, "profit_share.amount_usd": amount}
        sender.log("profit_share.distributed", **share)
    assert (await look("credits"))["profit_share_errors_1h"] == 2


async def test_synthetic_breaches_prove_the_guard_and_count_as_no_breach(sender: Any, look: Any) -> None:
    check = {"risk.limit.name": "max_position", "portfolio.id": "p"}
    sender.span("risk.limit.check", **check | {"risk.limit.breached": True, "risk.limit.synthetic": True})
    sender.span("risk.limit.check", **check | {"risk.limit.breached": False, "risk.limit.utilization_ratio": 0.95})
    view = await look("risk_management")
    assert view["breaches_5m"] == 0
    assert view["near_misses_5m"] == 1
    assert view.member("risk_management.checks", "max_position").value == 2


async def test_a_breach_ages_until_a_later_check_passes(sender: Any, look: Any) -> None:
    for name in ("reduced", "open"):
        sender.span("risk.limit.check", ago=200, **{"risk.limit.name": name, "risk.limit.breached": False})
        sender.span("risk.limit.check", ago=90, **{"risk.limit.name": name, "risk.limit.breached": True})
    sender.span("risk.limit.check", ago=30, **{"risk.limit.name": "reduced", "risk.limit.breached": False})
    view = await look("risk_management")
    assert view["breaches_5m"] == 2
    assert view.member("risk_management.breach_age").value == pytest.approx(90)


async def test_orders_without_checks_show_a_dead_guard(sender: Any, look: Any) -> None:
    for _ in range(12):
        sender.span("order.execute", **{"order.mode": "live", "order.status": "filled"})
    view = await look("risk_management", alive={"portfolio_risk_service"})
    assert view["guard_checks_per_order_5m"] == 0
    assert view.measured("guard_checks_per_order_5m").samples == 12


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
