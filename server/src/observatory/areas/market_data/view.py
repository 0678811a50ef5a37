"""What the feeds show in system-health, their largest ages, and lags with the venues' clocks put right."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from observatory.analytics import clock_offset
from observatory.analytics.clock_offset import Offset
from observatory.areas.definition import View
from observatory.areas.readings import Readings
from observatory.model import Measurement, Reading

_LAGS = ("lag_mean", "lag_p50", "lag_p95", "lag_p99")


# The store would plan a pass over the feeds twice to tell their largest, too.
_LARGEST = {"staleness_max": ("feed_stale", 1_000), "symbol_silent": ("symbol_silence", 1)}


def _derived(readings: Readings, at: datetime) -> Iterable[Reading]:
    for name, (members, scale) in _LARGEST.items():
        found = readings.members(members).values()
        known = [each for each in found if each.value is not None]
        if known:
            yield Reading(f"market_data.{name}", "", _largest(known, scale))
    yield from _put_right(readings)


def _largest(found: Sequence[Measurement], scale: int) -> Measurement:
    most = max(found, key=lambda each: float(each.value or 0))
    return replace(
        most,
        value=float(most.value or 0) * scale,
        unit="ms" if scale > 1 else "s",
        samples=sum(each.samples for each in found),
        estimated=any(each.estimated for each in found),
    )


def _put_right(readings: Readings) -> Iterable[Reading]:
    offsets = readings.members("venue_clock_offset")
    for name in _LAGS:
        for exchange, raw in readings.members(f"raw_{name}").items():
            yield Reading(f"market_data.{name}", exchange, _latency(raw, offsets.get(exchange)))


def _latency(raw: Measurement, clock: Measurement | None) -> Measurement:
    """A lag with its clock put right; what the offset leaves open is its interval."""
    if raw.value is None or clock is None or clock.value is None:
        return replace(raw, source=f"{raw.source}, no estimate of the clock")
    low, high = clock.interval or (float(clock.value), float(clock.value))
    offset = Offset(float(clock.value), (high - low) / 2, clock.samples)
    value = clock_offset.latency_ms(float(raw.value), offset)
    ends = (max(0.0, float(raw.value) + low), max(0.0, float(raw.value) + high))
    return replace(raw, value=value, interval=ends, estimated=True, source=f"{raw.source} and {clock.source}")


VIEW = View(
    numbers={
        "exchanges_connected": "exchanges_connected",
        "data_staleness_max_ms": "staleness_max",
        "websocket_uptime": "websocket_uptime",
        "messages_5m": "messages",
        "reconnects_5m": "reconnects",
        "sequence_gaps_5m": "sequence_gaps",
        "candles_missing_5m": "candles_missing",
        "bad_ticks_5m": "bad_ticks",
    },
    derive=_derived,
    # The raw lags are not here: they are read in whole rounds only, and by what shows them.
    reads=("venue_clock_offset", "feed_stale", "symbol_silence"),
)
