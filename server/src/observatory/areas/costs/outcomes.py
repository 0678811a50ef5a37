"""What a profitable outcome costs: the spending on signals whose outcome is known, over those that made money."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from observatory.costs import Ledger, Spent
from observatory.store import Reader

LEVEL = 0.95
_Z = 1.959963984540054
# Below this an interval over so few profits would say more than is known.
LEAST_PROFITABLE = 5
_OUTCOMES = """SELECT SignalId, any(Type), any(Strategy), max(ifNull(PnlUsd > 0, Won = 1)) AS Profitable
FROM fact_signal_outcomes
WHERE Timestamp >= {since:DateTime64(9, 'UTC')} AND Timestamp < {until:DateTime64(9, 'UTC')}
    AND Environment = {environment:String} AND SignalId != '' AND (isNotNull(PnlUsd) OR isNotNull(Won))
GROUP BY SignalId LIMIT 100000"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a signal cost and whether it made money."""

    type: str
    strategy: str
    usd: Decimal
    profitable: bool


@dataclass(frozen=True, slots=True)
class PerOutcome:
    """What a profitable outcome costs.

    Attributes:
        usd: all that the outcomes cost, by how many made money; None when none did.
        interval: 95 %; None below `LEAST_PROFITABLE` profitable ones.
        spent_usd: what they cost together.
        outcomes, profitable: how many.
    """

    usd: Decimal | None
    interval: tuple[float, float] | None
    spent_usd: Decimal
    outcomes: int
    profitable: int


async def read(
    reader: Reader, ledger: Ledger, environment: str, since: datetime, until: datetime
) -> tuple[list[Outcome], list[Spent]]:
    """The outcomes told in a range whose cost is known, and what each signal cost in it.

    An outcome whose signal is not known to have cost anything in the range is left out: its calls came before, or
    nobody said for which signal they were.
    """
    bound = {"environment": environment, "since": since, "until": until}
    rows = await reader.read(_OUTCOMES, bound)
    spent = await ledger.spent(environment, since, until, ("signal",))
    costs = {each.key[0]: each.usd for each in spent}
    found = [
        Outcome(str(kind), str(strategy), usd, bool(profitable))
        for signal, kind, strategy, profitable in rows.rows
        if (usd := costs.get(str(signal))) is not None
    ]
    return found, [each for each in spent if each.key[0]]


def per_outcome(outcomes: Sequence[Outcome]) -> PerOutcome:
    """What a profitable one of these costs."""
    profitable = sum(each.profitable for each in outcomes)
    spent = sum((each.usd for each in outcomes), Decimal(0))
    usd = spent / profitable if profitable else None
    return PerOutcome(usd, _interval(outcomes, profitable), spent, len(outcomes), profitable)


def by(outcomes: Sequence[Outcome], name: str) -> Mapping[str, PerOutcome]:
    """The same for each value of `type` or `strategy`, the dearest together first."""
    groups: dict[str, list[Outcome]] = {}
    for each in outcomes:
        groups.setdefault(getattr(each, name), []).append(each)
    told = {value: per_outcome(group) for value, group in groups.items()}
    return dict(sorted(told.items(), key=lambda item: -item[1].spent_usd))


def _interval(outcomes: Sequence[Outcome], profitable: int) -> tuple[float, float] | None:
    """Delta method on the logarithm of the ratio of two means, cost and profitable share, over the signals."""
    count = len(outcomes)
    costs = [float(each.usd) for each in outcomes]
    cost = math.fsum(costs) / count if count else 0.0
    if profitable < LEAST_PROFITABLE or cost <= 0:
        return None
    share = profitable / count
    off = [(usd / cost - 1) - (each.profitable / share - 1) for usd, each in zip(costs, outcomes, strict=True)]
    reach = _Z * math.sqrt(math.fsum(each * each for each in off) / (count - 1) / count)
    ratio = cost / share
    return ratio * math.exp(-reach), ratio * math.exp(reach)
