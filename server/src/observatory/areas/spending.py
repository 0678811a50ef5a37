"""What model calls cost, from an area's `usage_*` readings or from rows of the same columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from observatory.areas.readings import Readings
from observatory.costs.prices import Tokens, price

SOURCE = "fact_ai_calls at the prices of genai-prices"
_COLUMNS = ("calls", "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "largest_input")
# The indicators that are read here.
READS = tuple(f"usage_{column}" for column in (*_COLUMNS, "unknown"))
_HOUR_S = 3_600


@dataclass(frozen=True, slots=True)
class Spending:
    """What model calls cost.

    Attributes:
        usd: sum over the calls that could be priced; None when none could.
        calls: all calls.
        calls_unpriced: calls of models without a known price.
        unpriced: those models, as `provider/model`.
        estimated: True when some calls have no price or told no tokens, so that `usd` is too low, or when tokens were
            counted by the sender and not told by the provider.
        models: cost by `provider/model`.
        calls_priced: calls behind `models`, by `provider/model`.
        models_estimated: those of `models` whose cost is estimated.
        window_s: seconds that were looked at.
    """

    usd: Decimal | None
    calls: int
    calls_unpriced: int
    unpriced: tuple[str, ...]
    estimated: bool
    models: Mapping[str, Decimal]
    calls_priced: Mapping[str, int]
    models_estimated: frozenset[str]
    window_s: int


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one model's calls within one step of its price.

    Attributes:
        name: `provider/model`.
        tokens: their sums.
        untold: how many of the calls succeeded and told no tokens.
        estimated: tokens were counted by the sender, or only a part of them was told.
    """

    name: str
    tokens: Tokens
    untold: int = 0
    estimated: bool = False

    def priced(self, at: datetime) -> Decimal | None:
        """Its list price in USD; None when no call told tokens, or the model has no price."""
        provider, _, model = self.name.partition("/")
        return price(provider, model, self.tokens, at) if self.tokens.calls > self.untold else None


@dataclass(slots=True)
class _Sum:
    calls: int = 0
    calls_unpriced: int = 0
    unpriced: dict[str, None] = field(default_factory=dict)
    models: dict[str, Decimal] = field(default_factory=dict)
    calls_priced: dict[str, int] = field(default_factory=dict)
    estimated: set[str] = field(default_factory=set)

    def add(self, usage: Usage, at: datetime) -> None:
        name, calls = usage.name, usage.tokens.calls
        cost = usage.priced(at)
        self.calls += calls
        if usage.estimated or usage.untold:
            self.estimated.add(name)
        if cost is not None:
            self.models[name] = self.models.get(name, Decimal(0)) + cost
            self.calls_priced[name] = self.calls_priced.get(name, 0) + calls - usage.untold
        elif calls > usage.untold:
            self.calls_unpriced += calls
            self.unpriced[name] = None


def assess(readings: Readings, at: datetime) -> Spending:
    """The spending behind the readings `usage_*` [provider, model, price step]."""
    lengths = {each.window_s for each in readings.members("usage_calls").values()}
    return total(_usage(readings), at, max(lengths, default=_HOUR_S))


def total(usages: Iterable[Usage], at: datetime, window_s: int) -> Spending:
    """The spending on some usage, at the prices of the time `at`."""
    found = _Sum()
    for usage in usages:
        found.add(usage, at)
    return Spending(
        usd=sum(found.models.values(), Decimal(0)) if found.models else None,
        calls=found.calls,
        calls_unpriced=found.calls_unpriced,
        unpriced=tuple(found.unpriced),
        estimated=bool(found.estimated or found.calls_unpriced),
        models=found.models,
        calls_priced=found.calls_priced,
        models_estimated=frozenset(found.estimated | set(found.unpriced)),
        window_s=window_s,
    )


def _usage(readings: Readings) -> Iterable[Usage]:
    series = [readings.members(f"usage_{column}") for column in _COLUMNS]
    unknown = readings.members("usage_unknown")
    for member in series[0]:
        measured = [values[member] for values in series]
        tokens = Tokens(*(int(each.value or 0) for each in measured))
        estimated = any(each.estimated for each in measured)
        yield Usage(member.rpartition("/")[0], tokens, int(unknown[member].value or 0), estimated)
