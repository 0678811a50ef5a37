"""What is marked on every chart beside incidents: deployments, and flags that came to say something else."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

from observatory.explore.wanted import nanoseconds
from observatory.store import Reader

MOST = 200
_MOST_ROWS = 5_000
# Of flags so many moments are told apart: a chart has no more points.
_STEPS = 500
_SHORTEST = timedelta(seconds=1)
_RANGE = (
    "Timestamp >= fromUnixTimestamp64Nano({since:Int64}, 'UTC')"
    " AND Timestamp < fromUnixTimestamp64Nano({until:Int64}, 'UTC')"
    " AND Environment = {environment:String}"
)
_DEPLOYMENTS = f"""SELECT toString(Name) AS Subject, toString(ToState) AS State, toString(Service) AS Of,
    argMin(toString(Actor), Timestamp) AS Who, min(Timestamp) AS At
FROM fact_safety WHERE {_RANGE} AND Event = 'deployment'
GROUP BY Subject, State, Of, toStartOfInterval(Timestamp, toIntervalMinute(10))
ORDER BY At DESC LIMIT {MOST}"""
# A flag is told with each use of it: one row for each value within a step.
_FLAGS = f"""SELECT toString(Name) AS Subject, toString(ToState) AS State, min(Timestamp) AS At,
    toStartOfInterval(Timestamp, toIntervalMillisecond({{step_ms:UInt64}})) AS Step
FROM fact_safety WHERE {_RANGE} AND Event = 'feature_flag.evaluation'
GROUP BY Subject, State, Step ORDER BY Subject, Step, At LIMIT {_MOST_ROWS}"""


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened at a time. `subject` is what it happened to, in the words of who told it."""

    kind: str
    at: datetime
    subject: str
    sentence: str


async def read(reader: Reader, environment: str, since: datetime, until: datetime) -> list[Mark]:
    """Deployments and changes of flags in a range, oldest first; the newest `MOST` of each.

    Raises:
        StoreError: the store refused a query or took too long.
    """
    step = max(_SHORTEST, (until - since) / _STEPS)
    # A flag's value at the start is known from before it.
    ahead = since - max(timedelta(minutes=30), 10 * step)
    told = {"environment": environment, "until": nanoseconds(until)}
    flags = {**told, "since": nanoseconds(ahead), "step_ms": round(step.total_seconds() * 1_000)}
    deployments, values = await asyncio.gather(
        reader.read(_DEPLOYMENTS, {**told, "since": nanoseconds(since)}), reader.read(_FLAGS, flags)
    )
    changes = sorted((each for each in turned(values.dicts()) if each.at >= since), key=lambda each: each.at)
    return sorted([*map(_deployment, deployments.dicts()), *changes[-MOST:]], key=lambda each: each.at)


def turned(rows: Iterable[Mapping[str, Any]]) -> Iterator[Mark]:
    """The moments at which a flag came to say something else to everybody.

    A step in which it said two things is a transition, or a flag that is dealt out by shares: the next step in which it
    says one thing tells which. What it says first is no change.

    Args:
        rows: with Subject, State, At and Step, in the order of Subject, Step and At.
    """
    for subject, found in groupby(rows, key=lambda row: row["Subject"]):
        before: str | None = None
        first: dict[str, datetime] = {}
        for _, group in groupby(found, key=lambda row: row["Step"]):
            step = {row["State"]: row["At"].astimezone(UTC) for row in group}
            for state, at in step.items():
                first.setdefault(state, at)
            if len(step) > 1:
                continue
            (state,) = step
            if before is not None and state != before:
                yield Mark("flag", first[state], subject, f"flag {subject} from {before} to {state}")
            before, first = state, {}


def _deployment(row: Mapping[str, Any]) -> Mark:
    name = row["Subject"] or row["Of"] or "the platform"
    version = f" {row['State']}" if row["State"] else ""
    who = f" by {row['Who']}" if row["Who"] else ""
    return Mark("deployment", row["At"].astimezone(UTC), name, f"deployment of {name}{version}{who}")
