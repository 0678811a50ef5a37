"""How much a venue lets one address ask."""

from dataclasses import dataclass
from typing import Final

from observatory_universe.clock import Clock

_MINUTE_NS: Final = 60_000_000_000
# Who goes on asking after so many refusals in one minute is shut out.
_PATIENCE: Final = 30
_BAN_S: Final = 120.0


@dataclass(frozen=True, slots=True)
class Usage:
    """Weight that was used in this minute, and how much there is."""

    used: int
    limit: int


@dataclass(frozen=True, slots=True)
class Excess:
    """Too much: when to come back, and whether the address is shut out."""

    retry_after_s: float
    banned: bool


class Allowance:
    """Weights of one minute, then 429, then 418."""

    def __init__(self, clock: Clock, limit: int) -> None:
        self._clock = clock
        self._limit = limit
        self._minute = -1
        self._used = 0
        self._refused = 0
        self._banned_until_ns = 0

    def usage(self) -> Usage:
        self._turn(self._clock.now_ns())
        return Usage(self._used, self._limit)

    def weigh(self, weight: int) -> Excess | None:
        """Counts a call; None when it may go on."""
        now_ns = self._clock.now_ns()
        if now_ns < self._banned_until_ns:
            return Excess((self._banned_until_ns - now_ns) / 1e9, banned=True)
        self._turn(now_ns)
        if self._used + weight <= self._limit:
            self._used += weight
            return None
        self._refused += 1
        if self._refused > _PATIENCE:
            self._banned_until_ns = now_ns + round(_BAN_S * 1e9)
            return Excess(_BAN_S, banned=True)
        return Excess((_MINUTE_NS - now_ns % _MINUTE_NS) / 1e9, banned=False)

    def _turn(self, now_ns: int) -> None:
        minute = now_ns // _MINUTE_NS
        if minute != self._minute:
            self._minute, self._used, self._refused = minute, 0, 0
