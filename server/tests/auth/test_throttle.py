"""Attempts to log in are bounded for each address, and so is the memory that takes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observatory.auth import Throttle
from observatory.errors import Throttled


def test_attempts_over_the_limit_are_refused_until_some_have_leaked_out() -> None:
    throttle = Throttle(attempts=3, per_s=60.0)
    for _ in range(3):
        throttle.admit("a", 0.0)
    with pytest.raises(Throttled) as refusal:
        throttle.admit("a", 0.0)
    assert 20 <= refusal.value.retry_after_s <= 21
    throttle.admit("a", float(refusal.value.retry_after_s))


def test_one_address_does_not_use_up_anothers_attempts() -> None:
    throttle = Throttle(attempts=1, per_s=60.0)
    throttle.admit("a", 0.0)
    throttle.admit("b", 0.0)
    with pytest.raises(Throttled):
        throttle.admit("a", 1.0)


def test_a_good_attempt_is_not_counted() -> None:
    throttle = Throttle(attempts=1, per_s=60.0)
    for _ in range(5):
        throttle.admit("a", 0.0)
        throttle.forgive("a")
    throttle.forgive("never seen")
    throttle.admit("a", 0.0)
    with pytest.raises(Throttled):
        throttle.admit("a", 0.0)


def test_only_so_many_addresses_are_remembered() -> None:
    throttle = Throttle(attempts=1, addresses=10)
    for number in range(1_000):
        throttle.admit(str(number), 0.0)
    assert len(throttle) == 10


@given(st.lists(st.floats(0, 30), min_size=1, max_size=200))
def test_no_minute_ever_sees_more_than_twice_the_limit(pauses_s: list[float]) -> None:
    throttle, now_s, admitted = Throttle(attempts=5, per_s=60.0), 0.0, []
    for pause_s in pauses_s:
        now_s += pause_s
        try:
            throttle.admit("a", now_s)
        except Throttled:
            continue
        admitted.append(now_s)
    for start_s in admitted:
        assert sum(1 for at_s in admitted if start_s <= at_s < start_s + 60) <= 10
