"""What the models show in system-health."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from observatory.areas import spending
from observatory.areas.definition import View
from observatory.areas.readings import Readings
from observatory.model import Measurement, Reading

_WINDOW_S = 3_600


def _active_models(readings: Readings, _at: datetime) -> tuple[str, ...]:
    models = (member.partition("/")[2] for member in readings.members("model_calls"))
    return tuple(dict.fromkeys(model for model in models if model))


def _unpriced_models(readings: Readings, at: datetime) -> tuple[str, ...]:
    return spending.assess(readings, at).unpriced


def _derive(readings: Readings, at: datetime) -> Iterable[Reading]:
    spent = spending.assess(readings, at)
    if not spent.calls:
        return
    cost = Measurement(spent.usd, "usd", spent.calls, _WINDOW_S, at, spending.SOURCE, spent.estimated)
    missed = Measurement(spent.calls_unpriced, "1", spent.calls, _WINDOW_S, at, spending.SOURCE)
    yield Reading("ai_systems.cost_last_hour", "", cost)
    yield Reading("ai_systems.unpriced_calls", "", missed)


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
        "memory_hit_rate": "memory_hit_rate",
    },
    lists={"active_models": _active_models, "unpriced_models": _unpriced_models},
    derive=_derive,
    reads=("model_calls", *spending.READS),
)
