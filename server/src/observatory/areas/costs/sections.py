"""What SQL cannot do for the deep dives of the money: prices, and shares of what has one."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from observatory.areas import spending
from observatory.areas.assess import Span
from observatory.areas.deepdive import Row
from observatory.areas.spending import Spending, Usage
from observatory.costs.prices import Tokens

# The order of the rule's `Sums`.
_SUMS = ("calls", "input", "output", "cache_read", "cache_write", "untold", "guessed", "charges", "unreadable")
_TOKENS = _SUMS[:5]
_MEASURED = {"name", "sums", "largest", "charged"}
_HOUR_S = 3_600


@dataclass(frozen=True, slots=True)
class _Cost:
    """What some rows cost together; None where nothing of its kind has a known amount."""

    models: Spending
    charged: Decimal | None
    sums: Mapping[str, int]

    @property
    def usd(self) -> Decimal | None:
        parts = [part for part in (self.models.usd, self.charged) if part is not None]
        return sum(parts, Decimal(0)) if parts else None

    @property
    def estimated(self) -> bool:
        return self.models.estimated or bool(self.sums["unreadable"])


def spent(rows: Sequence[Row], span: Span) -> Sequence[Row]:
    """A row for each value of what the rows are told apart by, the dearest first."""
    found = _by(rows, lambda row: tuple((name, value) for name, value in row.items() if name not in _MEASURED))
    costs = {key: _cost(parts, span) for key, parts in found.items()}
    known = sum((each.usd for each in costs.values() if each.usd is not None), Decimal(0))
    made = [
        {**dict(key), **_told(cost, span.window_s), "share_ratio": _share(cost.usd, known)}
        for key, cost in costs.items()
    ]
    return sorted(made, key=lambda row: (row["cost_usd"] is None, -(row["cost_usd"] or 0), -row["model_calls"]))


def steps(rows: Sequence[Row], span: Span) -> Sequence[Row]:
    """A row for each step of time, the oldest first."""
    found = _by(rows, lambda row: (row["at"], row["step_s"]))
    return [
        {"at": at, "step_s": step_s, **_told(_cost(parts, span), int(step_s))}
        for (at, step_s), parts in sorted(found.items())
    ]


def total(rows: Sequence[Row], span: Span) -> Sequence[Row]:
    """One row: everything, and which shares of it have no price, no user, no cohort, no feature."""
    if not rows:
        return []
    cost = _cost(rows, span)
    calls, charges = cost.sums["calls"], cost.sums["charges"]
    return [
        {
            **_told(cost, span.window_s),
            "ai_per_hour_usd": _per_hour(cost.models.usd, span.window_s),
            "charges_per_hour_usd": _per_hour(cost.charged, span.window_s),
            "unpriced_ratio": cost.models.calls_unpriced / calls if calls else None,
            "unpriced_models": list(cost.models.unpriced),
            "untold_calls": cost.sums["untold"],
            "unreadable_ratio": cost.sums["unreadable"] / charges if charges else None,
            **{
                f"unattributed_{name}_ratio": _share(_cost([row for row in rows if not row[name]], span).usd, cost.usd)
                for name in ("user", "cohort", "feature")
            },
        }
    ]


def _told(cost: _Cost, window_s: int) -> Mapping[str, Any]:
    return {
        "cost_usd": cost.usd,
        "ai_usd": cost.models.usd,
        "charges_usd": cost.charged,
        "cost_per_hour_usd": _per_hour(cost.usd, window_s),
        "model_calls": cost.sums["calls"],
        "input_tokens": cost.sums["input"],
        "output_tokens": cost.sums["output"],
        "unpriced_calls": cost.models.calls_unpriced,
        "charges": cost.sums["charges"],
        "unreadable_charges": cost.sums["unreadable"],
        "estimated": cost.estimated,
    }


def _cost(rows: Iterable[Row], span: Span) -> _Cost:
    sums, charged, usages = dict.fromkeys(_SUMS, 0), [], []
    for row in rows:
        named = dict(zip(_SUMS, row["sums"], strict=True))
        for name, value in named.items():
            sums[name] += int(value)
        if named["calls"]:
            usages.append(_usage(row, named))
        if row["charged"] is not None:
            charged.append(Decimal(row["charged"]))
    models = spending.total(usages, span.end, span.window_s)
    return _Cost(models, sum(charged, Decimal(0)) if charged else None, sums)


def _usage(row: Row, named: Mapping[str, int]) -> Usage:
    calls, given, answered, read, written = (int(named[name]) for name in _TOKENS)
    tokens = Tokens(calls, given, answered, read, written, int(row["largest"]))
    return Usage(str(row["name"]), tokens, int(named["untold"]), bool(named["guessed"]))


def _by(rows: Iterable[Row], key: Callable[[Row], Hashable]) -> Mapping[Any, list[Row]]:
    found: dict[Any, list[Row]] = {}
    for row in rows:
        found.setdefault(key(row), []).append(row)
    return found


def _share(part: Decimal | None, whole: Decimal | None) -> float | None:
    return float((part or Decimal(0)) / whole) if whole else None


def _per_hour(usd: Decimal | None, window_s: int) -> Decimal | None:
    return None if usd is None else usd * _HOUR_S / window_s
