"""History of indicators, read back as series."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Final

from observatory.areas import select
from observatory.areas.assess import Span
from observatory.areas.definition import Definition
from observatory.model import Indicator
from observatory.store import Reader
from observatory.store.history import FINEST_S, floor

MOST_STEPS = 5_000
MOST_MEMBERS = 50
# Steps that people ask for; the finest that gives few enough points is taken.
_STEPS_S = (10, 30, 60, 300, 900, 3_600, 10_800, 86_400)
_COMFORTABLE = 600
_HEALTH_SOURCE = "rounds of the server"
_SERVICES: Final = {
    "rate": ("calls of the service per second", "1/s"),
    "error_rate": ("failed share of its calls", "ratio"),
    "p50": ("median duration of its calls", "ms"),
    "p95": ("95th percentile of the duration of its calls", "ms"),
    "p99": ("99th percentile of the duration of its calls", "ms"),
    "errors_by_exception": ("calls that failed by raising", "1"),
    "errors_by_outcome": ("calls that returned a failure without raising", "1"),
    "heartbeat_age": ("seconds since its newest heartbeat", "s"),
}
# What is not yet rolled up is read from finer rows: an hour's rows are there when it is well over.
_SQL = """SELECT $name, toStartOfInterval(Timestamp, toIntervalSecond({step:UInt32})) AS At,
    argMax(Last, Timestamp) AS Newest, if(sum(Known) > 0, sum(ifNull(Mean, 0) * Known) / sum(Known), NULL) AS Average,
    min(Least), max(Greatest), max(Samples), max(Estimated)
FROM indicator_history
WHERE $indicators AND Environment = {environment:String} AND $members
    AND Timestamp >= {since:DateTime('UTC')} AND Timestamp < {until:DateTime('UTC')} AND (
        (Resolution = {coarse:UInt16} AND Timestamp < {rolled:DateTime('UTC')})
        OR (Resolution = {finer:UInt16} AND Timestamp >= {rolled:DateTime('UTC')}
            AND Timestamp < {settled:DateTime('UTC')})
        OR (Resolution = 10 AND Timestamp >= greatest({rolled:DateTime('UTC')}, {settled:DateTime('UTC')})))
GROUP BY $name, At ORDER BY $name, At LIMIT 100000"""
_ONE = "Member = {member:String}"
_BUSIEST = """Member IN (SELECT Member FROM indicator_history
    WHERE Indicator = {indicator:String} AND Environment = {environment:String} AND Resolution = {coarse:UInt16}
        AND Timestamp >= {since:DateTime('UTC')} AND Timestamp < {until:DateTime('UTC')}
    GROUP BY Member ORDER BY sum(Samples) DESC, Member LIMIT 50)"""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a series; values are None when no round of the step measured one.

    Attributes:
        at: its start.
        last, mean, least, greatest: over the rounds of the step.
        samples: most samples that a round's value rested on.
        estimated: whether a round's value was.
    """

    at: datetime
    last: float | None
    mean: float | None
    least: float | None
    greatest: float | None
    samples: int
    estimated: bool


@cache
def indicators(definitions: tuple[Definition, ...] | None = None) -> Mapping[str, Indicator]:
    """Everything that history is kept of, by id: the areas' indicators, the services' numbers, and health itself.

    Health is 0 healthy, 1 degraded, 2 critical, and nothing where it is unknown.
    """
    from observatory import areas

    found = [each for definition in definitions or areas.load() for each in definition.indicators.values()]
    found += [_plain(f"services.{name}", *told, ("Service",), "fact_calls") for name, told in _SERVICES.items()]
    for name, group in (("overall", ()), ("area", ("Area",)), ("service", ("Service",))):
        found.append(_plain(f"health.{name}", "health: 0 healthy, 1 degraded, 2 critical", "1", group, _HEALTH_SOURCE))
    return {each.id: each for each in found}


def fitting_step(window_s: int) -> int:
    """The finest usual step that gives a comfortable number of points."""
    return next((step for step in _STEPS_S if window_s / step <= _COMFORTABLE), _STEPS_S[-1])


async def read(
    reader: Reader, indicator: str, environment: str, member: str, span: Span, step_s: int, now: datetime
) -> Mapping[str, Sequence[Step]]:
    """Steps by member, oldest first. `member` is one, or `*` for the busiest.

    Raises:
        StoreError: the store refused the query or took too long.
    """
    members = _BUSIEST if member == "*" else _ONE
    sql = _sql("Member", "Indicator = {indicator:String}", members)
    return await _steps(reader, sql, environment, span, step_s, now, {"indicator": indicator, "member": member})


async def read_some(
    reader: Reader, indicators: Collection[str], environment: str, span: Span, step_s: int, now: datetime
) -> Mapping[str, Sequence[Step]]:
    """Steps of several indicators of a whole area, by indicator, oldest first.

    Raises:
        StoreError: the store refused the query or took too long.
    """
    sql = _sql("Indicator", "Indicator IN {indicators:Array(String)}", "Member = ''")
    return await _steps(reader, sql, environment, span, step_s, now, {"indicators": sorted(indicators)})


def _sql(name: str, indicators: str, members: str) -> str:
    return _SQL.replace("$name", name).replace("$indicators", indicators).replace("$members", members)


async def _steps(
    reader: Reader,
    sql: str,
    environment: str,
    span: Span,
    step_s: int,
    now: datetime,
    also: Mapping[str, object],
) -> Mapping[str, Sequence[Step]]:
    coarse = next((each for each in (3_600, 60) if step_s % each == 0), FINEST_S)
    finer = 60 if coarse == 3_600 else FINEST_S
    bound = {
        **also,
        "environment": environment,
        "step": step_s,
        "coarse": coarse,
        "finer": finer,
        "since": _text(floor(span.start, step_s)),
        "until": _text(span.end),
        # Minutes are rolled up seconds after their end, hours with the minute after.
        "rolled": _text(floor(now - timedelta(seconds=2 * coarse), coarse) if coarse > FINEST_S else now),
        "settled": _text(floor(now - timedelta(seconds=120), 60)),
    }
    found: dict[str, list[Step]] = {}
    for name, at, last, mean, least, greatest, samples, estimated in (await reader.read(sql, bound)).rows:
        found.setdefault(str(name), []).append(Step(at, last, mean, least, greatest, int(samples), bool(estimated)))
    return found


def _text(at: datetime) -> str:
    return select.text(at).partition(".")[0]


def _plain(name: str, sentence: str, unit: str, group_by: tuple[str, ...], source: str) -> Indicator:
    area = name.partition(".")[0]
    return Indicator(
        id=name,
        area=area,
        sentence=sentence,
        unit=unit,
        window_s=300 if area == "services" else 0,
        group_by=group_by,
        reads=source,
        source=source,
        value="",
        samples="",
        judged_if="1",
        needs_s="0",
        estimated_if="0",
        warn=None,
        crit=None,
        least_samples=0,
        bound_source="",
        zero_from=(),
    )
