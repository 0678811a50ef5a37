"""What was traded: minutes of the whole market, and one venue's public trades."""

import math
from collections import deque
from dataclasses import dataclass
from typing import Final, Literal

from observatory_universe.doors.exchange import Candle

MINUTE_NS: Final = 60_000_000_000
_KEPT_MINUTES: Final = 1_500


@dataclass(frozen=True, slots=True)
class Move:
    """What a symbol did between two moments: its price now, and the one before its last jump (natural logarithms)."""

    log: float
    log_before_jump: float
    jumped_at_ns: int | None
    since_ns: int
    until_ns: int

    def log_at(self, time_ns: int) -> float:
        """The price at a moment of this time."""
        if self.jumped_at_ns is not None and self.since_ns <= self.jumped_at_ns and time_ns < self.jumped_at_ns:
            return self.log_before_jump
        return self.log


@dataclass(frozen=True, slots=True)
class PublicTrade:
    """One print of a venue's public tape. `sequence` counts by 1 per symbol. Prices in USD, times in ns since 1970."""

    symbol: str
    side: Literal["buy", "sell"]
    price: float
    quantity: float
    sequence: int
    event_time_ns: int


class Candles:
    """One symbol's minutes. The last one is still open."""

    def __init__(self) -> None:
        self._kept: deque[list[float]] = deque(maxlen=_KEPT_MINUTES)
        self._day: tuple[float, tuple[float, float, float, float]] | None = None

    def add(self, minute: int, opened: float, high: float, low: float, close: float, traded: float) -> None:
        """A stretch of this minute (counted from 1970), which follows the last one that was added."""
        if not self._kept or self._kept[-1][0] != minute:
            self._kept.append([minute, opened, high, low, close, traded])
            return
        last = self._kept[-1]
        last[2] = max(last[2], high)
        last[3] = min(last[3], low)
        last[4] = close
        last[5] += traded

    def prepend(self, minute: int, opened: float, high: float, low: float, close: float, traded: float) -> None:
        """A minute before all others."""
        self._kept.appendleft([minute, opened, high, low, close, traded])

    def day(self) -> tuple[float, float, float, float]:
        """Open, high, low and volume of the last 24 hours, as they were when the last minute began."""
        newest = self._kept[-1][0]
        if self._day is None or self._day[0] != newest:
            rows = [row for row in self._kept if row[0] > newest - 1_440]
            high, low = max(row[2] for row in rows), min(row[3] for row in rows)
            self._day = (newest, (rows[0][1], high, low, sum(row[5] for row in rows)))
        return self._day[1]

    def last(self, limit: int, factor: float, volume_ratio: float, decimals: int) -> list[Candle]:
        """The newest `limit` minutes, prices times `factor` and volumes times `volume_ratio`."""
        rows = list(self._kept)[-limit:] if limit < len(self._kept) else list(self._kept)
        return [
            Candle(
                start_ns=int(minute) * MINUTE_NS,
                open=round(opened * factor, decimals),
                high=round(high * factor, decimals),
                low=round(low * factor, decimals),
                close=round(close * factor, decimals),
                volume=round(traded * volume_ratio, 6),
            )
            for minute, opened, high, low, close, traded in rows
        ]


def scattered(mean: float, uniform: float) -> int:
    """A whole number around `mean`: its floor, or one more with the probability of the rest."""
    return math.floor(mean + uniform)
