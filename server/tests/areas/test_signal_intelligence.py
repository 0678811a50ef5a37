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


async def test_a_delivery_without_an_answer_that_we_know_is_unknown_and_no_success(sender: Any, look: Any) -> None:
    for status in ("accepted", "", "queued somewhere"):
        named = {"signal.id": f"s-{status}", "messaging.system": "email", "signal.delivery.status": status}
        sender.span("signal.deliver", **named)
    view = await look("signal_intelligence")
    assert view.measured("delivery_success_rate").samples == 1
    assert view.member("signal_intelligence.deliveries_unknown").value == 2
    assert view.member("signal_intelligence.deliveries_accepted").value == 1


async def test_a_silence_is_judged_only_where_events_came_in_it(sender: Any, look: Any) -> None:
    called = {"observatory.service": "signal_generation_engine", "observatory.caller": "external"}
    for ago in range(100, 1_000, 10):
        sender.span("signal.generate", ago=ago)
        sender.span("signal_generation_engine.generate", ago=ago, **called)
    view = await look("signal_intelligence")
    assert view.member("signal_intelligence.silence_gaps").value > 3
    assert not view.judged("signal_intelligence.silence_gaps")
    for ago in (90, 60, 30):
        sender.span("signal_generation_engine.generate", ago=ago, **called)
    view = await look("signal_intelligence")
    assert view.judged("signal_intelligence.silence_gaps")
    assert view.member("signal_intelligence.events_unanswered").value == 3


async def test_a_silence_is_judged_by_time_alone_where_nobody_tells_of_events(sender: Any, look: Any) -> None:
    for ago in range(100, 1_000, 10):
        sender.span("signal.generate", ago=ago)
    assert (await look("signal_intelligence")).judged("signal_intelligence.silence_gaps")


@pytest.mark.parametrize(("won", "beyond"), [(4, True), (16, False)])
async def test_signals_that_are_surer_than_they_are_right_show_as_overconfident(
    sender: Any, look: Any, won: int, beyond: bool
) -> None:
    for number in range(20):
        sender.span("signal.generate", ago=100, **{"signal.id": f"s{number}", "signal.confidence": 0.8})
        outcome = {"signal.outcome.won": number < won, "signal.outcome.return_ratio": 0.01}
        sender.log("signal.outcome", ago=90, **{"signal.id": f"s{number}"} | outcome)
    # A price that did not move says nothing.
    sender.span("signal.generate", ago=100, **{"signal.id": "still", "signal.confidence": 0.8})
    still = {"signal.outcome.won": False, "signal.outcome.return_ratio": 0.0}
    sender.log("signal.outcome", ago=90, **{"signal.id": "still"} | still)
    found = (await look("signal_intelligence")).member("signal_intelligence.overconfidence")
    assert found.samples == 20
    assert (found.value > 0.3) is beyond


async def test_an_outcome_that_two_services_tell_counts_once_and_the_last_word_holds(sender: Any, look: Any) -> None:
    for ago, won in ((100, False), (50, True)):
        named = {"signal.id": "s1", "signal.outcome.won": won, "signal.outcome.pnl_usd": "1.5"}
        sender.log("signal.outcome", ago=ago, **named)
    view = await look("signal_intelligence")
    assert (view["win_rate_1h"], view.measured("win_rate_1h").samples, view["pnl_last_hour_usd"]) == (
        1.0,
        1,
        Decimal("1.5"),
    )
