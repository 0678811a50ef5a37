"""The deep dives of the money, as the ledger tells it: what was spent by one thing or another, and shares of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any, Final

from observatory.areas.assess import Span
from observatory.areas.deepdive import Row
from observatory.costs import Ledger, Spent, reads

Told = Mapping[str, Sequence[Spent]]
MOST_USERS = 400
_BY = ("category", "provider", "model", "cohort", "feature")
_HOUR_S = 3_600
# Hours that were rolled tell their halves apart, and no less.
_ROLLED_S, _HALF_S = 6 * _HOUR_S, 1_800
_STEPS_S = (60, 300, 900, _HALF_S, _HOUR_S, 3 * _HOUR_S, 6 * _HOUR_S, 12 * _HOUR_S, 24 * _HOUR_S)
_MOST_STEPS = 60


@dataclass(frozen=True, slots=True)
class _Cost:
    """What some rows cost together; None where nothing of its kind has a known amount."""

    models: Decimal | None
    charged: Decimal | None
    calls: int
    input_tokens: int
    output_tokens: int
    unpriced: int
    untold: int
    estimated_calls: int
    charges: int
    unreadable: int
    violations: int

    @property
    def usd(self) -> Decimal | None:
        return _sum((self.models, self.charged))

    @property
    def estimated(self) -> bool:
        return any((self.unpriced, self.untold, self.estimated_calls, self.unreadable, self.violations))


async def _spent(ledger: Ledger, environment: str, span: Span) -> list[Spent]:
    return await ledger.spent(environment, span.start, span.end, _BY)


async def _users(ledger: Ledger, environment: str, span: Span) -> list[Spent]:
    by = ("user", "cohort")
    return await ledger.spent(environment, span.start, span.end, by, most=MOST_USERS)


async def _steps(ledger: Ledger, environment: str, span: Span) -> list[Spent]:
    return await ledger.spent(environment, span.start, span.end, step_s=_step_s(span))


READS: Final[Mapping[str, Callable[[Ledger, str, Span], Awaitable[Sequence[Any]]]]] = {
    "spent": _spent,
    "users": _users,
    "steps": _steps,
}
"""What sections ask for by `asks`."""


def split(names: Mapping[str, str], told: Told, span: Span) -> Sequence[Row]:
    """A row for each value of some of what the rows are told apart by, the dearest first."""
    found: dict[tuple[str, ...], list[Spent]] = {}
    places = [_BY.index(dimension) for dimension in names.values()]
    for row in told["spent"]:
        if "model" not in names or row.calls:
            found.setdefault(tuple(row.key[place] for place in places), []).append(row)
    return _listed(names, found, span)


categories = partial(split, {"category": "category"})
providers = partial(split, {"category": "category", "provider": "provider"})
models = partial(split, {"provider": "provider", "model": "model"})
cohorts = partial(split, {"user_cohort": "cohort"})
features = partial(split, {"feature": "feature"})


def users(told: Told, span: Span) -> Sequence[Row]:
    """A row for each user and cohort."""
    found: dict[tuple[str, ...], list[Spent]] = {}
    for row in told["users"]:
        found.setdefault(row.key, []).append(row)
    return _listed(("user_id", "user_cohort"), found, span)


def steps(told: Told, span: Span) -> Sequence[Row]:
    """A row for each step of time, the oldest first."""
    step_s = _step_s(span)
    return [{"at": row.start, "step_s": step_s, **_told(_cost([row]), step_s)} for row in told["steps"]]


def total(told: Told, span: Span) -> Sequence[Row]:
    """One row: everything, and which shares of it have no price, no user, no cohort, no feature."""
    rows = told["spent"]
    if not rows:
        return []
    cost = _cost(rows)
    nobody = [row for row in told["users"] if not row.key[0]]
    nameless = {
        "user": nobody,
        "cohort": [row for row in rows if not row.key[_BY.index("cohort")]],
        "feature": [row for row in rows if not row.key[_BY.index("feature")]],
    }
    return [
        {
            **_told(cost, span.window_s),
            "ai_per_hour_usd": _per_hour(cost.models, span.window_s),
            "charges_per_hour_usd": _per_hour(cost.charged, span.window_s),
            "unpriced_ratio": cost.unpriced / cost.calls if cost.calls else None,
            "unpriced_models": sorted({"/".join(row.key[1:3]) for row in rows if row.calls_unpriced}),
            "untold_calls": cost.untold,
            "unreadable_ratio": cost.unreadable / cost.charges if cost.charges else None,
            **{f"unattributed_{name}_ratio": _share(_cost(each).usd, cost.usd) for name, each in nameless.items()},
        }
    ]


def _step_s(span: Span) -> int:
    least_s = max(span.window_s / _MOST_STEPS, _HALF_S if span.window_s >= _ROLLED_S else 0)
    day_s = _STEPS_S[-1]
    return next((each for each in _STEPS_S if each >= least_s), -(-int(least_s) // day_s) * day_s)


def _listed(names: Iterable[str], found: Mapping[tuple[str, ...], Sequence[Spent]], span: Span) -> Sequence[Row]:
    costs = {key: _cost(rows) for key, rows in found.items()}
    known = _sum(each.usd for each in costs.values())
    made = [
        {**dict(zip(names, key, strict=True)), **_told(cost, span.window_s), "share_ratio": _share(cost.usd, known)}
        for key, cost in costs.items()
    ]
    return sorted(made, key=lambda row: (row["cost_usd"] is None, -(row["cost_usd"] or 0), -row["model_calls"]))


def _told(cost: _Cost, window_s: int) -> Mapping[str, Any]:
    return {
        "cost_usd": cost.usd,
        "ai_usd": cost.models,
        "charges_usd": cost.charged,
        "cost_per_hour_usd": _per_hour(cost.usd, window_s),
        "model_calls": cost.calls,
        "input_tokens": cost.input_tokens,
        "output_tokens": cost.output_tokens,
        "unpriced_calls": cost.unpriced,
        "charges": cost.charges,
        "unreadable_charges": cost.unreadable,
        "estimated": cost.estimated,
    }


def _cost(rows: Sequence[Spent]) -> _Cost:
    return _Cost(
        models=_sum(row.ai_usd for row in rows),
        charged=_sum(row.charged_usd for row in rows),
        calls=sum(row.calls for row in rows),
        input_tokens=sum(row.input_tokens for row in rows),
        output_tokens=sum(row.output_tokens for row in rows),
        unpriced=sum(row.calls_unpriced for row in rows),
        untold=sum(row.calls_untold for row in rows),
        estimated_calls=sum(row.calls_estimated for row in rows),
        charges=sum(row.charges for row in rows),
        unreadable=sum(row.charges_unreadable for row in rows),
        violations=sum(row.violations for row in rows),
    )


def _sum(parts: Iterable[Decimal | None]) -> Decimal | None:
    known = [part for part in parts if part is not None]
    return reads.added(known) if known else None


def _share(part: Decimal | None, whole: Decimal | None) -> float | None:
    return float((part or Decimal(0)) / whole) if whole else None


def _per_hour(usd: Decimal | None, window_s: int) -> Decimal | None:
    return None if usd is None else usd * _HOUR_S / window_s
