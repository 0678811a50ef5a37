"""Signs of life: each 15 s for each registered service, idle or not."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from opentelemetry.metrics import CallbackOptions

import observatory_sdk as obs
from observatory_sdk.heartbeat import EVERY_S, Heartbeats


class HeldTime:
    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


def test_a_service_that_does_nothing_beats_each_fifteen_seconds() -> None:
    held = HeldTime()
    beats = Heartbeats(held)
    beats.register(["credit_ledger"])
    sent = []
    for _ in range(13):  # the reader comes by each 5 s
        sent.append(beats.due())
        held.seconds += 5
    ages = [age for found in sent for _, age in found]
    assert ages == [0, 15, 30, 45, 60]
    assert sent[0] == [("credit_ledger", 0)]


def test_a_service_registered_later_beats_at_once_and_registering_again_is_nothing() -> None:
    held = HeldTime()
    beats = Heartbeats(held)
    beats.register(["first"])
    assert beats.due() == [("first", 0)]
    held.seconds += 4
    beats.register(["first", "second"])
    assert beats.due() == [("second", 0)]
    held.seconds += 12
    assert beats.due() == [("first", 16)]


def test_another_exporter_gets_a_beat_at_once() -> None:
    held = HeldTime()
    beats = Heartbeats(held)
    beats.register(["first"])
    beats.due()
    beats.forget()
    held.seconds += 1
    assert beats.due() == [("first", 1)]


@given(some.lists(some.floats(min_value=0.1, max_value=6.0), min_size=50, max_size=80))
def test_whatever_the_readers_pace_no_two_beats_are_further_apart_than_a_missed_one(steps: list[float]) -> None:
    held = HeldTime()
    beats = Heartbeats(held)
    beats.register(["only"])
    moments = []
    for step in steps:
        if beats.due():
            moments.append(held.seconds)
        held.seconds += step
    gaps = [later - earlier for earlier, later in pairwise(moments)]
    assert all(EVERY_S - 2.5 <= gap < EVERY_S - 2.5 + 6.0 for gap in gaps)


def test_registered_services_reach_the_exporter(recorded: Any) -> None:
    obs.register("credit_ledger", "crypto_payment_service")
    metric = recorded.metrics()["observatory.service.heartbeat"]
    services = {point.attributes["observatory.service"]: point.value for point in metric.data.data_points}
    assert {"credit_ledger", "crypto_payment_service"} <= services.keys()
    assert all(age >= 0 for age in services.values())
    assert metric.unit == "s"


def test_an_id_that_is_none_is_refused() -> None:
    with pytest.raises(TypeError, match="ids of services"):
        obs.register("")


def test_the_gauge_has_no_points_when_none_is_due() -> None:
    held = HeldTime()
    beats = Heartbeats(held)
    beats.register(["only"])
    assert len(list(beats.observe(CallbackOptions()))) == 1
    assert list(beats.observe(CallbackOptions())) == []
