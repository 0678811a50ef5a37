"""What the hour's model calls cost, from an area's `usage_*` readings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from observatory.areas.readings import Readings
from observatory.costs import Tokens, price

SOURCE = "fact_ai_calls at the prices of genai-prices"
_COLUMNS = ("calls", "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "largest_input")
# The indicators that are read here.
READS = tuple(f"usage_{column}" for column in (*_COLUMNS, "unknown"))


@dataclass(frozen=True, slots=True)
class Spending:
    """What model calls cost.

    Attributes:
        usd: sum over the calls that could be priced; None when none could.
        calls: all calls.
        calls_unpriced: calls of models without a known price.
        unpriced: those models, as `provider/model`.
        estimated: True when some calls have no price or told no tokens, so that `usd` is too low.
        models: cost by `provider/model`.
    """

    usd: Decimal | None
    calls: int
    calls_unpriced: int
    unpriced: tuple[str, ...]
    estimated: bool
    models: Mapping[str, Decimal]


def assess(readings: Readings, at: datetime) -> Spending:
    """The spending behind the readings `usage_*` [provider, model, price step]."""
    calls = calls_unpriced = unknown = 0
    unpriced: dict[str, None] = {}
    models: dict[str, Decimal] = {}
    for member, tokens, told in _usage(readings):
        name = member.rpartition("/")[0]
        provider, _, model = name.partition("/")
        calls += tokens.calls
        unknown += tokens.calls - told
        cost = price(provider, model, tokens, at) if told else None
        if cost is not None:
            models[name] = models.get(name, Decimal(0)) + cost
        elif told:
            calls_unpriced += tokens.calls
            unpriced[name] = None
    usd = sum(models.values(), Decimal(0)) if models else None
    return Spending(usd, calls, calls_unpriced, tuple(unpriced), bool(unknown or calls_unpriced), models)


def _usage(readings: Readings) -> Iterable[tuple[str, Tokens, int]]:
    """Each member with its tokens and the number of calls that told them."""
    series = [readings.members(f"usage_{column}") for column in _COLUMNS]
    unknown = readings.members("usage_unknown")
    for member in series[0]:
        amounts = (int(values[member].value or 0) for values in series)
        tokens = Tokens(*amounts)
        yield member, tokens, tokens.calls - int(unknown[member].value or 0)
