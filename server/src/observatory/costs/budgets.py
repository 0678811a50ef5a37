"""How a budget stands: what was spent, what is left, how fast it burns. Pure: it is handed sums and the time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from observatory.costs.periods import Period, around
from observatory.model import Measurement
from observatory.state import BudgetRecord

# What a budget may be bound to; each but the first is a dimension of the ledger.
SCOPES = ("all", "provider", "model", "category", "user", "cohort", "feature")
SOURCE = "the cost ledger"
_ZERO = Decimal(0)


class State(StrEnum):
    """How a budget stands."""

    NONE = "no budget set"
    WITHIN = "within"
    WARNED = "warned"
    EXHAUSTED = "exhausted"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Sum:
    """What was spent on something in a stretch of time.

    Attributes:
        usd: the known part; None where there was something and nothing of it is known.
        samples: calls and charges, those without a known amount too.
        uncosted: those without: no price, no usage told, or a charge that cannot be read.
        estimated: some amounts rest on tokens that the sender counted, or on a part of them.
    """

    usd: Decimal | None = _ZERO
    samples: int = 0
    uncosted: int = 0
    estimated: bool = False

    def __add__(self, other: Sum) -> Sum:
        samples, uncosted = self.samples + other.samples, self.uncosted + other.uncosted
        known = [each.usd for each in (self, other) if each.usd is not None and each.samples]
        nothing = None if samples else _ZERO
        usd = sum(known, _ZERO) if known else nothing
        return Sum(usd, samples, uncosted, self.estimated or other.estimated)


@dataclass(frozen=True, slots=True)
class BurnWindows:
    """A pair of windows, in seconds, and the burn rate that both must have. Source: `budgets.yaml`."""

    factor: Decimal
    long_s: int
    short_s: int
    severity: str


@dataclass(frozen=True, slots=True)
class Burn:
    """Rate of spending against the even rate, in both windows of a pair; None where it is not known."""

    windows: BurnWindows
    long_rate: Decimal | None
    short_rate: Decimal | None

    @property
    def burning(self) -> bool:
        """Whether both windows burn at least as fast as the pair's factor."""
        rates = (self.long_rate, self.short_rate)
        return all(rate is not None and rate >= self.windows.factor for rate in rates)


@dataclass(frozen=True, slots=True)
class Projection:
    """What the forecast says of one budget.

    Attributes:
        expected_usd: at the end of its period; None without a forecast.
        enough: whether the forecast was tested on enough history to be judged by.
        crossed_on: first day on which the expected course crosses the amount; None when it does not.
        crossed_on_earliest: the same for the upper end of the 80 % band.
    """

    expected_usd: Decimal | None
    enough: bool
    crossed_on: str | None
    crossed_on_earliest: str | None


