"""The few numbers of each area that a person looks at first, in the order of the area's own fields.

What has the space of one line shows these, from the first on; every number is in the JSON. An area without a choice
of its own here is told by its first numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from observatory.health.figures import UNKNOWN, figure, label

_FIRST = 4


@dataclass(frozen=True, slots=True)
class Headline:
    """A field of system-health and how its number is said, as in `{} orders`."""

    field: str
    words: str

    def told(self, fields: Mapping[str, Any]) -> str | None:
        """The number in its words; None while it is unknown."""
        value = fields.get(self.field)
        if value is None:
            return None
        return self.words.format(len(value) if isinstance(value, list | tuple) else figure(self.field, value))

    @property
    def untold(self) -> str:
        """The same words where nothing was measured."""
        return self.words.format(UNKNOWN)


def of_area(area: str, fields: Mapping[str, Any]) -> tuple[Headline, ...]:
    """What is told of an area, the most telling first.

    Args:
        area: its id.
        fields: its part of system-health.
    """
    chosen = HEADLINES.get(area)
    if chosen is not None:
        return chosen
    return tuple(Headline(field, f"{label(field)} {{}}") for field in list(fields.get("provenance", ()))[:_FIRST])


def _headlines(*pairs: tuple[str, str]) -> tuple[Headline, ...]:
    return tuple(Headline(field, words) for field, words in pairs)


HEADLINES: Mapping[str, tuple[Headline, ...]] = {
    "ai_systems": _headlines(
        ("response_time_p95_ms", "p95 {}"),
        ("active_models", "{} models"),
        ("error_rate_5m", "errors {}"),
        ("cost_last_hour_usd", "{}/h"),
        ("calls_5m", "{} calls"),
    ),
    "signal_intelligence": _headlines(
        ("signals_generated_5m", "{} signals"),
        ("delivery_success_rate", "delivered {}"),
        ("avg_signal_latency_ms", "latency {}"),
        ("dead_letters_5m", "{} dead letters"),
        ("win_rate_1h", "won {}"),
    ),
    "trading_execution": _headlines(
        ("orders_executed_5m", "{} orders"),
        ("execution_success_rate", "success {}"),
        ("avg_slippage_bps", "slippage {}"),
        ("unknown_orders", "{} in unknown state"),
        ("market_order_latency_p95_ms", "p95 {}"),
    ),
    "market_data": _headlines(
        ("exchanges_connected", "{} exchanges"),
        ("data_staleness_max_ms", "stalest {}"),
        ("websocket_uptime", "up {}"),
        ("sequence_gaps_5m", "{} gaps"),
        ("messages_5m", "{} messages"),
    ),
    "risk_management": _headlines(
        ("risk_calcs_5m", "{} calculations"),
        ("avg_calc_time_ms", "mean {}"),
        ("breaches_5m", "{} breaches"),
        ("near_misses_5m", "{} near misses"),
        ("correlation_age_s", "correlations {} old"),
    ),
    "credits": _headlines(
        ("transactions_5m", "{} entries"),
        ("payment_success_rate", "payments {}"),
        ("negative_balances_5m", "{} negative"),
        ("ledger_mismatches_5m", "{} mismatches"),
        ("revenue_last_hour_usd", "{}/h"),
    ),
    "strategies": _headlines(
        ("executions_5m", "{} runs"),
        ("execution_success_rate", "success {}"),
        ("active_strategies_1h", "{} active"),
        ("submissions_waiting", "{} waiting"),
        ("test_time_p95_ms", "tests p95 {}"),
    ),
    "costs": _headlines(
        ("cost_last_hour_usd", "{}/h"),
        ("ai_cost_last_hour_usd", "models {}"),
        ("charges_last_hour_usd", "others {}"),
        ("unpriced_ratio", "unpriced {}"),
    ),
    "emergency": _headlines(
        ("activations_5m", "{} activations"),
        ("breakers_open", "{} breakers open"),
        ("failovers_5m", "{} failovers"),
        ("security_events_5m", "{} security events"),
    ),
    "resources": _headlines(
        ("queue_depth", "{} queued"),
        ("queue_oldest_age_s", "oldest {}"),
        ("pool_used_ratio", "pool {}"),
        ("redis_memory_used_ratio", "Redis {}"),
        ("memory_used_ratio", "memory {}"),
    ),
}
