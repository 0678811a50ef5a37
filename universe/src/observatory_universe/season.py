"""Day and week: how lively people and markets are at a moment, as a pure function of the wall time.

A factor of 1 is the mean of a week, so that seasons move work around and add none. The tables are our own assumption
and were measured nowhere; what they are built from stands beside them.
"""

from functools import lru_cache
from typing import Final

from observatory_universe.chance import Chance

_HOUR_NS: Final = 3_600_000_000_000
_DAY_NS: Final = 24 * _HOUR_NS
# 1970-01-01 was a Thursday.
_FIRST_WEEKDAY: Final = 3

# People, by hour UTC from 0 to 23. Most users are assumed to live in Europe and some in America: they sleep until about
# 6, look in before work, and have time after lunch and most of all in the evening, when America is at work as well.
_PEOPLE_BY_HOUR: Final = (
    *(0.45, 0.32, 0.25, 0.22, 0.25, 0.35),
    *(0.55, 0.80, 0.95, 1.00, 1.05, 1.10),
    *(1.20, 1.35, 1.50, 1.55, 1.55, 1.50),
    *(1.55, 1.65, 1.60, 1.35, 0.95, 0.65),
)
# From Monday to Sunday: trading is a pastime of evenings in the week, and weekends belong to others.
_PEOPLE_BY_DAY: Final = (1.05, 1.08, 1.08, 1.05, 1.00, 0.82, 0.88)
# One day is like no other: news, weather, a holiday. The standard deviation of a day's level.
_PEOPLE_DAY_TO_DAY: Final = 0.06

# Markets never close. They move most while Europe's afternoon and America's morning overlap, from 13 to 16, a little
# more at 0 when the day's candles close and Asia begins, and least when Europe sleeps and America has stopped.
_MARKETS_BY_HOUR: Final = (
    *(1.05, 0.95, 0.90, 0.85, 0.80, 0.80),
    *(0.85, 0.95, 1.00, 1.00, 0.98, 0.98),
    *(1.05, 1.25, 1.40, 1.35, 1.25, 1.12),
    *(1.02, 1.00, 0.98, 0.92, 0.88, 0.92),
)
# Institutions stay away at weekends; what is left trades on, more thinly.
_MARKETS_BY_DAY: Final = (1.06, 1.06, 1.06, 1.06, 1.04, 0.84, 0.88)
_MARKETS_DAY_TO_DAY: Final = 0.10
# A level is kept within so many standard deviations: noise is small by promise, not by luck.
_MOST_DEVIATIONS: Final = 2.5


class Season:
    """How lively it is at a moment.

    Args:
        chance: gives each day its own level; the same seed gives the same days.
        enabled: False makes every moment like any other, a factor of 1.
    """

    def __init__(self, chance: Chance, enabled: bool = True) -> None:
        self._chance = chance
        self._enabled = enabled
        # Asked before each step of every round, while the day stays the same for long.
        self._drawn = lru_cache(maxsize=64)(self._draw)

    def people(self, now_ns: int) -> float:
        """How many times as often as in the mean of a week people do something. `now_ns`: since 1970, UTC."""
        if not self._enabled:
            return 1.0
        return _PEOPLE.at(now_ns) * self._level("people", now_ns, _PEOPLE_DAY_TO_DAY)

    def markets(self, now_ns: int) -> float:
        """How many times as lively as in the mean of a week the markets are. `now_ns`: since 1970, UTC."""
        if not self._enabled:
            return 1.0
        return _MARKETS.at(now_ns) * self._level("markets", now_ns, _MARKETS_DAY_TO_DAY)

    def _level(self, who: str, now_ns: int, deviation: float) -> float:
        # A day's level holds at its noon, so that nothing jumps at midnight.
        day, into_ns = divmod(now_ns - _DAY_NS // 2, _DAY_NS)
        before, after = self._drawn(who, day), self._drawn(who, day + 1)
        return 1.0 + deviation * (before + (after - before) * (into_ns / _DAY_NS))

    def _draw(self, who: str, day: int) -> float:
        drawn = self._chance.of(f"season of {who} on day {day}").normal(0.0, 1.0)
        return max(-_MOST_DEVIATIONS, min(drawn, _MOST_DEVIATIONS))


class _Shape:
    """A week's shape from its hours and its days, with a mean of 1; in a straight line from one hour to the next."""

    def __init__(self, by_hour: tuple[float, ...], by_day: tuple[float, ...]) -> None:
        week = [day * hour for day in by_day for hour in by_hour]
        mean = sum(week) / len(week)
        self._week = [value / mean for value in week]

    def at(self, now_ns: int) -> float:
        # An hour's value holds in its middle.
        hours, into_ns = divmod(now_ns + _FIRST_WEEKDAY * _DAY_NS - _HOUR_NS // 2, _HOUR_NS)
        before, after = self._week[hours % len(self._week)], self._week[(hours + 1) % len(self._week)]
        return before + (after - before) * (into_ns / _HOUR_NS)


_PEOPLE: Final = _Shape(_PEOPLE_BY_HOUR, _PEOPLE_BY_DAY)
_MARKETS: Final = _Shape(_MARKETS_BY_HOUR, _MARKETS_BY_DAY)