@dataclass(frozen=True, slots=True)
class Standing:
    """How a budget stands as of a time.

    Attributes:
        state: never `within` when too much of the scope has no known amount, or nothing is known at all.
        reasons: in words, why it is not simply `within`.
        spent: in USD, a lower bound while `uncosted` is not 0.
        left_usd: amount less spent; negative when more was spent. None when nothing is known.
        share_ratio: spent per amount.
        uncosted: calls and charges of the scope whose amount is not known.
        heard_at: whether anything at all was spent in the environment lately, so that nothing is a measured 0.
    """

    budget: BudgetRecord
    period: Period
    state: State
    reasons: tuple[str, ...]
    spent: Measurement
    left_usd: Decimal | None
    share_ratio: Decimal | None
    uncosted: int
    burns: tuple[Burn, ...]
    projection: Projection | None

    @property
    def as_of(self) -> datetime:
        """When it was looked at."""
        return self.spent.as_of


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of all that was spent in a month a budget covers. `ratio` is None where nothing is known to be spent."""

    covered_usd: Decimal
    total: Sum
    since: datetime

    @property
    def ratio(self) -> Decimal | None:
        """Share of the known amounts, 0 to 1."""
        return self.covered_usd / self.total.usd if self.total.usd else None


@dataclass(frozen=True, slots=True)
class Stretch:
    """What was spent from `start` up to now."""

    start: datetime
    spent: Sum


# What a budget's scope cost since a time, which may be moved to a little earlier; None when that is not known.
Spending = Callable[[datetime], Stretch | None]


def assess(
    budget: BudgetRecord, spending: Spending, heard: bool, now: datetime, projection: Projection | None = None
) -> Standing:
    """How the budget stands.

    Args:
        budget: the budget.
        spending: what its scope cost since a time, up to `now`.
        heard: whether anything at all was spent in its environment in the last days. Without it nothing is known.
        now: the time, aware.
        projection: what the forecast says, where there is one.
    """
    terms = budget.terms
    period = around(terms.period, now)
    stretch = spending(period.start) if heard else None
    found = stretch.spent if stretch else None
    usd = found.usd if found is not None else None
    share = None if usd is None else usd / terms.amount_usd
    burns = _burns(budget, period, spending, now) if heard else ()
    state, reasons = _state(budget, found, share, burns, projection)
    return Standing(
        budget,
        period,
        state,
        reasons,
        _measured(found, usd, period, now),
        None if usd is None else terms.amount_usd - usd,
        share,
        found.uncosted if found else 0,
        burns,
        projection,
    )


def covers(budget: BudgetRecord, named: Mapping[str, str]) -> bool:
    """Whether money spent on `named` (a value for each dimension, empty where nobody is named) counts on the budget."""
    terms = budget.terms
    return terms.scope == "all" or named.get(terms.scope) == terms.value


def coverage(
    budgets: Sequence[BudgetRecord], parts: Iterable[tuple[Mapping[str, str], Sum]], since: datetime
) -> Coverage:
    """Which share of what was spent since a time any of the budgets covers; what two of them cover counts once."""
    covered, total = _ZERO, Sum()
    for named, part in parts:
        total += part
        if any(covers(budget, named) for budget in budgets):
            covered += part.usd or _ZERO
    return Coverage(covered, total, since)


def _measured(found: Sum | None, usd: Decimal | None, period: Period, now: datetime) -> Measurement:
    window_s = round((now - period.start).total_seconds())
    samples = found.samples if found else 0
    estimated = bool(found and (found.estimated or found.uncosted))
    return Measurement(usd, "usd", samples, window_s, now, SOURCE, estimated)


def _state(
    budget: BudgetRecord,
    found: Sum | None,
    share: Decimal | None,
    burns: Sequence[Burn],
    projection: Projection | None,
) -> tuple[State, tuple[str, ...]]:
    if found is None:
        return State.UNKNOWN, ("nothing was heard of any spending in this environment in the last 3 days",)
    missing = _missing(found)
    if share is None:
        return State.UNKNOWN, missing
    terms = budget.terms
    if share >= terms.crit_actual_ratio:
        said = (
            f"{_percent(share)} of {terms.amount_usd:f} USD is spent, the limit is {_percent(terms.crit_actual_ratio)}"
        )
        return State.EXHAUSTED, (said, *missing)
    warnings = (*_warnings(budget, share, projection), *_burning(burns))
    if warnings:
        return State.WARNED, (*warnings, *missing)
    # What has no amount might be anything: with much of it "within" would be a guess.
    if found.samples and Decimal(found.uncosted) / found.samples > _most_uncosted():
        return State.UNKNOWN, missing
    return State.WITHIN, missing


def _warnings(budget: BudgetRecord, share: Decimal, projection: Projection | None) -> Iterable[str]:
    terms = budget.terms
    if share >= terms.warn_actual_ratio:
        yield f"{_percent(share)} of {terms.amount_usd:f} USD is spent"
    if projection is None or projection.expected_usd is None or not projection.enough:
        return
    ahead = projection.expected_usd / terms.amount_usd
    if ahead >= min(terms.warn_forecast_ratio, terms.crit_forecast_ratio):
        yield f"{_percent(ahead)} of {terms.amount_usd:f} USD is forecast for the end of the {terms.period}"


def _burning(burns: Sequence[Burn]) -> Iterable[str]:
    for each in burns:
        if each.burning and each.long_rate is not None:
            hours = Decimal(each.windows.long_s) / 3_600
            yield f"spent at {each.long_rate:.1f} times the even rate over {hours.normalize():f} h"


def _missing(found: Sum) -> tuple[str, ...]:
    if not found.uncosted:
        return ()
    return (f"{found.uncosted} of {found.samples} calls and charges have no known amount and are not in it",)


def _burns(budget: BudgetRecord, period: Period, spending: Spending, now: datetime) -> tuple[Burn, ...]:
    even = budget.terms.amount_usd / period.length_s

    def rate(window_s: int) -> Decimal | None:
        found = spending(now - timedelta(seconds=window_s))
        # A few lumps, such as a bill for the month, are no rate.
        if found is None or found.spent.usd is None or 0 < found.spent.samples < _least_samples():
            return None
        return found.spent.usd / Decimal((now - found.start).total_seconds()) / even

    # Over more than the period a rate says nothing of this period's amount.
    fitting = [each for each in burn_windows() if each.long_s <= period.length_s]
    return tuple(Burn(each, rate(each.long_s), rate(each.short_s)) for each in fitting)


def _percent(ratio: Decimal) -> str:
    return f"{ratio * 100:.1f} %"


def burn_windows() -> tuple[BurnWindows, ...]:
    """The pairs of windows, the fastest first."""
    return tuple(
        BurnWindows(Decimal(each["factor"]), each["long_s"], each["short_s"], each["severity"])
        for each in _bounds()["burn"]
    )


def default_thresholds() -> tuple[Decimal, Decimal]:
    """Warning and critical share, unless a budget says its own."""
    found = _bounds()["thresholds"]
    return Decimal(found["warn_ratio"]), Decimal(found["crit_ratio"])


def _least_samples() -> int:
    return int(_bounds()["least_samples"])


def _most_uncosted() -> Decimal:
    return Decimal(_bounds()["uncosted"]["most_ratio"])


@cache
def _bounds() -> Mapping[str, Any]:
    found: Mapping[str, Any] = yaml.safe_load((Path(__file__).parent / "budgets.yaml").read_text(encoding="utf-8"))
    return found
