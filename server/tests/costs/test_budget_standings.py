"""How a budget stands, from sums alone: whatever was spent and whenever it is looked at."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from observatory.costs.budgets import Projection, State, Stretch, Sum, assess, burn_windows, coverage
from observatory.costs.periods import PERIODS, around
from observatory.state import BudgetRecord, BudgetTerms

NOW = datetime(2026, 3, 18, 12, tzinfo=UTC)
amounts = some.decimals(Decimal("0.01"), Decimal(10) ** 9, places=6)
moments = some.integers(0, 10 * 365 * 86_400).map(
    lambda second: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=second)
)


def budget(amount: Decimal = Decimal(100), period: str = "month", scope: str = "all", value: str = "") -> BudgetRecord:
    warn, crit = Decimal("0.8"), Decimal(1)
    terms = BudgetTerms("b", scope, value, period, amount, warn, crit, warn, crit)
    return BudgetRecord(1, "production", terms, NOW, "token:1", NOW, "token:1")


def steady(usd_per_hour: Decimal, now: datetime, samples_per_hour: int = 60) -> object:
    """Spending at an even rate since long ago."""

    def spending(start: datetime) -> Stretch:
        seconds = Decimal((now - start).total_seconds())
        usd = usd_per_hour * seconds / 3_600
        return Stretch(start, Sum(usd, int(seconds) * samples_per_hour // 3_600))

    return spending


@given(moments, some.sampled_from(PERIODS))
def test_a_period_holds_its_moment_and_the_next_one_follows_without_a_gap(at: datetime, name: str) -> None:
    found = around(name, at)
    assert found.start <= at < found.end
    assert around(name, found.end).start == found.end
    assert around(name, found.end - timedelta(microseconds=1)) == found
    if name == "week":
        assert (found.start.weekday(), found.length_s) == (0, 7 * 86_400)


@settings(deadline=None)
@given(amounts, amounts, some.integers(0, 50), some.integers(0, 50), moments, some.sampled_from(PERIODS))
def test_a_standing_is_never_within_when_it_is_not(
    amount: Decimal, usd: Decimal, known: int, uncosted: int, now: datetime, period: str
) -> None:
    found = Sum(usd if known else None, known + uncosted, uncosted) if known or uncosted else Sum()
    standing = assess(budget(amount, period), lambda start: Stretch(start, found), True, now)
    spent = found.usd
    if spent is None:
        assert (standing.state, standing.left_usd, standing.share_ratio) == (State.UNKNOWN, None, None)
        return
    assert standing.left_usd == amount - spent
    if spent >= amount:
        assert standing.state is State.EXHAUSTED
    elif spent >= amount * Decimal("0.8"):
        assert standing.state is State.WARNED
    elif standing.state is State.WITHIN:
        assert uncosted <= Decimal("0.1") * (known + uncosted)
        assert not any(each.burning for each in standing.burns)
    assert standing.spent.estimated == bool(uncosted)
    if uncosted:
        assert any(str(uncosted) in reason for reason in standing.reasons)


@settings(deadline=None)
@given(amounts, some.decimals(Decimal("0.01"), Decimal(100), places=3), moments, some.sampled_from(PERIODS))
def test_spending_at_so_many_times_the_even_rate_burns_at_just_that_in_every_window(
    amount: Decimal, times: Decimal, now: datetime, period: str
) -> None:
    even = amount * 3_600 / around(period, now).length_s
    standing = assess(budget(amount, period), steady(even * times, now), True, now)  # type: ignore[arg-type]
    assert standing.burns
    for each in standing.burns:
        assert each.long_rate == pytest.approx(times, rel=Decimal("1e-9"))
        assert each.windows.long_s <= around(period, now).length_s
        if abs(times - each.windows.factor) > Decimal("0.001"):
            few = each.short_rate is None
            assert each.burning == (not few and times > each.windows.factor)


def test_the_windows_are_those_of_error_budgets() -> None:
    found = [(float(each.factor), each.long_s, each.short_s) for each in burn_windows()]
    assert found == [(14.4, 3_600, 300), (6, 21_600, 1_800), (1, 259_200, 21_600)]


def test_one_bill_for_the_month_is_no_burn_rate() -> None:
    standing = assess(budget(), lambda start: Stretch(start, Sum(Decimal(50), 1)), True, NOW)
    assert standing.state is State.WITHIN
    assert {each.long_rate for each in standing.burns} == {None}


def test_a_forecast_over_the_amount_warns_and_one_that_was_not_tested_does_not() -> None:
    def spending(start: datetime) -> Stretch:
        return Stretch(start, Sum(Decimal(10), 5))

    over = Projection(Decimal(120), True, "2026-03-28", "2026-03-27")
    standing = assess(budget(), spending, True, NOW, over)
    assert standing.state is State.WARNED
    assert standing.reasons == ("120.0 % of 100 USD is forecast for the end of the month",)
    assert assess(budget(), spending, True, NOW, Projection(Decimal(120), False, None, None)).state is State.WITHIN


def test_nothing_heard_is_unknown_even_where_sums_are_zero() -> None:
    standing = assess(budget(), lambda start: Stretch(start, Sum()), False, NOW)
    assert (standing.state, standing.spent.value, standing.burns) == (State.UNKNOWN, None, ())


parts = some.lists(
    some.tuples(
        some.fixed_dictionaries(
            {"category": some.sampled_from(["ai", "exchange", ""]), "user": some.sampled_from("ab")}
        ),
        some.builds(Sum, amounts, some.integers(1, 5)),
    ),
    max_size=12,
)


@given(parts)
def test_coverage_is_the_share_of_what_any_budget_covers(given_parts: list[tuple[dict[str, str], Sum]]) -> None:
    found = [budget(scope="category", value="ai"), budget(scope="user", value="a")]
    shown = coverage(found, given_parts, NOW)
    covered = sum(
        (part.usd or Decimal(0) for named, part in given_parts if named["category"] == "ai" or named["user"] == "a"),
        Decimal(0),
    )
    assert shown.covered_usd == covered
    assert shown.ratio is None or 0 <= shown.ratio <= 1
    assert coverage([budget()], given_parts, NOW).ratio in (None, 1)
    assert coverage([], given_parts, NOW).covered_usd == 0


@given(some.lists(some.builds(Sum, some.none() | amounts, some.integers(1, 5), some.integers(0, 1)), max_size=6))
def test_sums_add_up_in_any_order(found: list[Sum]) -> None:
    forward, backward = sum(found, Sum()), sum(reversed(found), Sum())
    assert forward == backward
    assert (forward.usd is None) == bool(found and all(each.usd is None for each in found))
