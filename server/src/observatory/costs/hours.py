"""Which hours of cost_hours still say what the facts say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from observatory.costs import sources

HOUR = timedelta(hours=1)
# Counts of the facts by hour, and what was rolled last.
_STANDING = """SELECT 'calls' AS Kind, toStartOfHour(Timestamp) AS Hour, count() AS Count, toUInt64(0) AS Roll,
    (0, 0, 0, 0, '') AS Of
FROM fact_ai_calls WHERE {facts} GROUP BY Hour
UNION ALL
SELECT 'charges', toStartOfHour(Timestamp) AS Hour, count(), 0, (0, 0, 0, 0, '')
FROM fact_cost_charges WHERE {facts} GROUP BY Hour
UNION ALL
SELECT 'roll', toDateTime64(Hour, 9, 'UTC') AS Hour, 0, max(r.Roll),
    argMax((Before, Calls, After, Charges, Rules), r.Roll)
FROM cost_rolls AS r WHERE {rolls} GROUP BY Hour"""


@dataclass(frozen=True, slots=True)
class Print:
    """What an hour was rolled from: model calls of the hour before, the hour and the one after, charges, and the rules.

    The neighbours count because a call that repeats another may have ended there.
    """

    before: int
    calls: int
    after: int
    charges: int
    rules: str


@dataclass(frozen=True, slots=True)
class Standing:
    """The hours of a range.

    Attributes:
        rolls: by hour, the roll that says what the facts say.
        stale: hours with facts whose roll is missing or says something else.
        facts_only: nobody asked what was rolled.
    """

    rolls: Mapping[datetime, int]
    stale: Mapping[datetime, Print]
    facts_only: bool = False

    def gaps(self, since: datetime, until: datetime) -> list[tuple[datetime, datetime]]:
        """The ranges that only the facts can tell: cut hours at both ends, and what is stale."""
        first, last = ceiling(since), floor(until)
        if self.facts_only or first >= last:
            return [(since, until)]
        edges = [(since, first), (last, until)] if since < first else [(last, until)]
        hours = [(hour, hour + HOUR) for hour in self.stale if first <= hour < last]
        return _merged(sorted([*edges, *hours]))


def standing_sql(since: datetime, until: datetime) -> str:
    """Reads what `standing` judges, of whole hours."""
    wide = [(since - HOUR, until + HOUR)]
    rolls = sources.within_any([(since, until)]).replace("Timestamp", "Hour")
    return _STANDING.format(facts=sources.within_any(wide), rolls=rolls)


def standing(rows: Iterable[Sequence[Any]], since: datetime, until: datetime, rules: str) -> Standing:
    """Judge the rows of `standing_sql`."""
    counts: dict[str, dict[datetime, int]] = {"calls": {}, "charges": {}}
    rolled: dict[datetime, tuple[int, Print]] = {}
    for kind, hour, count, roll, made in rows:
        at = hour.astimezone(UTC)
        if kind == "roll":
            before, calls, after, charges, known = made
            rolled[at] = (int(roll), Print(int(before), int(calls), int(after), int(charges), str(known)))
        else:
            counts[kind][at] = int(count)
    return _judged(counts["calls"], counts["charges"], rolled, (since, until), rules)


def _judged(
    calls: Mapping[datetime, int],
    charges: Mapping[datetime, int],
    rolled: Mapping[datetime, tuple[int, Print]],
    span: tuple[datetime, datetime],
    rules: str,
) -> Standing:
    rolls: dict[datetime, int] = {}
    stale: dict[datetime, Print] = {}
    for hour in sorted({*calls, *charges, *rolled}):
        if not span[0] <= hour < span[1]:
            continue
        of = (calls.get(hour - HOUR, 0), calls.get(hour, 0), calls.get(hour + HOUR, 0), charges.get(hour, 0))
        wanted = Print(*of, rules)
        roll, made = rolled.get(hour, (0, None))
        # Facts are kept for less long than hours: where none is left, the hour stands.
        if made == wanted or (made is not None and not of[1] and not of[3]):
            rolls[hour] = roll
        else:
            stale[hour] = wanted
    return Standing(rolls, stale)


def floor(at: datetime) -> datetime:
    """The start of the hour, in UTC."""
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def ceiling(at: datetime) -> datetime:
    """The first start of an hour at or after `at`, in UTC."""
    down = floor(at)
    return down if down == at else down + HOUR


def _merged(ranges: Sequence[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    merged: list[tuple[datetime, datetime]] = []
    for since, until in ranges:
        if since >= until:
            continue
        if merged and merged[-1][1] >= since:
            merged[-1] = (merged[-1][0], max(until, merged[-1][1]))
        else:
            merged.append((since, until))
    return merged
