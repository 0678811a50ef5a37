"""An area as its folder defines it: facts, indicators and the shape of its view.

A new area is a folder here (`facts.sql`, `indicators.yaml`, `view.py`) and one entry in `catalogue/areas.yaml`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from importlib import import_module
from importlib.resources import files
from typing import cast

import yaml

from observatory.areas.readings import Readings
from observatory.errors import ObservatoryError
from observatory.model import Bound, Comparison, Indicator, Reading

_BOUND = re.compile(r"(>=|<=|>|<)\s*(-?\d+(?:\.\d+)?)")
_TABLE = re.compile(r"\bfact_\w+")
_NAMED = re.compile(r"\$(\w+)")
_WINDOW = re.compile(r"(\d+)([smhd])")
WILSON = "wilson"
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_KEYS = {
    *(
        "id",
        "sentence",
        "unit",
        "windows",
        "group_by",
        "from",
        "value",
        "samples",
        "judged_if",
        "needs_s",
        "estimated_if",
    ),
    *("warn", "crit", "least_samples", "bound_source", "zero_from", "interval"),
}


class DefinitionError(ObservatoryError):
    """An area's folder contradicts itself. The message names the area, the indicator and the field."""


def nothing(_readings: Readings, _at: datetime) -> Iterable[Reading]:
    """The derivation of an area that derives nothing."""
    return ()


@dataclass(frozen=True, slots=True)
class View:
    """How an area's entry of system-health is made.

    Attributes:
        numbers: API field name to the name of the indicator it shows, in the order they appear.
        lists: API field name to the function that reads a list of names out of the readings.
        derive: readings that are computed from other readings, such as money from tokens.
        reads: names of the indicators that `lists` and `derive` read.
    """

    numbers: Mapping[str, str]
    lists: Mapping[str, Callable[[Readings, datetime], tuple[str, ...]]] = field(default_factory=dict)
    derive: Callable[[Readings, datetime], Iterable[Reading]] = nothing
    reads: tuple[str, ...] = ()


# Compared by identity: an area is loaded once, and its query is written once for it.
@dataclass(frozen=True, slots=True, eq=False)
class Definition:
    """One area.

    Attributes:
        id: the area's id in the catalogue.
        facts: its tables and views, in the form that the store applies.
        selects: named sub-selects that indicators read from, with `$window`, `$now`, `$since` (start of the window),
            `$leaf` (`select.LEAF`) and `$listened` (seconds for which the server has listened).
        indicators: by id, in the file's order.
        view: the shape of its entry.
    """

    id: str
    facts: str
    selects: Mapping[str, str]
    indicators: Mapping[str, Indicator]
    view: View

    @property
    def emitters(self) -> frozenset[str]:
        """Services whose heartbeat is asked for before a count is taken as 0."""
        return frozenset(name for indicator in self.indicators.values() for name in indicator.zero_from)


def load(area: str, package: str = __package__) -> Definition:
    """The area in the folder `area` of `package`.

    Raises:
        DefinitionError: its data contradicts itself.
    """
    room = files(f"{package}.{area}")
    return decode(
        area,
        facts=room.joinpath("facts.sql").read_text(encoding="utf-8"),
        indicators=room.joinpath("indicators.yaml").read_text(encoding="utf-8"),
        view=cast(View, import_module(f"{package}.{area}.view").VIEW),
    )


def decode(area: str, *, facts: str, indicators: str, view: View) -> Definition:
    """A definition from the text of its files.

    Raises:
        DefinitionError: a field is missing, unknown or bad, or the view names an indicator that does not exist.
    """
    document = yaml.safe_load(indicators)
    selects = document.get("selects", {})
    bounds = str(document["bound_source"])
    decoded: dict[str, Indicator] = {}
    for entry in (*document["indicators"], *_every_area()):
        for indicator in _indicators(area, selects, entry, bounds):
            if indicator.id in decoded:
                raise DefinitionError(f"{area}: indicator {indicator.id} stands twice")
            decoded[indicator.id] = indicator
    missing = [name for name in view.numbers.values() if f"{area}.{name}" not in decoded]
    if missing:
        raise DefinitionError(f"{area}: the view shows {', '.join(missing)}, which no indicator measures")
    return Definition(area, facts, selects, decoded, view)


