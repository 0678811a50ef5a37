"""What one user's page answers, and to whom."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from observatory.store import People

GPT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.response.model": "gpt-4o-2024-08-06",
    "gen_ai.usage.input_tokens": 1_000_000,
    "gen_ai.usage.output_tokens": 0,
}
ANN = {"user.id": "ann"}


async def _show(server: Any, sender: Any, user: str = "ann", **asked: Any) -> Any:
    answer = await server.read(f"/user/{user}", environment=sender.environment, **asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


def _call(
    sender: Any, service: str, ago: float = 10, *, user: str = "ann", caller: str = "external", **more: Any
) -> None:
    named = {
        "observatory.service": service,
        "observatory.caller": caller,
        "user.id": user,
        "observatory.feature": "chat",
    }
    sender.span(f"{service}.work", ago, **named, **more)


async def test_services_errors_and_traces_are_the_users_own(server: Any, sender: Any, told: Any) -> None:
    for ago in (10, 20, 30):
        _call(sender, "chat_service", ago)
    _call(sender, "trade_execution_service", 15, caller="chat_service", error=True, **{"error.type": "VenueDown"})
    _call(sender, "chat_service", 12, user="bob", error=True)
    await told()
    found = await _show(server, sender)
    services = {row["service"]: (row["calls"], row["errors"]) for row in found["active_services"]}
    assert services == {"chat_service": (3, 0), "trade_execution_service": (1, 1)}
    assert found["active_services"][0]["provenance"]["calls"]["samples"] == 3
    experience = found["error_experience"]
    assert (experience["calls"], experience["errors"], experience["error_rate"]) == (4, 1, 0.25)
    low, high = experience["provenance"]["error_rate"]["interval"]
    assert low < 0.25 < high
    (error,) = found["last_errors"]
    assert (error["service"], error["error_type"], error["feature"]) == ("trade_execution_service", "VenueDown", "chat")
    assert [row["status"] for row in found["recent_traces"]] == ["ok", "error", "ok", "ok"]
    assert len({row["trace_id"] for row in found["recent_traces"]}) == 4
    assert found["seen"] is True
    assert found["last_seen"] == found["active_services"][0]["last_seen"]


async def test_credits_are_used_and_the_balance_is_the_newest_however_old(server: Any, sender: Any, told: Any) -> None:
    def entry(ago: float, kind: str, amount: str, before: str, after: str) -> None:
        sender.log(
            "credit.transaction",
            ago,
            **ANN,
            **{
                "credit.type": kind,
                "credit.amount": amount,
                "credit.balance_before": before,
                "credit.balance_after": after,
            },
        )

    entry(5_000, "purchase", "100.5", "0", "100.5")
    entry(60, "usage", "-0.1", "100.5", "100.4")
    entry(50, "usage", "-0.2", "100.4", "100.2")
    entry(50, "usage", "-0.2", "100.4", "100.2")  # told twice
    await told()
    credits = (await _show(server, sender, window="1h"))["credits"]
    assert (credits["usage"], credits["added"], credits["balance"], credits["entries"]) == (0.3, 0, 100.2, 2)
    assert credits["provenance"]["balance"]["window_s"] == 90 * 86_400
    later = (await _show(server, sender, window="10s"))["credits"]
    assert (later["usage"], later["balance"]) == (None, 100.2)


async def test_strategies_have_returns_with_n_and_intervals(server: Any, sender: Any, told: Any) -> None:
    prices = [(100, 110), (100, 95), (100, 120), (100, 90)]
    for place, (paid, got) in enumerate(prices):
        for side, price, ago in (("buy", paid, 500 - place * 20), ("sell", got, 490 - place * 20)):
            sender.span(
                "order.execute",
                ago,
                **ANN,
                **{"strategy.id": "momentum", "signal.id": f"s{place}", "order.side": side, "order.symbol": "BTC/USDT"},
                **{"order.filled_quantity": 2.0, "order.average_price": float(price), "order.mode": "live"},
                **{"order.fee_usd": "1", "order.status": "filled"},
            )
    sender.span("strategy.execute", 30, **ANN, **{"strategy.id": "momentum"})
    sender.span("strategy.execute", 20, error=True, **ANN, **{"strategy.id": "momentum"})
    sender.log("strategy.activated", 4_000, **ANN, **{"strategy.id": "grid"})
    await told()
    rows = {row["strategy"]: row for row in (await _show(server, sender, window="1h"))["strategy_performance"]}
    momentum = rows["momentum"]
    assert (momentum["mode"], momentum["trades"], momentum["win_rate"]) == ("live", 4, 0.5)
    assert (momentum["runs"], momentum["run_success_rate"]) == (2, 0.5)
    shares = [((got - paid) * 2 - 2) / (paid * 2) for paid, got in prices]
    total = 1.0
    for share in shares:
        total *= 1 + share
    assert abs(momentum["return_ratio"] - (total - 1)) < 1e-6
    assert momentum["pnl_usd"] == 22
    low, high = momentum["provenance"]["return_ratio"]["interval"]
    assert low < momentum["return_ratio"] < high
    assert abs(momentum["max_drawdown_ratio"] - 0.11) < 1e-6
    assert (rows["grid"]["mode"], rows["grid"]["trades"], rows["grid"]["win_rate"]) == (None, None, None)
    assert rows["grid"]["switched_on_since"] is not None


async def test_signals_costs_and_margin(server: Any, sender: Any, told: Any) -> None:
    sender.log(
        "signal.subscription.changed",
        4_000,
        **ANN,
        **{
            "signal.subscription.action": "subscribed",
            "signal.subscription.channel": "telegram",
            "signal.subscription.plan": "pro",
        },
    )
    for attempt, status in ((1, "failed"), (2, "accepted")):
        sender.span(
            "signal.deliver",
            50 - attempt,
            **ANN,
            **{
                "signal.id": "s1",
                "messaging.system": "telegram",
                "signal.delivery.status": status,
                "signal.delivery.attempt": attempt,
            },
        )
    sender.span("chat", **GPT, **ANN, **{"observatory.feature": "chat"})
    sender.log(
        "cost.charge", **ANN, **{"cost.provider": "kraken", "cost.category": "exchange", "cost.amount_usd": "0.1"}
    )
    sender.span(
        "payment.process",
        **ANN,
        **{"payment.rail": "stripe", "payment.status": "succeeded", "payment.amount_usd": "9.99"},
    )
    sender.log(
        "profit_share.distributed",
        **ANN,
        **{"profit_share.profit_usd": "5", "profit_share.ratio": "0.25", "profit_share.amount_usd": "1.25"},
    )
    await told()
    found = await _show(server, sender, window="1h")
    assert [(row["channel"], row["plan"]) for row in found["signal_subscriptions"]] == [("telegram", "pro")]
    (channel,) = found["signal_deliveries"]
    assert (channel["attempts"], channel["deliveries"], channel["accepted"], channel["delivered"]) == (2, 1, 1, None)
    costs = found["api_costs"]
    assert (costs["cost_usd"], costs["ai_usd"], costs["charged_usd"], costs["calls"]) == (2.6, 2.5, 0.1, 1)
    assert {row["category"]: row["cost_usd"] for row in found["costs_by_category"]} == {"ai": 2.5, "exchange": 0.1}
    assert [(row["provider"], row["cost_usd"]) for row in found["costs_by_model"]] == [("openai", 2.5)]
    assert {row["feature"]: row["cost_usd"] for row in found["costs_by_feature"]} == {"chat": 2.5, "": 0.1}
    margin = found["margin"]
    assert (margin["revenue_usd"], margin["margin_reason"]) == (9.99, None)
    assert margin["profit_share_usd"] == 1.25
    assert Decimal(str(margin["margin_usd"])) == Decimal("8.64")


async def test_a_margin_is_unknown_where_a_call_has_no_price(server: Any, sender: Any, told: Any) -> None:
    sender.span("chat", **GPT | {"gen_ai.response.model": "house-model-7"}, **ANN)
    await told()
    found = await _show(server, sender)
    assert found["margin"]["margin_usd"] is None
    assert found["margin"]["margin_reason"] == "model_calls_without_price_or_tokens"
    assert (found["api_costs"]["cost_usd"], found["api_costs"]["calls_unpriced"]) == (None, 1)


async def test_an_unknown_user_has_the_same_shape_and_was_not_seen(server: Any, sender: Any, told: Any) -> None:
    _call(sender, "chat_service")
    await told()
    known, unknown = await _show(server, sender), await _show(server, sender, "nobody")
    assert set(known) == set(unknown)
    assert (known["seen"], unknown["seen"], unknown["last_seen"]) == (True, False, None)
    for section in ("credits", "api_costs", "margin", "error_experience"):
        values = {
            name: value for name, value in unknown[section].items() if name not in ("provenance", "margin_reason")
        }
        assert set(values.values()) == {None}, section
    assert all(not value for value in unknown.values() if isinstance(value, list))


async def test_a_user_is_found_by_the_address_that_a_pseudonym_stands_for(server: Any, sender: Any, told: Any) -> None:
    _call(sender, "chat_service", user="ann@example.com")
    await told()
    assert (await _show(server, sender, "ann@example.com"))["seen"]
    assert (await _show(server, sender, People().known_as("ann@example.com")))["seen"]


async def test_bad_questions_are_refused_by_name(server: Any, sender: Any, told: Any) -> None:
    _call(sender, "chat_service")
    await told()
    for asked, word in (({"windw": "1h"}, "windw"), ({"window": "2y"}, "window"), ({"from": "now"}, "from")):
        answer = await server.read("/user/ann", environment=sender.environment, **asked)
        assert answer.status_code == 422, asked
        assert word in answer.json()["detail"]
    answer = await server.read("/user/ann", environment="nowhere")
    assert answer.status_code == 404
    answer = await server.read(f"/user/{'x' * 129}", environment=sender.environment)
    assert answer.status_code == 422


async def test_the_past_is_shown_as_it_was(server: Any, sender: Any, told: Any) -> None:
    _call(sender, "chat_service", 600)
    _call(sender, "market_service", 10)
    await told()
    before = (sender.at - timedelta(seconds=300)).isoformat()
    found = await _show(server, sender, as_of=before, window="1h")
    assert [row["service"] for row in found["active_services"]] == ["chat_service"]
