"""What an incident did: users, orders, signals, money and credits, over its interval and over as long before it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from observatory.areas import select
from observatory.costs import Ledger
from observatory.incidents.interval import Interval, before, of
from observatory.incidents.model import Case
from observatory.model import Measurement, Value
from observatory.store import Reader

MOST_USERS = 50
_RANGE = (
    "Timestamp >= {since:DateTime64(9, 'UTC')} AND Timestamp < {until:DateTime64(9, 'UTC')}"
    " AND Environment = {environment:String}"
)
# Who was met by a failure: of a call of the services concerned, an order, a delivery or a payment.
_MET = (
    f"SELECT UserId, Failed = 1 AS Bad FROM fact_calls WHERE {_RANGE} AND Service IN {{services:Array(String)}}",
    f"SELECT UserId, Failed OR Status IN ('rejected', 'denied', 'unknown') FROM fact_orders WHERE {_RANGE}",
    f"SELECT UserId, Status IN ('failed', 'dead_letter') FROM fact_deliveries WHERE {_RANGE} AND Step = 'deliver'",
    f"SELECT UserId, Failed OR Status IN ('failed', 'declined') FROM fact_payments WHERE {_RANGE}",
)
_USERS_SOURCE = "fact_calls, fact_orders, fact_deliveries and fact_payments"
_PEOPLE = (
    f"SELECT UserId, countIf(Bad) AS Times, count() AS Things FROM ({' UNION ALL '.join(_MET)}) WHERE UserId != ''"
)
_COUNT = f"SELECT countIf(Times > 0), sum(Things) FROM ({_PEOPLE} GROUP BY UserId)"
_WORST = f"{_PEOPLE} GROUP BY UserId HAVING Times > 0 ORDER BY Times DESC, UserId LIMIT {MOST_USERS}"
_FIRST = " UNION ALL ".join(
    f"(SELECT Timestamp FROM {table} WHERE {_RANGE} ORDER BY Timestamp LIMIT 1)"
    for table in ("fact_calls", "fact_points")
)
_KEYS = ("id", "about", "sentence", "unit", "bad", "value", "samples")
# Less than this of what was before says nothing of it; and beyond this ratio of lengths only sums can be compared.
_LEAST_BEFORE_S = 60.0
_AS_LONG = 1.1


@dataclass(frozen=True, slots=True)
class Number:
    """One number of the impact.

    Attributes:
        id: its name.
        about: `users`, `orders`, `signals`, `money` or `credits`.
        sentence: what it counts.
        bad: `up` when more than before is worse, `down` when less is, `none` when neither says anything.
        during, before: over the incident's interval and over as long before it; no value where nothing is known.
        times: by how much the interval is longer than what is known of the time before it; None when the number of
            another length of time cannot be compared.
    """

    id: str
    about: str
    sentence: str
    bad: str
    during: Measurement
    before: Measurement
    times: float | None = 1.0

    @property
    def change(self) -> Value | None:
        """How much more than before, in the same length of time; None unless both are known."""
        during, earlier = self.during.value, self.before.value
        if during is None or earlier is None or self.times is None:
            return None
        if isinstance(during, Decimal) or isinstance(earlier, Decimal):
            return Decimal(during) - Decimal(earlier) * Decimal(str(self.times))
        return during - earlier if self.times == 1 else float(during) - float(earlier) * self.times

    @property
    def worse(self) -> bool | None:
        """Whether it was worse than before; None when that is not known."""
        change = self.change
        if change is None or self.bad == "none":
            return None
        return change > 0 if self.bad == "up" else change < 0


@dataclass(frozen=True, slots=True)
class Impact:
    """What an incident did.

    Attributes:
        interval, baseline: the two stretches that are compared.
        numbers: every number.
        users: those whom failures met most often, with how often.
    """

    interval: Interval
    baseline: Interval
    numbers: tuple[Number, ...]
    users: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class _Wanted:
    id: str
    about: str
    sentence: str
    unit: str
    bad: str
    value: str
    samples: str
    sums: bool = True


@cache
def _tables() -> Mapping[tuple[str, str], tuple[_Wanted, ...]]:
    """What is asked of each table, under which condition."""
    told: list[dict[str, Any]] = yaml.safe_load(files(__package__).joinpath("impact.yaml").read_text(encoding="utf-8"))
    return {
        (str(entry["from"]), str(entry.get("where", "1"))): tuple(
            _Wanted(**{name: str(each[name]) for name in _KEYS}, sums=bool(each.get("sum", True)))
            for each in entry["numbers"]
        )
        for entry in told
    }


async def read(case: Case, reader: Reader, ledger: Ledger | None, now: datetime) -> Impact:
    """Measure it.

    Args:
        case: the incident.
        reader: reads the telemetry store.
        ledger: tells what was spent; None: that is unknown.
        now: the time; an open incident goes up to it.

    Raises:
        StoreError: the store refused a query or took too long.
    """
    interval = of(case, now)
    earlier = await _known(case, reader, before(interval))
    during, ago, worst = await asyncio.gather(
        _measure(case, reader, ledger, interval),
        _measure(case, reader, ledger, earlier),
        reader.read(_WORST, _bound(case, interval)),
    )
    ratio = interval.length_s / earlier.length_s if earlier.length_s else None
    same = ratio is not None and ratio <= _AS_LONG
    numbers = tuple(
        Number(
            *(each.id, each.about, each.sentence, each.bad),
            during=during[each.id],
            before=ago[each.id],
            times=1.0 if same else ratio if each.sums else None,
        )
        for each in _all()
    )
    return Impact(interval, earlier, numbers, tuple((str(user), int(times)) for user, times, _ in worst.rows))


async def _known(case: Case, reader: Reader, interval: Interval) -> Interval:
    """The part of a stretch of time from its first call or metric on; of no length when that is too little."""
    rows = (await reader.read(_FIRST, _bound(case, interval))).rows
    start = min((at.astimezone(UTC) for (at,) in rows), default=interval.end)
    known_s = (interval.end - start).total_seconds()
    if known_s * _AS_LONG >= interval.length_s:
        return interval
    return Interval(start if known_s >= _LEAST_BEFORE_S else interval.end, interval.end)


_USERS = _Wanted("users", "users", "users whom a failure met", "1", "up", "", "", sums=False)
_SPENT = _Wanted("spent", "money", "spent on models, exchanges and all else", "usd", "up", "", "")


def _all() -> Sequence[_Wanted]:
    return [_USERS, *(each for numbers in _tables().values() for each in numbers), _SPENT]


async def _measure(case: Case, reader: Reader, ledger: Ledger | None, interval: Interval) -> Mapping[str, Measurement]:
    bound = _bound(case, interval)
    (people, spent), tables = await asyncio.gather(
        asyncio.gather(reader.read(_COUNT, bound), _spent(case, ledger, interval)),
        asyncio.gather(*(reader.read(_sql(*key), bound) for key in _tables())),
    )
    affected, things = people.rows[0]
    found = {
        "users": _measured(_USERS, int(affected), int(things), _USERS_SOURCE, interval),
        "spent": _measured(_SPENT, spent[0], spent[1], "fact_ai_calls and fact_cost_charges", interval),
    }
    for (key, numbers), rows in zip(_tables().items(), tables, strict=True):
        (row,) = rows.rows
        for each, value, samples in zip(numbers, row[::2], row[1::2], strict=True):
            found[each.id] = _measured(each, value, int(samples), key[0], interval)
    return found


async def _spent(case: Case, ledger: Ledger | None, interval: Interval) -> tuple[Decimal | None, int]:
    if ledger is None:
        return None, 0
    rows = await ledger.spent(case.incident.environment, interval.start, interval.end)
    known = [row.usd for row in rows if row.usd is not None]
    return (sum(known, Decimal(0)) if known else None), sum(row.calls + row.charges for row in rows)


@cache
def _sql(table: str, where: str) -> str:
    columns = ", ".join(f"{each.value}, {each.samples}" for each in _tables()[table, where])
    return f"SELECT {columns} FROM {table} WHERE {_RANGE} AND ({where})"


def _bound(case: Case, interval: Interval) -> Mapping[str, object]:
    return {
        "since": select.text(interval.start),
        "until": select.text(interval.end),
        "environment": case.incident.environment,
        "services": list(case.incident.services),
    }


def _measured(wanted: _Wanted, value: Any, samples: int, source: str, interval: Interval) -> Measurement:
    # An aggregate over nothing is 0 in SQL: without samples nothing is known.
    known = value if samples else None
    window_s = max(1, round(interval.length_s))
    return Measurement(known, wanted.unit, samples, window_s, interval.end, source)
