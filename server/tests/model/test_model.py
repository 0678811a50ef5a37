from __future__ import annotations

from dataclasses import FrozenInstanceError
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observatory.model import WORST_FIRST, Bound, Comparison, Health, LoadState, Measurement, worst


def test_the_order_of_badness_is_that_of_the_contract() -> None:
    assert WORST_FIRST == (Health.CRITICAL, Health.DEGRADED, Health.UNKNOWN, Health.HEALTHY)


@given(st.lists(st.sampled_from(list(Health)), min_size=1))
def test_the_worst_is_at_least_as_bad_as_each(healths: list[Health]) -> None:
    assert worst(healths) in healths
    assert all(worst(healths).rank >= health.rank for health in healths)


def test_the_worst_of_nothing_is_unknown() -> None:
    assert worst([]) is Health.UNKNOWN


def test_a_measurement_cannot_be_changed() -> None:
    measured = Measurement(None, "ms", 0, 300, datetime(2026, 3, 4, tzinfo=UTC), "t")
    assert not measured.known
    with pytest.raises(FrozenInstanceError):
        measured.value = 5  # type: ignore[misc]


@pytest.mark.parametrize(
    ("comparison", "at_the_bound", "upward"),
    [
        (Comparison.ABOVE, False, True),
        (Comparison.AT_LEAST, True, True),
        (Comparison.BELOW, False, False),
        (Comparison.AT_MOST, True, False),
    ],
)
def test_a_bound_says_which_side_is_bad(comparison: Comparison, at_the_bound: bool, upward: bool) -> None:
    bound = Bound(comparison, 5)
    assert bound.broken_by(5) is at_the_bound
    assert bound.broken_by(Decimal("5.1")) is upward
    assert bound.broken_by(4.9) is not upward
    assert bound.upward is upward


def test_idle_is_there_and_silent_is_not() -> None:
    assert [state for state in LoadState if state.present] == [LoadState.REPORTING, LoadState.IDLE]
