"""Immutable values that every judging room shares: measurements, indicators, health, states of a round."""

from observatory.model.health import (
    WORST_FIRST,
    Finding,
    Health,
    Reason,
    Verdict,
    worst,
)
from observatory.model.indicator import Bound, Comparison, Indicator
from observatory.model.measurement import Measurement, Reading, Value
from observatory.model.states import AreaState, Edge, Field, LoadState, Probed, ServiceSight, ServiceState, Snapshot

__all__ = [
    "WORST_FIRST",
    "AreaState",
    "Bound",
    "Comparison",
    "Edge",
    "Field",
    "Finding",
    "Health",
    "Indicator",
    "LoadState",
    "Measurement",
    "Probed",
    "Reading",
    "Reason",
    "ServiceSight",
    "ServiceState",
    "Snapshot",
    "Value",
    "Verdict",
    "worst",
]
