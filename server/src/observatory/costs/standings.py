"""Standings kept in memory: how every budget stands, some seconds old, for whoever asks before spending."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from observatory.clock import Clock
from observatory.costs import windows
from observatory.costs.budgets import (
    SOURCE,
    Coverage,
    Projection,
    Standing,
    State,
    assess,
    coverage,
    covers,
)
from observatory.costs.forecasts import HISTORY, ahead, project
from observatory.costs.ledger import Ledger
from observatory.costs.outlooks import Outlooks, scope
from observatory.costs.periods import around
from observatory.costs.windows import Windows
from observatory.errors import InvalidRequest, NotFound, ObservatoryError
from observatory.model import Measurement, Reading
from observatory.state import BudgetRecord, BudgetTerms
from observatory.state import State as Control

_log = logging.getLogger(__name__)
EVERY_S = 5.0
# A standing that is older says nothing of now.
STALE = timedelta(seconds=60)
_MONTH_OLD = timedelta(minutes=5)
# What the store could not answer in its time is not asked again at once: that would be all it does.
_REST = timedelta(seconds=45)
MOST_BUDGETS = 500
# Each environment is read by itself every few seconds.
MOST_ENVIRONMENTS = 20


@dataclass(frozen=True, slots=True)
class Check:
    """What a caller that is about to spend is told.

    Attributes:
        verdict: `allowed`, `denied` or `unknown`.
        state: of the budget that decides; `no budget set` where none covers it.
        reasons: in words.
        budgets: those that cover it, the one that decides first.
        as_of: when they were looked at; None when none covers it or none was looked at yet.
    """

    verdict: str
    state: State
    reasons: tuple[str, ...]
    budgets: tuple[Standing, ...]
    as_of: datetime | None


class Standings:
    """Every budget, and how it stands.

    Args:
        control: where budgets are kept.
        ledger: what was spent.
        outlooks: what is forecast.
        clock: what time it is.
    """

    def __init__(self, control: Control, ledger: Ledger, outlooks: Outlooks, clock: Clock) -> None:
        self._control = control
        self._ledger = ledger
        self._outlooks = outlooks
        self._clock = clock
        self._budgets: dict[int, BudgetRecord] = {}
        self._windows: dict[str, Windows] = {}
        self._projections: dict[int, Projection] = {}
        self._standings: dict[int, Standing] = {}
        self._coverage: dict[str, Coverage] = {}
        self._months: dict[str, Measurement] = {}
        # Where the month is forecast without a budget too.
        self._watched: set[str] = set()
        self._rests: dict[str, datetime] = {}
        self._lock = asyncio.Lock()

    async def load(self) -> None:
        """Read the budgets.

        Raises:
            StateError: the control store failed.
        """
        async with self._control.reading() as rows:
            living = await rows.budgets.living()
        self._keep(living)

    async def run(self, every_s: float = EVERY_S) -> None:
        """Look again every few seconds until cancelled. While a store fails, the last standings grow old."""
        while True:
            try:
                await self.refresh()
            except Exception:
                # Without this loop every question before spending would soon be answered with unknown.
                _log.exception("budgets could not be looked at")
            await self._clock.sleep(every_s)

    async def refresh(self) -> None:
        """Look at every budget now; one environment's failure is no other's."""
        async with self._lock:
            try:
                await asyncio.shield(self.load())
            except ObservatoryError as error:
                _log.warning("budgets could not be read: %s", error)
            budgeted = {each.environment for each in self._budgets.values()}
            for environment in budgeted | self._watched:
                now = self._clock.now()
                resting = now < self._rests.get(environment, now)
                if resting or (environment not in budgeted and not self._grew_old(environment)):
                    continue
                try:
                    await self._look(environment)
                except ObservatoryError as error:
                    self._rests[environment] = now + _REST
                    _log.warning("the budgets of %s could not be looked at: %s", environment, error)

    def _grew_old(self, environment: str) -> bool:
        found = self._windows.get(environment)
        return found is None or found.due((), self._clock.now())

    def all(self, environment: str) -> list[tuple[BudgetRecord, Standing | None]]:
        """Every budget of an environment, oldest first, and how it stands; None before it was looked at."""
        return [(each, self._standings.get(each.id)) for each in self._of(environment)]

    def one(self, budget_id: int) -> tuple[BudgetRecord, Standing | None]:
        """One budget.

        Raises:
            NotFound: there is none with this id.
        """
        record = self._budgets.get(budget_id)
        if record is None:
            raise NotFound(f"there is no budget {budget_id}")
        return record, self._standings.get(budget_id)

    def coverage(self, environment: str) -> Coverage | None:
        """Which share of this month's spending any budget covers; None where nothing was looked at."""
        return self._coverage.get(environment)

    def check(self, environment: str, named: Mapping[str, str]) -> Check:
        """Whether money may be spent on `named`, such as `{"category": "ai", "user": "u-1"}`. From memory alone.

        A budget counts when it is bound to everything, or to a value that is named. The answer is `denied` once one of
        them is exhausted, and `unknown` while how one of them stands is not known.
        """
        now = self._clock.now()
        fitting = [each for each in self._of(environment) if covers(each, named)]
        if not fitting:
            return Check("allowed", State.NONE, ("no budget covers this",), (), None)
        known = [found for each in fitting if (found := self._standings.get(each.id)) is not None]
        exhausted = [each for each in known if each.state is State.EXHAUSTED and now < each.period.end]
        if exhausted:
            return _decided("denied", exhausted, known)
        fresh = [each for each in known if now - each.as_of <= STALE and now < each.period.end]
        if len(fresh) < len(fitting):
            said = "a budget that covers this was not looked at lately"
            return Check("unknown", State.UNKNOWN, (said,), tuple(known), _oldest(known))
        doubtful = [each for each in fresh if each.state is State.UNKNOWN]
        if doubtful:
            return _decided("unknown", doubtful, known)
        return _decided("allowed", [max(fresh, key=lambda each: (each.state is State.WARNED, _share(each)))], known)

    def readings(self, environment: str, at: datetime) -> Iterable[Reading]:
        """The indicators of the budgets, and of the month's forecast where there is one that was tested."""
        if len(self._watched) < MOST_ENVIRONMENTS:
            self._watched.add(environment)
        for budget in self._of(environment):
            found = self._standings.get(budget.id)
            if found is not None and found.share_ratio is not None and at - found.as_of <= STALE:
                spent = found.spent
                share = replace(spent, value=found.share_ratio, unit="ratio")
                yield Reading("costs.budget_used_ratio", budget.terms.name, share)
        month = self._months.get(environment)
        if month is not None and at - month.as_of <= _MONTH_OLD:
            yield Reading("costs.month_projected_usd", "", month)

    async def create(self, environment: str, terms: BudgetTerms, actor: str, reason: str) -> BudgetRecord:
        """Set a budget; it counts when this returns.

        Raises:
            InvalidRequest: another budget has its name, there are 500, or budgets of 20 environments.
            StateError: the control store failed.
        """
        now = self._clock.now()
        async with self._control.writing() as rows:
            if await rows.budgets.count() >= MOST_BUDGETS:
                raise InvalidRequest(f"there are {MOST_BUDGETS} budgets: delete some first")
            _expect_room({each.environment for each in await rows.budgets.living()} | {environment})
            _expect_free(await rows.budgets.named(environment, terms.name), None)
            record = await rows.budgets.insert(environment, terms, actor, now)
            await rows.audit.insert(
                actor, "budget.created", f"budget:{record.id}", _because(_told(environment, terms), reason), now
            )
        await self.refresh()
        return record

    async def change(self, budget_id: int, terms: BudgetTerms, actor: str, reason: str) -> BudgetRecord:
        """Give a budget new terms; they count when this returns.

        Raises:
            NotFound: there is none with this id.
            InvalidRequest: another budget has its name.
            StateError: the control store failed.
        """
        now = self._clock.now()
        async with self._control.writing() as rows:
            before = await rows.budgets.find(budget_id)
            if before is None:
                raise NotFound(f"there is no budget {budget_id}")
            _expect_free(await rows.budgets.named(before.environment, terms.name), budget_id)
            record = await rows.budgets.change(budget_id, terms, actor, now)
            if record is None:
                raise NotFound(f"there is no budget {budget_id}")
            told = f"{_told(before.environment, before.terms)} -> {_told(record.environment, record.terms)}"
            await rows.audit.insert(actor, "budget.changed", f"budget:{budget_id}", _because(told, reason), now)
        self._forget(budget_id)
        await self.refresh()
        return record

    async def delete(self, budget_id: int, actor: str, reason: str) -> None:
        """End a budget.

        Raises:
            NotFound: there is none with this id.
            StateError: the control store failed.
        """
        now = self._clock.now()
        async with self._control.writing() as rows:
            record = await rows.budgets.delete(budget_id, actor, now)
            if record is None:
                raise NotFound(f"there is no budget {budget_id}")
            told = _told(record.environment, record.terms)
            await rows.audit.insert(actor, "budget.deleted", f"budget:{budget_id}", _because(told, reason), now)
        self._forget(budget_id)
        await self.refresh()

    def _of(self, environment: str) -> list[BudgetRecord]:
        return [each for each in self._budgets.values() if each.environment == environment]

    def _keep(self, living: Sequence[BudgetRecord]) -> None:
        found = {each.id: each for each in living}
        for gone in self._budgets.keys() - found.keys():
            self._forget(gone)
        for changed in [each for each in living if self._budgets.get(each.id, each) != each]:
            self._forget(changed.id)
        self._budgets = found

    def _forget(self, budget_id: int) -> None:
        record = self._budgets.pop(budget_id, None)
        self._standings.pop(budget_id, None)
        self._projections.pop(budget_id, None)
        if record is not None and not self._of(record.environment):
            self._windows.pop(record.environment, None)
            self._coverage.pop(record.environment, None)

    async def _look(self, environment: str) -> None:
        now = self._clock.now()
        dimensions = sorted({each.terms.scope for each in self._of(environment)} - {"all"})
        found = self._windows.get(environment)
        if found is None or found.due(dimensions, now):
            found = self._windows[environment] = await windows.read(self._ledger, environment, dimensions, now)
            for budget in self._of(environment):
                self._projections.pop(budget.id, None)
        else:
            await windows.renew(self._ledger, found, now)
        self._foresee(environment, found, now)
        # Only now: one that was ended while the store was read would be kept, and never forgotten again.
        budgets = self._of(environment)
        for budget in budgets:
            self._standings[budget.id] = self._standing(budget, found, now)
        month = around("month", now).start
        self._coverage[environment] = coverage(budgets, found.parts(month), month)

    def _foresee(self, environment: str, found: Windows, now: datetime) -> None:
        outlook = self._outlooks.of(scope(environment, {}))
        if outlook is None or outlook.at < found.joint or not outlook.courses["month"].enough:
            self._months.pop(environment, None)
            return
        start = around("month", now).start
        spent = _usd(found, start, None)
        there = ahead(outlook, "month", now, spent, spent - _usd(found, max(start, outlook.at), None))
        told = (outlook.samples, round(HISTORY.total_seconds()), now, f"{SOURCE}, hourly over 28 days", True)
        self._months[environment] = Measurement(there.expected_usd, "usd", *told)

    def _standing(self, budget: BudgetRecord, found: Windows, now: datetime) -> Standing:
        only = _only(budget)
        projected = self._projections.get(budget.id)
        if projected is None or projected.expected_usd is None:
            self._projections[budget.id] = self._project(budget, found, now, only)
        return assess(budget, lambda start: found.since(start, only), found.heard, now, self._projections[budget.id])

    def _project(self, budget: BudgetRecord, found: Windows, now: datetime, only: tuple[str, str] | None) -> Projection:
        # Asking has the outlook made; until then there is none.
        outlook = self._outlooks.of(scope(budget.environment, dict([only]) if only else {}))
        if outlook is not None and outlook.at < found.joint:
            outlook = None  # what was spent up to it is not known any more
        start = around(budget.terms.period, now).start
        spent = _usd(found, start, only)
        after = spent if outlook is None else _usd(found, max(start, outlook.at), only)
        return project(budget, outlook, now, spent, spent - after)


