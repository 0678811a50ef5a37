"""What was used minute by minute, in cells that differ in price or purpose: what anomalies are looked for in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from observatory.costs import sources
from observatory.costs.book import EXACT, KINDS, Book, total
from observatory.store import Reader

AI = "ai"
_CHARGES = """SELECT {step} AS Step, toString(Category) AS Category, Provider, Unit, Service, Feature,
    count() AS Calls, sum(AmountUsd) AS Usd,
    countIf(c.Quantity > 0) AS Told, sumIf(c.Quantity, c.Quantity > 0) AS Amount
FROM fact_cost_charges AS c
WHERE {ranges} AND Environment = {{environment:String}} AND isNotNull(AmountUsd)
GROUP BY Step, Category, Provider, Unit, Service, Feature"""
_CALLS = """SELECT {step} AS Step, Provider, Model, Band, Service, Feature, sum(r.Counted) AS Calls, {tokens}
FROM ({rows}) AS r WHERE r.Counted > 0
GROUP BY Step, Provider, Model, Band, Service, Feature"""


class Cell(NamedTuple):
    """What has one price and one purpose. Of charges `model` is the unit that is charged for."""

    category: str
    provider: str
    model: str
    band: int
    service: str
    feature: str

    @property
    def group(self) -> str:
        """Cells of one group do the same work: one model of a provider can stand in for another."""
        unit = "" if self.category == AI else self.model
        return "/".join((self.category, self.provider, self.service, self.feature, unit))


@dataclass(frozen=True, slots=True)
class Flow:
    """What one cell used in one step.

    Attributes:
        start_s: start of the step, seconds since 1970.
        calls: model calls that told their tokens, or charges whose amount is known.
        counts: tokens of each kind, in the order of `book.KINDS`; empty: charges.
        units: their prices; None: the model has none, or these are charges.
        usd: what it cost; None without a price.
        quantity: what charges were for, where all of them say.
    """

    start_s: int
    cell: Cell
    calls: int
    counts: tuple[int, ...]
    units: tuple[Decimal, ...] | None
    usd: Decimal | None
    quantity: Decimal | None = None


async def read(
    reader: Reader, book: Book, environment: str, since: datetime, until: datetime, step_s: int | None = None
) -> list[Flow]:
    """What was used from `since` until before `until`; in steps of `step_s` seconds, or in one.

    Raises:
        StoreError: the store refused, or a limit was reached.
    """
    ranges = [(since, until)]
    whole_s = int(since.timestamp())
    tokens = ", ".join(f"sum(r.{name}) AS {name}" for name in sources.TOKENS)
    rows = sources.facts(ranges, book.steps, "Environment = {environment:String}", fine=False)
    calls = _CALLS.format(step=_step("r.At", whole_s, step_s), tokens=tokens, rows=rows)
    within = sources.within_any(ranges)
    charges = _CHARGES.format(step=_step("Timestamp", whole_s, step_s), ranges=within)
    bound = {"environment": environment}
    flows = [_call(row, book) for row in (await reader.read(calls, bound)).dicts()]
    return flows + [_charge(row) for row in (await reader.read(charges, bound)).dicts()]


def _step(column: str, since_s: int, step_s: int | None) -> str:
    if step_s is None:
        return f"toInt64({since_s})"
    return f"toInt64(intDiv(toUnixTimestamp({column}), {step_s}) * {step_s})"


def _call(row: Mapping[str, Any], book: Book) -> Flow:
    cell = Cell(AI, row["Provider"], row["Model"], int(row["Band"]), row["Service"], row["Feature"])
    start_s, calls = int(row["Step"]), int(row["Calls"])
    counts = tuple(int(row[name]) for name in sources.TOKENS)
    units = book.units(cell.provider, cell.model, cell.band, datetime.fromtimestamp(start_s, UTC))
    assert len(counts) == len(KINDS)
    usd = None if units is None else total(units, (*counts, calls))
    return Flow(start_s, cell, calls, counts, units, usd)


def _charge(row: Mapping[str, Any]) -> Flow:
    cell = Cell(row["Category"], row["Provider"], row["Unit"], 0, row["Service"], row["Feature"])
    calls = int(row["Calls"])
    # A quantity is a number of pieces or hours, told as a float: its shortest form is what was sent.
    quantity = Decimal(repr(row["Amount"])) if int(row["Told"]) == calls else None
    return Flow(int(row["Step"]), cell, calls, (), None, Decimal(row["Usd"]), quantity)


def spent(flows: Sequence[Flow]) -> Decimal:
    """What flows cost together, of those that have a price."""
    usd = Decimal(0)
    for flow in flows:
        usd = EXACT.add(usd, flow.usd or Decimal(0))
    return usd
