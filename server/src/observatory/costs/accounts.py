"""What a case cost above the expected: the expected bill, the parts of the difference, and which groups are in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import sqrt

from observatory.costs.book import EXACT
from observatory.costs.cases import VOLUMES, Case
from observatory.costs.decomposition import Decomposition, Part, Used, decompose
from observatory.costs.flows import AI, Cell, Flow
from observatory.costs.watch import Reference, Watch

# Groups where the odd part is at least this share of the largest, and so many deviations out, belong to the case.
_JOINS = Decimal("0.02")
_DEVIATIONS = 3.0
_WINDOW = 5
# One value of a dimension that has this share of the money is the scope.
_MOST = Decimal("0.85")
_QUANTILE_80 = 1.2816
DIMENSIONS = ("category", "provider", "service", "feature", "model")


@dataclass(frozen=True, slots=True)
class Account:
    """What a case cost.

    Attributes:
        excess_usd: above the expected; `low_usd` to `high_usd` holds it in four of five cases, by how much the same
            parts varied before.
        expected_usd, actual_usd: of the groups in the case.
        parts: of `actual_usd` - `expected_usd`; they add up to it exactly.
        groups: money above the expected by group.
        scope: dimensions of which one value has most of it.
    """

    excess_usd: Decimal
    low_usd: Decimal
    high_usd: Decimal
    expected_usd: Decimal
    actual_usd: Decimal
    parts: Mapping[Part, Decimal]
    groups: Mapping[str, Decimal]
    scope: Mapping[str, str]

    @property
    def main(self) -> Part | None:
        """The part with the most money above the expected."""
        return max(self.parts, key=lambda part: self.parts[part], default=None)


def account(case: Case, watch: Watch, flows: Sequence[Flow], minute: int) -> Account | None:
    """What a case cost from its beginning to its end or now, from what was used meanwhile; None without a reference.

    Where the number of calls is as usual, the expected is what the same calls would have cost: chance in their number
    is no anomaly.
    """
    minutes = (case.until or minute + 1) - case.since
    every = frozenset(cell.group for cell in watch.cells)
    usual = watch.reference(minute, every)
    if not usual:
        return None
    found = _decomposed(case, usual, flows, minutes, every)
    groups = _joined(case, watch, found, minutes)
    money = {group: _excess(case, group, found.groups[group]) for group in groups if group in found.groups}
    excess = _sum(money.values())
    parts = _total({group: found.groups[group] for group in money})
    kept = _decomposed(case, usual, flows, minutes, frozenset(money))
    reach = _reach(case, watch, frozenset(money), minutes)
    return Account(
        excess, excess - reach, excess + reach, kept.before_usd, kept.after_usd, parts, money, _scope(money, flows)
    )


def _decomposed(
    case: Case, usual: Mapping[Cell, Reference], flows: Sequence[Flow], minutes: int, groups: frozenset[str]
) -> Decomposition:
    after = [_used(flow) for flow in flows if flow.usd is not None and flow.cell.group in groups]
    units = {flow.cell: flow.units for flow in flows}
    sizes: dict[str, Decimal] = {}
    for flow, each in zip((f for f in flows if f.usd is not None and f.cell.group in groups), after, strict=True):
        sizes[flow.cell.group] = sizes.get(flow.cell.group, Decimal(0)) + _size(each)
    odd_volume = frozenset[str]().union(*(case.odd.get(part, frozenset()) for part in VOLUMES))
    before = [
        _expected(cell, reference, units.get(cell), wanted)
        for cell, reference in usual.items()
        if cell.group in groups
        and (wanted := _wanted(cell.group, reference, minutes, sizes, cell.group in odd_volume))
        and reference.group_calls
    ]
    return decompose(before, after)


def _wanted(group: str, reference: Reference, minutes: int, sizes: Mapping[str, Decimal], odd: bool) -> Decimal:
    """How many calls are expected of a group, or which quantity."""
    return _plain(reference.group_per_min) * minutes if odd else sizes.get(group, Decimal(0))


def _size(used: Used) -> Decimal:
    return used.calls if used.units is not None or used.quantity is None else used.quantity


def _used(flow: Flow) -> Used:
    counts = tuple(map(Decimal, flow.counts))
    calls = Decimal(flow.calls)
    name = f"{flow.cell.model}@{flow.cell.band}"
    if flow.units is not None:
        return Used(flow.cell.group, name, calls, counts, flow.units)
    return Used(flow.cell.group, name, calls, charged_usd=flow.usd or Decimal(0), quantity=flow.quantity or calls)


def _expected(cell: Cell, usual: Reference, units: tuple[Decimal, ...] | None, wanted: Decimal) -> Used:
    """The share of the reference that so many calls are."""
    scale = EXACT.divide(wanted, _plain(usual.group_calls))
    calls, usd = _plain(usual.calls) * scale, _plain(usual.usd) * scale
    name = f"{cell.model}@{cell.band}"
    if cell.category != AI:
        return Used(cell.group, name, max(calls, Decimal("1e-9")), charged_usd=usd, quantity=calls)
    counts = tuple(_plain(each) * scale for each in usual.counts)
    known = units or tuple(map(Decimal, usual.units))
    return Used(cell.group, name, calls, counts, _as_paid(counts, calls, usd, known))


def _as_paid(
    counts: tuple[Decimal, ...], calls: Decimal, usd: Decimal, units: tuple[Decimal, ...]
) -> tuple[Decimal, ...]:
    """The prices that were paid then: those of now, times what the bill was larger or smaller."""
    now = sum((count * unit for count, unit in zip((*counts, calls), units, strict=True)), Decimal(0))
    ratio = usd / now if now else Decimal(1)
    return units if abs(ratio - 1) < Decimal("1e-6") else tuple(unit * ratio for unit in units)


def _joined(case: Case, watch: Watch, found: Decomposition, minutes: int) -> frozenset[str]:
    """The groups of the case, and those that the same part is too large in, though not enough to be noticed alone."""
    groups = set(case.groups)
    for part in case.odd:
        most = max((parts.get(part, Decimal(0)) for parts in found.groups.values()), default=Decimal(0))
        for group, parts in found.groups.items():
            usd = parts.get(part, Decimal(0))
            if usd > 0 and usd >= most * _JOINS and float(usd) > _DEVIATIONS * _noise(watch, group, part, minutes):
                groups.add(group)
                case.odd[part].add(group)
    return frozenset(groups)


def _noise(watch: Watch, group: str, part: Part, minutes: int) -> float:
    return watch.deviation_usd(group, part, _WINDOW) * sqrt(max(1.0, minutes / _WINDOW))


def _excess(case: Case, group: str, parts: Mapping[Part, Decimal]) -> Decimal:
    """Of calls that should not have been made all of it, else what is odd."""
    all_of_it = any(group in case.odd.get(part, ()) for part in VOLUMES)
    return _sum(usd for part, usd in parts.items() if all_of_it or group in case.odd.get(part, ()))


def _reach(case: Case, watch: Watch, groups: frozenset[str], minutes: int) -> Decimal:
    """Half of the band that holds four of five."""
    pairs = [(group, part) for part, odd in case.odd.items() for group in odd & groups]
    return _plain(_QUANTILE_80 * sqrt(sum(_noise(watch, *pair, minutes) ** 2 for pair in pairs)))


def _total(groups: Mapping[str, Mapping[Part, Decimal]]) -> dict[Part, Decimal]:
    total: dict[Part, Decimal] = {}
    for parts in groups.values():
        for part, usd in parts.items():
            total[part] = EXACT.add(total.get(part, Decimal(0)), usd)
    return total


def _scope(money: Mapping[str, Decimal], flows: Sequence[Flow]) -> dict[str, str]:
    """The dimensions of which one value has most of the money: as special as it can be said."""
    whole = _sum(usd for usd in money.values() if usd > 0)
    scope: dict[str, str] = {}
    costs: dict[str, Decimal] = {}
    for flow in flows:
        costs[flow.cell.group] = costs.get(flow.cell.group, Decimal(0)) + (flow.usd or 0)
    for dimension in DIMENSIONS:
        shares: dict[str, Decimal] = {}
        for flow in flows:
            usd = money.get(flow.cell.group, Decimal(0))
            if usd > 0 and costs[flow.cell.group]:
                value = getattr(flow.cell, dimension)
                shares[value] = shares.get(value, Decimal(0)) + usd * (flow.usd or 0) / costs[flow.cell.group]
        value, most = max(shares.items(), key=lambda each: each[1], default=("", Decimal(0)))
        if most and most >= _MOST * whole and value:
            scope[dimension] = value
    # The unit of a charge is no model.
    if scope.get("category", "") != AI:
        scope.pop("model", None)
    return scope


def _sum(values: Iterable[Decimal]) -> Decimal:
    usd = Decimal(0)
    for each in values:
        usd = EXACT.add(usd, each)
    return usd


def _plain(value: float) -> Decimal:
    return Decimal(repr(float(value)))
