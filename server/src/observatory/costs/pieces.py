"""A long range read piece by piece: a file of costs has more rows than one read may return."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from observatory.costs.ledger import Ledger, Spent, together
from observatory.errors import InvalidRequest, StoreError

_DAY, _HOUR = timedelta(days=1), timedelta(hours=1)
# Of one day, by every dimension: they are held in memory.
MOST_KEYS = 300_000


async def spent(
    ledger: Ledger,
    environment: str,
    since: datetime,
    until: datetime,
    by: Sequence[str],
    step_s: int,
    only: Mapping[str, str],
) -> AsyncIterator[list[Spent]]:
    """What `Ledger.spent` tells of the range, a UTC day at a time, and an hour at a time where a day is too much.

    Args:
        step_s: an hour or a day.

    Raises:
        InvalidRequest: a day has more than `MOST_KEYS` rows.
        StoreError: the store refused, or an hour alone is beyond its limits.
    """
    for first, last in _pieces(since, until, _DAY):
        try:
            yield await ledger.spent(environment, first, last, by, step_s, only)
            continue
        except StoreError:
            if last - first <= _HOUR:
                raise
        days: dict[tuple[datetime | None, tuple[str, ...]], Spent] = {}
        for begin, end in _pieces(first, last, _HOUR):
            found = await ledger.spent(environment, begin, end, by, step_s, only)
            if step_s <= _HOUR.total_seconds():
                yield found
            else:
                _add(days, found)
        if days:
            yield sorted(days.values(), key=lambda each: (-(each.usd or Decimal(0)), each.key))


def _pieces(since: datetime, until: datetime, length: timedelta) -> Iterable[tuple[datetime, datetime]]:
    """The range, cut where hours or days begin in UTC."""
    length_s = int(length.total_seconds())
    while since < until:
        begun_s = since.timestamp() // length_s * length_s
        end = min(until, datetime.fromtimestamp(begun_s + length_s, since.tzinfo))
        yield since, end
        since = end


def _add(days: dict[tuple[datetime | None, tuple[str, ...]], Spent], found: Iterable[Spent]) -> None:
    for each in found:
        before = days.get((each.start, each.key))
        days[each.start, each.key] = (before and together((before, each), each.start, each.key)) or each
    if len(days) > MOST_KEYS:
        raise InvalidRequest(f"a day has more than {MOST_KEYS} rows: ask for less with a filter, as in category=ai")
