"""Which moments a replay looks at, and since when a server is taken to have listened."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from observatory.errors import InvalidRequest
from observatory.store import Reader

LONGEST = timedelta(days=31)
LEAST_STEP_S = 1.0
MOST_STEP_S = 3_600.0
_BEFORE = timedelta(days=1)
_FIRST = """SELECT min(First) FROM (
    SELECT min(Timestamp) AS First FROM rollup_services_1m WHERE Timestamp >= {since:DateTime('UTC')}
        AND Timestamp < {until:DateTime('UTC')} AND Environment = {environment:String} HAVING count() > 0
    UNION ALL
    SELECT min(Timestamp) FROM fact_points WHERE Timestamp >= {since:DateTime('UTC')}
        AND Timestamp < {until:DateTime('UTC')} AND Environment = {environment:String}
        AND Metric = 'observatory.service.heartbeat' HAVING count() > 0)"""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of event time, looked at every `step_s` seconds, both ends included.

    Raises:
        InvalidRequest: it is empty, too long, or its step has no sense.
    """

    since: datetime
    until: datetime
    step_s: float

    def __post_init__(self) -> None:
        """Refuse what nobody could walk through."""
        if self.since >= self.until:
            raise InvalidRequest("from: must be before to")
        if self.until - self.since > LONGEST:
            raise InvalidRequest(f"from: at most {LONGEST.days} days before to")
        if not LEAST_STEP_S <= self.step_s <= MOST_STEP_S:
            raise InvalidRequest(f"step_s: must be {LEAST_STEP_S:g} to {MOST_STEP_S:g}")

    @property
    def rounds(self) -> int:
        """How many moments there are."""
        return math.floor((self.until - self.since).total_seconds() / self.step_s) + 1

    def moments(self) -> Iterator[datetime]:
        """The moments, in order."""
        return (self.since + timedelta(seconds=place * self.step_s) for place in range(self.rounds))


def step_for(since: datetime, until: datetime, tick_s: float, most: int) -> float:
    """The tick's own pace, or the least multiple of it with which a stretch has at most `most` rounds."""
    length_s = max((until - since).total_seconds(), 0.0)
    return min(tick_s * max(1, math.ceil(length_s / tick_s / most)), MOST_STEP_S)


async def listening(reader: Reader, environment: str, since: datetime, until: datetime) -> datetime:
    """Since when a server is taken to have listened: a day before, or since the first that was heard of it after that.

    Raises:
        StoreError: the store refused it.
    """
    before = since - _BEFORE
    bound = {"since": _second(before), "until": _second(until), "environment": environment}
    rows = (await reader.read(_FIRST, bound)).rows
    first = rows[0][0] if rows else None
    # The smallest time stands for none.
    return max(before, first.astimezone(UTC)) if first is not None and first.year > 1970 else since


def _second(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
