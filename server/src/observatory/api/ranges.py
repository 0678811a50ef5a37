"""Ranges of time in a query: `window=1h`, or `from` and `to`, or `as_of` with a window that ends there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import Query, Request

from observatory.errors import InvalidRequest

LONGEST = timedelta(days=90)
SHORTEST_S = 10
_WINDOW = re.compile(r"^([1-9][0-9]{0,6})([smhd])$")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}

Window = Annotated[
    str | None,
    Query(
        max_length=16,
        json_schema_extra={"pattern": _WINDOW.pattern},
        description="Length of the range that ends at `as_of` or now: 5m, 1h, 24h, 7d, 30d or any such.",
        examples=["1h"],
    ),
]
From = Annotated[
    str | None,
    Query(
        alias="from",
        max_length=40,
        json_schema_extra={"format": "date-time"},
        description="Start of the range, RFC 3339.",
        examples=["2026-01-02T03:00:00Z"],
    ),
]
To = Annotated[
    str | None,
    Query(
        max_length=40,
        json_schema_extra={"format": "date-time"},
        description="End of the range, RFC 3339; now without it.",
        examples=["2026-01-02T04:00:00Z"],
    ),
]
AsOf = Annotated[
    str | None,
    Query(
        max_length=40,
        json_schema_extra={"format": "date-time"},
        description="The state as it was then, RFC 3339.",
        examples=["2026-01-02T04:00:00Z"],
    ),
]
Step = Annotated[
    str | None, Query(max_length=16, description="Length of one step of a series: 10s, 1m, 1h.", examples=["1m"])
]


@dataclass(frozen=True, slots=True)
class Range:
    """A range of time. `past`: its end was asked for, so that it may lie long ago."""

    start: datetime
    end: datetime
    past: bool

    @property
    def window_s(self) -> int:
        """Its length in whole seconds."""
        return round((self.end - self.start).total_seconds())


class Ranged:
    """A dependency that reads the range of a request; `default` is its window when nothing is said."""

    def __init__(self, default: str = "1h") -> None:
        self._default = default

    async def __call__(
        self, request: Request, window: Window = None, start: From = None, to: To = None, as_of: AsOf = None
    ) -> Range:
        """The range.

        Raises:
            InvalidRequest: a parameter that is none, or two that contradict each other.
        """
        now = request.app.state.clock.now()
        if to is not None and as_of is not None:
            raise InvalidRequest("query parameter as_of: not together with to, which says the same")
        if window is not None and start is not None:
            raise InvalidRequest("query parameter window: not together with from")
        name, text = ("to", to) if to is not None else ("as_of", as_of)
        end = now if text is None else min(moment(name, text), now)
        begin = moment("from", start) if start else end - timedelta(seconds=seconds("window", window or self._default))
        _check(begin, end, "from" if start else "window")
        return Range(begin, end, text is not None)


def moment(name: str, text: str) -> datetime:
    """An RFC 3339 time, in UTC.

    Raises:
        InvalidRequest: it is none, or has no zone.
    """
    # A plus that was not escaped arrives as a space.
    try:
        at = datetime.fromisoformat(text.strip().replace(" ", "+") if "T" in text else text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None or not 1971 <= at.year <= 2_261:
        raise InvalidRequest(f"query parameter {name}: must be a time with its zone, such as 2026-01-02T03:04:05Z")
    return at.astimezone(UTC)


def utc(name: str, at: datetime) -> datetime:
    """A time of a body, in UTC. Of the years that are taken every sum with a length that is taken is a time as well.

    Raises:
        InvalidRequest: it lies before 1971 or after 2261.
    """
    if not 1971 <= at.year <= 2_261:
        raise InvalidRequest(f"{name}: must be a time from 1971 to 2261")
    return at.astimezone(UTC)


def seconds(name: str, text: str) -> int:
    """A length such as `5m` in seconds.

    Raises:
        InvalidRequest: it is none, or out of bounds.
    """
    match = _WINDOW.fullmatch(text)
    found = int(match[1]) * _SECONDS[match[2]] if match else 0
    if not SHORTEST_S <= found <= LONGEST.total_seconds():
        raise InvalidRequest(f"query parameter {name}: must be a length from 10s to 90d, such as 5m, 1h, 24h or 7d")
    return found


def _check(start: datetime, end: datetime, name: str) -> None:
    if not timedelta(seconds=SHORTEST_S) <= end - start <= LONGEST:
        raise InvalidRequest(f"query parameter {name}: the range must have from 10 s to 90 days")
