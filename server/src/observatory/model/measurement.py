"""A number with where it comes from. Every number that leaves `areas` is one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

Value = int | float | Decimal


@dataclass(frozen=True, slots=True)
class Measurement:
    """One measured number, or the statement that there is none.

    Attributes:
        value: the number; None when nothing was measured. Money is a Decimal, a count an int.
        unit: `ms`, `s`, `1` (a count, or one number per another), `ratio` (0 to 1), `bps`, `usd`, `1/s`, ...
        samples: how many observations the value rests on.
        window_s: seconds of event time that were looked at, ending at `as_of`.
        as_of: end of the window, aware, UTC.
        source: the table or emitter that it was measured from.
        estimated: True when part of it is inferred rather than observed.
        interval: lower and upper end of its 95 % interval, in the same unit; None when it has none.
    """

    value: Value | None
    unit: str
    samples: int
    window_s: int
    as_of: datetime
    source: str
    estimated: bool = False
    interval: tuple[float, float] | None = None

    @property
    def known(self) -> bool:
        """Whether there is a number."""
        return self.value is not None


@dataclass(frozen=True, slots=True)
class Reading:
    """One indicator's measurement for one member of its groups.

    Attributes:
        indicator: id of the indicator.
        member: the group's values joined by `/` (`binance/BTCUSDT`); empty for the whole area.
        measurement: the number with its provenance.
        judged: False when the indicator's own condition says that it must not be judged now.
        needs_s: seconds for which the server must have listened before a bad value, or none, is taken for the truth.
    """

    indicator: str
    member: str
    measurement: Measurement
    judged: bool = True
    needs_s: float = 0.0
