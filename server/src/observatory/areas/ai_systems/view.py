"""What the models show in system-health."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal

from observatory.areas import spending
from observatory.areas.definition import View
from observatory.areas.readings import Readings
from observatory.areas.spending import Spending
from observatory.model import Measurement, Reading

# What facts.sql leaves out of a model's name, so that all its versions are one model.
_VERSION = re.compile(r"([-@](\d{3,8}|\d{4}-\d{2}-\d{2}|\d{2}-\d{4}|latest|v\d+(:\d+)?))+$")


def family(name: str) -> str:
    """The `provider/model` under which facts.sql counts a priced `provider/model`, whatever its version or path."""
    provider, _, model = name.partition("/")
    return f"{provider}/{_VERSION.sub('', model.rpartition('/')[2])}"


def _active_models(readings: Readings, _at: datetime) -> tuple[str, ...]:
    models = (member.partition("/")[2] for member in readings.members("model_calls"))
    return tuple(dict.fromkeys(model for model in models if model))


def _unpriced_models(readings: Readings, at: datetime) -> tuple[str, ...]:
    return spending.assess(readings, at).unpriced


def _derive(readings: Readings, at: datetime) -> Iterable[Reading]:
    spent = spending.assess(readings, at)
    if not spent.calls:
        return

    def measured(value: Decimal | int | None, unit: str, samples: int, estimated: bool = False) -> Measurement:
        return Measurement(value, unit, samples, spent.window_s, at, spending.SOURCE, estimated)

    yield Reading("ai_systems.cost_last_hour", "", measured(spent.usd, "usd", spent.calls, spent.estimated))
    yield Reading("ai_systems.unpriced_calls", "", measured(spent.calls_unpriced, "1", spent.calls))
    priced = sum(spent.calls_priced.values())
    if spent.usd is not None and priced:
        yield Reading("ai_systems.cost_per_call", "", measured(spent.usd / priced, "usd", priced, spent.estimated))
    for indicator, names in (("model_cost", _models(spent)), ("provider_cost", _providers(spent))):
        for member, (usd, calls, estimated) in _folded(spent, names).items():
            yield Reading(f"ai_systems.{indicator}", member, measured(usd, "usd", calls, estimated))
            if calls:
                each = measured(usd / calls, "usd", calls, estimated)
                yield Reading(f"ai_systems.{indicator}_per_call", member, each)


def _models(spent: Spending) -> Mapping[str, str]:
    return {name: family(name) for name in spent.models}


def _providers(spent: Spending) -> Mapping[str, str]:
    return {name: name.partition("/")[0] for name in spent.models}


def _folded(spent: Spending, members: Mapping[str, str]) -> Mapping[str, tuple[Decimal, int, bool]]:
    """Cost, calls with a cost, and whether it is estimated, by the member that a priced model belongs to."""
    # A member is estimated as well by a version of it that has no price at all.
    lacking = {family(name) for name in spent.unpriced}
    found: dict[str, tuple[Decimal, int, bool]] = {}
    for name, member in members.items():
        usd, calls, estimated = found.get(member, (Decimal(0), 0, member in lacking))
        estimated = estimated or name in spent.models_estimated
        found[member] = (usd + spent.models[name], calls + spent.calls_priced[name], estimated)
    return found


VIEW = View(
    numbers={
        "response_time_p95_ms": "latency_p95",
        "response_time_p50_ms": "latency_p50",
        "response_time_p99_ms": "latency_p99",
        "error_rate_5m": "error_rate",
        "cost_last_hour_usd": "cost_last_hour",
        "calls_5m": "calls",
        "fallbacks_5m": "fallbacks",
        "consensus_confidence": "consensus_confidence",
        "consensus_agreement": "consensus_agreement",
        "consensus_ece": "consensus_ece",
        "memory_hit_rate": "memory_hit_rate",
    },
    lists={"active_models": _active_models, "unpriced_models": _unpriced_models},
    derive=_derive,
    reads=("model_calls", *spending.READS),
)
