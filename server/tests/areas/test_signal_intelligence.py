from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from observatory.areas import select


def event_ns(sender: Any, ago: float) -> int:
    return select.nanoseconds(sender.at) - int(ago * 1e9)


async def test_latency_runs_from_the_market_event_to_the_end_of_the_signal(sender: Any, look: Any) -> None:
    for latency_s in (0.1, 0.3):
        sender.span(
            "signal.generate", ago=10, ms=50, **{"signal.market_event.time_unix_nano": event_ns(sender, 10 + latency_s)}
        )
    view = await look("signal_intelligence")
    assert view["signals_generated_5m"] == 2
    assert view["avg_signal_latency_ms"] == pytest.approx(200, abs=0.01)
    assert not view.measured("avg_signal_latency_ms").estimated


async def test_an_event_from_a_clock_ahead_makes_no_negative_latency(sender: Any, look: Any) -> None:
    for ago in (10.4, 9.0):
        sender.span("signal.generate", ago=10, **{"signal.market_event.time_unix_nano": event_ns(sender, ago)})
    view = await look("signal_intelligence")
    assert view["avg_signal_latency_ms"] == pytest.approx(400, abs=0.01)
    assert view.measured("avg_signal_latency_ms").samples == 1
    assert view.measured("avg_signal_latency_ms").estimated
    assert view.member("signal_intelligence.events_ahead").value == 1


async def test_a_delivery_that_needed_a_retry_is_one_delivery_that_succeeded(sender: Any, look: Any) -> None:
    telegram = {"signal.id": "s1", "messaging.system": "telegram", "user.id": "7"}
    sender.span("signal.deliver", **telegram, **{"signal.delivery.status": "failed", "signal.delivery.attempt": 1})
    sender.span("signal.deliver", **telegram, **{"signal.delivery.status": "accepted", "signal.delivery.attempt": 2})
    sender.span(
        "signal.deliver", **{"signal.id": "s1", "messaging.system": "email", "signal.delivery.status": "dead_letter"}
    )
    view = await look("signal_intelligence")
    assert view["delivery_success_rate"] == pytest.approx(0.5)
    assert view.member("signal_intelligence.channel_delivery_success", "telegram").value == 1.0
    assert view.member("signal_intelligence.delivery_retries", "telegram").value == 1
    assert view["dead_letters_5m"] == 1


async def test_a_receipt_is_no_delivery_and_an_accepted_message_no_receipt(sender: Any, look: Any) -> None:
    accepted = {"signal.id": "s2", "messaging.system": "email", "signal.delivery.status": "accepted"}
    sender.span("signal.deliver", **accepted)
    sender.log(
        "signal.delivery.receipt",
        **{"signal.id": "s2", "messaging.system": "email", "signal.receipt.status": "bounced"},
    )
    view = await look("signal_intelligence")
    assert view.measured("delivery_success_rate").samples == 1
    assert view.member("signal_intelligence.receipts_delivered", "email").value == 0


async def test_silence_is_measured_against_the_usual_gap(sender: Any, look: Any) -> None:
    for ago in range(100, 1_000, 10):
        sender.span("signal.generate", ago=ago)
    view = await look("signal_intelligence")
    assert view.member("signal_intelligence.silence_gaps").value == pytest.approx(10, rel=0.01)


async def test_profit_is_summed_exactly(sender: Any, look: Any) -> None:
    for pnl, won in (("0.1", True), ("0.2", True), ("-0.7", False)):
        sender.log("signal.outcome", **{"signal.outcome.pnl_usd": pnl, "signal.outcome.won": won})
    view = await look("signal_intelligence")
    assert view["pnl_last_hour_usd"] == Decimal("-0.4")
    assert view["win_rate_1h"] == pytest.approx(2 / 3)
