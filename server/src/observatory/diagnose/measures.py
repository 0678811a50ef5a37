"""What is looked at of each member over time: the quantities of `measures.yaml`, read as sums by step."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from importlib.resources import files
from string import Template
from typing import Any

import numpy as np
import yaml

from observatory.analytics.samples import Floats
from observatory.diagnose.frame import RANGE, Frame
from observatory.diagnose.reading import Reads

MOST_MEMBERS = 100
# A counter that only ever grows is read by its growth.
_COUNTER_POINTS = 8
_FACTS = re.compile(r"\b(?:fact|otel|rollup)_\w+")
_FORMS = ("ratio", "geomean", "mean", "rate")


@dataclass(frozen=True, slots=True)
class Measure:
    """A quantity.

    Attributes:
        name: in words.
        form: `ratio`, `geomean`, `mean` or `rate`.
        value: SQL.
        of: SQL of which rows count; empty: all.
        unit: of the quantity.
        up, down: the kind of cause when it goes there; empty: it may.
        any: there should be none of it.
    """

    name: str
    form: str
    value: str
    of: str
    unit: str
    up: str
    down: str
    any: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Measures that are read together.

    Attributes:
        table: its name, or a sub-select.
        where: SQL of which rows; empty: all.
        service: SQL of who recorded a row.
        kind: kind of the members.
        member: SQL of a member's name.
        sort: what a deviation can mean for others, as `class` in the file.
        counters: whether the values may be counters.
        measures: what is read.
    """

    table: str
    where: str
    service: str
    kind: str
    member: str
    sort: str
    counters: bool
    measures: tuple[Measure, ...]

    @property
    def source(self) -> str:
        """Name of the fact table."""
        found = _FACTS.search(self.table)
        return found[0] if found else self.table


@dataclass(frozen=True, slots=True)
class Series:
    """One measure of one member by step, as sums: its value over any steps is `numbers` by `counts` of these.

    Attributes:
        kind, member: whose.
        services: who recorded it.
        sort, source: of the table.
        measure: what.
        numbers, counts, squares: sums by step, of the values, of how many, and of their squares.
    """

    kind: str
    member: str
    services: tuple[str, ...]
    sort: str
    source: str
    measure: Measure
    numbers: Floats
    counts: Floats
    squares: Floats


@cache
def tables() -> Sequence[Table]:
    """Everything of the file, in its order."""
    text = files("observatory.diagnose").joinpath("measures.yaml").read_text(encoding="utf-8")
    return tuple(
        Table(
            each["table"],
            each.get("where", ""),
            each["service"],
            kind,
            member,
            each["class"],
            bool(each.get("counters", False)),
            tuple(_measure(one, kind) for one in each["measures"]),
        )
        for each in yaml.safe_load(text)["tables"]
        for kind, member in each["members"].items()
    )


def _measure(found: Mapping[str, Any], kind: str) -> Measure:
    form = next(each for each in _FORMS if each in found)
    up, down = (str(found.get(way, "")).replace("$", kind) for way in ("up", "down"))
    unit = {"ratio": "ratio", "rate": "1/s"}.get(form) or str(found["unit"])
    return Measure(
        str(found["name"]), form, str(found[form]), str(found.get("of", "")), unit, up, down, bool(found.get("any"))
    )


def seen_from(series: Iterable[Series], place: int) -> list[Series]:
    """The same without the rates of steps in which nothing at all was seen: nobody knows what was there."""
    made = []
    for each in series:
        if each.measure.form == "rate" and place:
            counts = each.counts.copy()
            counts[:place] = 0.0
            each = replace(each, counts=counts)
        made.append(each)
    return made


def first(series: Iterable[Series]) -> int:
    """The first step in which anything was seen; 0 without any."""
    places = [int(np.argmax(each.numbers != 0)) for each in series if each.numbers.any()]
    return min(places, default=0)


async def read(
    reader: Reads, table: Table, environment: str, frame: Frame, also: Mapping[str, object] | None = None
) -> list[Series]:
    """The series of a table's busiest members; `also` is what else its SQL is bound to.

    Raises:
        StoreError: the store refused the query or took too long.
    """
    bound = {"environment": environment, "step": frame.step_s, **frame.bound, **(also or {})}
    rows = await reader.read(sql(table), bound)
    return [each for row in rows.rows for each in _series(table, frame, *row)]