@cache
def _every_area() -> tuple[Mapping[str, object], ...]:
    return tuple(yaml.safe_load(files(__package__).joinpath("every_area.yaml").read_text(encoding="utf-8")))


def source(area: str, selects: Mapping[str, str], reads: str) -> str:
    """Where a number comes from, as `provenance` says it: the tables, and the rule of docs/reference/indicators.md."""
    if reads not in selects:
        return reads
    return f"{' and '.join(dict.fromkeys(_tables(selects, reads)))} (rule {area}.{reads})"


def _tables(selects: Mapping[str, str], reads: str) -> Iterable[str]:
    yield from _TABLE.findall(selects[reads])
    for name in _NAMED.findall(selects[reads]):
        if name in selects:
            yield from _tables(selects, name)


def _indicators(area: str, selects: Mapping[str, str], entry: Mapping[str, object], bounds: str) -> Iterable[Indicator]:
    where = f"{area}: indicator {entry.get('id')!r}"
    unknown = set(entry) - _KEYS
    if unknown:
        raise DefinitionError(f"{where}: unknown field {', '.join(sorted(unknown))}")
    # The bounds are held against the first window; the longer ones are there to be read.
    for place, window in enumerate(_texts(entry, "windows") or ("5m",)):
        name = str(entry["id"]) if place == 0 else f"{entry['id']}_{window}"
        yield Indicator(
            id=f"{area}.{name}",
            area=area,
            sentence=str(entry["sentence"]),
            unit=str(entry["unit"]),
            window_s=length_s(window, where),
            group_by=_texts(entry, "group_by"),
            reads=str(entry["from"]),
            source=source(area, selects, str(entry["from"])),
            value=str(entry.get("value", "")),
            samples=str(entry.get("samples", "count()")),
            judged_if=str(entry.get("judged_if", "1")),
            needs_s=str(entry.get("needs_s", "0")),
            estimated_if=str(entry.get("estimated_if", "0")),
            warn=_bound(entry.get("warn"), where) if place == 0 else None,
            crit=_bound(entry.get("crit"), where) if place == 0 else None,
            least_samples=int(str(entry.get("least_samples", 1))),
            bound_source=str(entry.get("bound_source", bounds)),
            zero_from=_texts(entry, "zero_from"),
            interval=_interval(entry, where),
        )


def _interval(entry: Mapping[str, object], where: str) -> tuple[str, ...]:
    ends = _texts(entry, "interval")
    if ends in ((), (WILSON,)) or len(ends) == 2:
        return ends
    raise DefinitionError(f"{where}: interval is {ends!r}, must be {WILSON} or two SQL expressions")


def _texts(entry: Mapping[str, object], key: str) -> tuple[str, ...]:
    values = entry.get(key, ())
    return tuple(map(str, values)) if isinstance(values, list | tuple) else (str(values),)


def length_s(text: str, where: str) -> int:
    """Seconds of a length such as `5m`.

    Raises:
        DefinitionError: it is none; the message begins with `where`.
    """
    match = _WINDOW.fullmatch(text)
    if match is None:
        raise DefinitionError(f"{where}: window is {text!r}, must be like 5m or 1h")
    return int(match[1]) * _SECONDS[match[2]]


def _bound(text: object, where: str) -> Bound | None:
    if text is None:
        return None
    match = _BOUND.fullmatch(str(text))
    if match is None:
        raise DefinitionError(f"{where}: bound is {text!r}, must be like '> 5' or '< 0.95'")
    return Bound(Comparison(match[1]), float(match[2]))
