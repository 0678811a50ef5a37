from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from observatory import catalogue
from observatory.areas import services
from observatory.areas.presence import ENVIRONMENTS, Presence
from observatory.areas.services import NO_TRAFFIC
from observatory.model import LoadState, ServiceSight
from observatory.store import Store

START = datetime.fromisoformat("2026-01-02T00:00:00+00:00")


async def see(store: Store, sender: Any, after_s: float = 0, listened_s: float = 86_400) -> Any:
    sender.flush()
    at = sender.at + timedelta(seconds=after_s)
    since = at - timedelta(seconds=listened_s)
    presence = Presence((service.id for service in catalogue.load().services), since, most=10_000)
    await presence.read(store.reader, at)
    traffic = (await services.read(store.reader, at, since)).get(sender.environment, NO_TRAFFIC)
    presence.called(
        (sender.environment, calls.service, calls.first_at, calls.seen_at) for calls in traffic.services.values()
    )
    return services.sights(catalogue.load(), sender.environment, traffic, presence, at)


def call(service: str, caller: str = "external") -> dict[str, str]:
    return {"observatory.service": service, "observatory.caller": caller}


async def test_rate_errors_and_latency_come_from_entry_spans_only(store: Store, sender: Any) -> None:
    sender.heartbeat("credit_ledger", ago=400)
    for ms in range(10, 110, 10):
        sender.span("credit_ledger.debit", ms=ms, **call("credit_ledger", "profit_sharing_service"))
    sender.span("SELECT", ms=5, **{"observatory.service": "credit_ledger"})
    sight: ServiceSight = (await see(store, sender))["credit_ledger"]
    assert sight.rate.value == pytest.approx(10 / 300)
    assert sight.rate.samples == 10
    assert sight.p50.value == pytest.approx(55)
    assert sight.p95.value == pytest.approx(95.5)
    assert sight.error_rate.value == 0
    assert sight.callers == ("profit_sharing_service",)


async def test_errors_by_exception_and_by_outcome_are_told_apart(store: Store, sender: Any) -> None:
    sender.span("a", error=True, **call("credit_ledger"))
    sender.span("b", **call("credit_ledger"), **{"observatory.outcome": "failure"})
    sender.span("c", **call("credit_ledger"))
    sight = (await see(store, sender))["credit_ledger"]
    assert sight.errors_by_exception.value == 1
    assert sight.errors_by_outcome.value == 1
    assert sight.error_rate.value == pytest.approx(2 / 3)


async def test_the_load_state_follows_heartbeats_and_calls(store: Store, sender: Any) -> None:
    sender.heartbeat("credit_ledger", "email_service", ago=20)
    sender.heartbeat("oauth_service", ago=46)
    sender.span("x", **call("credit_ledger"))
    sights = await see(store, sender)
    assert sights["credit_ledger"].load_state is LoadState.REPORTING
    assert sights["email_service"].load_state is LoadState.IDLE
    assert sights["oauth_service"].load_state is LoadState.SILENT
    assert sights["mock_data_service"].load_state is LoadState.NEVER_LOADED
    assert sights["email_service"].rate.value == 0
    assert sights["mock_data_service"].rate.value is None
    assert sights["credit_ledger"].instances == ("one",)
    assert sights["oauth_service"].instances == ()


async def test_a_service_that_was_alive_falls_silent_after_three_missed_heartbeats(store: Store, sender: Any) -> None:
    sender.heartbeat("credit_ledger", ago=0)
    assert (await see(store, sender, after_s=45))["credit_ledger"].load_state is LoadState.IDLE
    assert (await see(store, sender, after_s=46))["credit_ledger"].load_state is LoadState.SILENT


async def test_the_65_are_seen_even_when_nothing_was_sent(store: Store, sender: Any) -> None:
    sights = await see(store, sender)
    assert len(sights) == 65
    assert {sight.load_state for sight in sights.values()} == {LoadState.NEVER_LOADED}
    assert all(sight.last_seen is None and sight.p95.value is None for sight in sights.values())


def test_environments_beyond_the_limit_are_not_kept() -> None:
    presence, at = Presence(["credit_ledger"], START), START
    presence.beaten((f"env{number}", "credit_ledger", "one", at, at) for number in range(ENVIRONMENTS + 5))
    assert len(presence.environments) == ENVIRONMENTS
    assert (presence.dropped(), presence.dropped()) == (5, 0)
    assert presence.of(f"env{ENVIRONMENTS + 1}", "credit_ledger").seen_at is None


async def test_the_rate_is_over_the_time_since_the_service_was_first_seen(store: Store, sender: Any) -> None:
    sender.heartbeat("credit_ledger", ago=165)
    for ago in range(1, 100):
        sender.span("x", ago=ago, **call("credit_ledger"))
    rate = (await see(store, sender))["credit_ledger"].rate
    assert (rate.value, rate.window_s, rate.samples) == (pytest.approx(99 / 165), 165, 99)


async def test_the_rate_is_over_the_time_since_the_server_began_to_listen(store: Store, sender: Any) -> None:
    sender.heartbeat("credit_ledger", "email_service", ago=400)
    sender.heartbeat("credit_ledger", "email_service", ago=1)
    for ago in (200, 150, 30, 20, 5):
        sender.span("x", ago=ago, **call("credit_ledger"))
    sights = await see(store, sender, listened_s=40)
    rate = sights["credit_ledger"].rate
    assert (rate.value, rate.window_s, rate.samples) == (pytest.approx(3 / 40), 40, 3)
    # What is a share or a duration rests on every call that is kept.
    assert (sights["credit_ledger"].error_rate.samples, sights["credit_ledger"].p95.window_s) == (5, 300)
    assert (sights["email_service"].rate.value, sights["email_service"].rate.window_s) == (0, 40)


async def test_a_few_seconds_make_no_rate(store: Store, sender: Any) -> None:
    sender.heartbeat("credit_ledger", ago=9)
    sender.span("x", ago=2, **call("credit_ledger"))
    rate = (await see(store, sender))["credit_ledger"].rate
    assert (rate.value, rate.window_s, rate.samples) == (None, 9, 1)


async def test_a_service_is_not_silent_before_the_server_has_listened_for_three_heartbeats(
    store: Store, sender: Any
) -> None:
    sender.heartbeat("credit_ledger", ago=600)
    for listened_s, state in ((5, LoadState.UNHEARD), (45, LoadState.UNHEARD), (46, LoadState.SILENT)):
        assert (await see(store, sender, listened_s=listened_s))["credit_ledger"].load_state is state
