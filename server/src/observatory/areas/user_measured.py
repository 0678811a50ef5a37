"""Measurements of one user, which share a range of time."""

from __future__ import annotations

from datetime import timedelta

from observatory.analytics import intervals
from observatory.areas.assess import Span
from observatory.model import Measurement, Value

# How far back the last word about a state may lie.
BACK = timedelta(days=90)


class Measured:
    """Makes measurements that share a range of time."""

    def __init__(self, span: Span) -> None:
        self._span = span

    def __call__(
        self,
        value: Value | None,
        unit: str,
        samples: int,
        source: str,
        interval: tuple[float, float] | None = None,
        *,
        estimated: bool = False,
        back: bool = False,
    ) -> Measurement:
        """A number, or none where there are no samples; `back`: it looked back as far as states may lie."""
        window_s = int(BACK.total_seconds()) if back else self._span.window_s
        known = value if samples else None
        return Measurement(known, unit, samples, window_s, self._span.end, source, estimated, interval)

    def share(self, part: int, whole: int, source: str, *, estimated: bool = False) -> Measurement:
        """A share with Wilson's interval."""
        value = part / whole if whole else None
        ends = None if value is None else intervals.wilson(value, whole)
        return self(value, "ratio", whole, source, ends, estimated=estimated)