def _usd(found: Windows, start: datetime, only: tuple[str, str] | None) -> Decimal:
    stretch = found.since(start, only)
    return (stretch.spent.usd if stretch else None) or Decimal(0)


def _only(budget: BudgetRecord) -> tuple[str, str] | None:
    return None if budget.terms.scope == "all" else (budget.terms.scope, budget.terms.value)


def _decided(verdict: str, by: Sequence[Standing], known: Iterable[Standing]) -> Check:
    first = max(by, key=_share)
    others = sorted((each for each in known if each is not first), key=_share, reverse=True)
    return Check(verdict, first.state, first.reasons, (first, *others), _oldest([first, *others]))


def _share(standing: Standing) -> Decimal:
    return standing.share_ratio if standing.share_ratio is not None else Decimal(-1)


def _oldest(known: Sequence[Standing]) -> datetime | None:
    return min((each.as_of for each in known), default=None)


def _expect_room(environments: set[str]) -> None:
    if len(environments) > MOST_ENVIRONMENTS:
        raise InvalidRequest(f"environment: {MOST_ENVIRONMENTS} others have budgets already")


def _expect_free(other: BudgetRecord | None, budget_id: int | None) -> None:
    if other is not None and other.id != budget_id:
        raise InvalidRequest(f"name: the budget {other.id} of this environment has it already")


def _told(environment: str, terms: BudgetTerms) -> str:
    what = terms.scope if terms.scope == "all" else f"{terms.scope}={terms.value}"
    shares = (
        terms.warn_actual_ratio,
        terms.crit_actual_ratio,
        terms.warn_forecast_ratio,
        terms.crit_forecast_ratio,
    )
    at = "/".join(f"{each:f}" for each in shares)
    return f"{terms.name}: {terms.amount_usd:f} USD a {terms.period} on {what} in {environment}, at {at}"


def _because(told: str, reason: str) -> str:
    return f"{reason} ({told})" if reason else told