@lru_cache(maxsize=256)
def sql(table: Table) -> str:
    """Rows of member, services, and per step the sums of each measure; bound to `Frame.bound`, environment and step."""
    words = {"window": f"{RANGE} AND Environment = {{environment:String}}", "bucket": _BUCKET}
    source = Template(table.table).substitute(words)
    conditions = [*([table.where] if table.where else []), "OfMember != ''"]
    if not table.table.startswith("("):
        conditions.insert(0, words["window"])
    sums = ", ".join(part for each in table.measures for part in _sums(each))
    # Names that no fact table has a column of: an alias would stand in the place of it.
    return f"""SELECT OfMember, arraySort(groupUniqArrayArray(8)(ByWhom)), groupArray((AtStep, AllSums))
FROM (SELECT {_BUCKET} AS AtStep, toString({table.member}) AS OfMember,
        groupUniqArray(8)(toString({table.service})) AS ByWhom, count() AS HowMany, [{sums}] AS AllSums
    FROM {source} WHERE {" AND ".join(conditions)} GROUP BY AtStep, OfMember)
GROUP BY OfMember ORDER BY sum(HowMany) DESC, OfMember LIMIT {MOST_MEMBERS}"""


_BUCKET = "intDiv(toUnixTimestamp(Timestamp), {step:UInt32})"


def _sums(measure: Measure) -> tuple[str, str, str]:
    of = f"ifNull({measure.of}, 0)" if measure.of else "1"
    if measure.form == "rate":
        value = f"toFloat64(countIf(ifNull({measure.value}, 0) != 0 AND {of}))"
        return value, "1.", value
    value = f"toFloat64({measure.value})"
    if measure.form == "geomean":
        value = f"if({value} >= 0, log({value} + 0.001), NULL)"
    elif measure.form == "ratio":
        value = f"toFloat64(({measure.value}) != 0)"
    # Infinities and what is no number are not summed; neither is what is not there.
    kept = f"ifNull(isFinite({value}) AND {of}, 0)"
    total = [f"ifNull(sumIf({each}, {kept}), 0.)" for each in (value, f"pow({value}, 2)")]
    return total[0], f"toFloat64(countIf({kept}))", total[1]


def _series(
    table: Table, frame: Frame, member: str, services: Sequence[str], steps: Sequence[tuple[int, Sequence[float]]]
) -> list[Series]:
    sums = np.zeros((len(frame.times), 3 * len(table.measures)))
    for step, found in steps:
        place = frame.places.get(step)
        if place is not None:
            sums[place] = found
    told = tuple(str(each) for each in services if each)
    made = []
    for nth, measure in enumerate(table.measures):
        numbers, counts, squares = (np.ascontiguousarray(sums[:, 3 * nth + part]) for part in range(3))
        if measure.form == "rate":
            counts = np.full(len(frame.times), float(frame.step_s))
        if table.counters:
            numbers, counts, squares = _grown(numbers, counts, squares)
        if numbers.any() or (measure.form != "rate" and counts.any()):
            one = Series(table.kind, str(member), told, table.sort, table.source, measure, numbers, counts, squares)
            made.append(one)
    return made


def _grown(numbers: Floats, counts: Floats, squares: Floats) -> tuple[Floats, Floats, Floats]:
    known = np.flatnonzero(counts > 0)
    if known.size < _COUNTER_POINTS:
        return numbers, counts, squares
    levels = numbers[known] / counts[known]
    steps = np.diff(levels)
    # A restart sets a counter back once; what falls now and then is a level.
    if not steps.any() or (steps < 0).mean() > 0.02 or (steps > 0).mean() < 0.5:
        return numbers, counts, squares
    grown, ones = np.zeros_like(numbers), np.zeros_like(counts)
    grown[known[1:]], ones[known[1:]] = np.maximum(steps, 0.0) / np.diff(known), 1.0
    return grown, ones, grown**2
