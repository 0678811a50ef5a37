"""A deep dive: what an area's own endpoint shows over any range of time, as its folder's `deepdives.yaml` says.

- path: trading
  sentence: Orders, venue by venue.
  numbers_at_most: 1h          # optional: numbers of indicators look back so far at most, however long the range
  sections:
    - id: execution            # one value each: indicators of the whole area
      numbers: {success_rate: execution_success}
    - id: exchanges            # a row for each member of a group
      members: [exchange]      # names of the group's parts, in the order of `group_by`
      numbers: {success_rate: exchange_execution_success}
    - id: unknown_orders       # rows of a query; $window, $now, $since and the named sub-selects stand in it
      rows: SELECT ClientId AS order_id, AgeS AS age_s FROM $unknown ORDER BY age_s DESC
      source: fact_order_states
      at_least: 1d             # optional: looks back so far at least
      columns: {order_id: client's id of the order, age_s: seconds since its state was lost}
      then: aged               # optional: a function of the area's `sections.py` that is handed the rows and the span
    - id: models               # rows of what the ledger of costs tells
      asks: [spent]            # names in `READS` of the area's `sections.py`; sections that ask the same share one read
      then: models             # is handed what each of them told, by name, and the span
      source: the ledger
      columns: {model: the model, cost_usd: what it cost}
    - id: incidents            # rows that another room tells, by its topic; `source` and `columns` as of a query
      told: incidents
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import import_module
from importlib.resources import files
from typing import Any

import yaml

from observatory.areas import presence, select
from observatory.areas.assess import Span, read_range, shape
from observatory.areas.definition import Definition, DefinitionError, length_s
from observatory.areas.readings import Readings
from observatory.costs import Ledger
from observatory.model import Indicator, Measurement
from observatory.store import Reader

MOST_ROWS = 1_000
_KEYS = {"id", "sentence", "numbers", "members", "rows", "asks", "told", "columns", "source", "then", "at_least"}

Row = Mapping[str, Any]
Then = Callable[[Any, Span], Sequence[Row]]
Ask = Callable[[Ledger, str, Span], Awaitable[Sequence[Any]]]


@dataclass(frozen=True, slots=True)
class Section:
    """One part of a deep dive.

    Attributes:
        id: its field's name.
        sentence: what it shows.
        numbers: field name to the name of the indicator, for values of the area and for rows by member.
        members: names of the parts of a member; empty: the area's own values, or rows of a query.
        rows: SQL of rows; empty: indicators.
        columns: field name of a row to its sentence.
        source: the tables that `rows` reads, or the place that is told of.
        at_least_s: seconds that `rows` looks back at least, however short the range.
        then: what is done with the rows before they are shown.
        asks: reads of the ledger by name; empty: none.
        told: topic of rows that another room tells; empty: they are read here.
    """

    id: str
    sentence: str
    numbers: Mapping[str, str]
    members: tuple[str, ...]
    rows: str
    columns: Mapping[str, str]
    source: str
    at_least_s: int = 0
    then: Then | None = None
    told: str = ""
    asks: Mapping[str, Ask] = field(default_factory=dict)

    @property
    def plain(self) -> bool:
        """Whether it lists rows as they are, and not numbers of indicators."""
        return bool(self.rows or self.told or self.asks)


# Compared by identity, like the area it belongs to.
@dataclass(frozen=True, slots=True, eq=False)
class DeepDive:
    """One endpoint of an area: `path` below `/api/v1/monitoring`."""

    area: str
    path: str
    sentence: str
    sections: tuple[Section, ...]
    numbers_at_most_s: int | None = None

    @property
    def filters(self) -> tuple[str, ...]:
        """Names that rows can be filtered by: the parts of members, and columns of text."""
        names = [name for section in self.sections for name in section.members]
        return tuple(dict.fromkeys(names))


@dataclass(frozen=True, slots=True)
class Shown:
    """What one section holds.

    Attributes:
        section: the section.
        numbers: its values by field; only of a section of the area's own values.
        rows: its rows: of a section by member with a `Measurement` for each number, of a query plain values.
    """

    section: Section
    numbers: Mapping[str, Measurement]
    rows: Sequence[Row]


@cache
def load(definition: Definition) -> tuple[DeepDive, ...]:
    """The deep dives of an area; none without a `deepdives.yaml`.

    Raises:
        DefinitionError: one of them contradicts itself or the area's indicators.
    """
    file = files(f"{__package__}.{definition.id}").joinpath("deepdives.yaml")
    if not file.is_file():
        return ()
    return tuple(_deep_dive(definition, entry) for entry in yaml.safe_load(file.read_text(encoding="utf-8")))


async def read(
    definition: Definition,
    found: DeepDive,
    reader: Reader,
    environment: str,
    span: Span,
    alive: Collection[str] | None = (),
    only: str | None = None,
    told: Mapping[str, Sequence[Row]] | None = None,
    ledger: Ledger | None = None,
) -> tuple[Shown, ...]:
    """What a deep dive shows.

    Args:
        definition: the area.
        found: its deep dive.
        reader: reads the telemetry store.
        environment: the one environment that is looked at.
        span: the range of time.
        alive: services whose heartbeat was fresh at its end; None: the store is asked.
        only: id of the one section to read; None: all.
        told: by topic, the rows of other rooms.
        ledger: what was spent; needed where a section asks it.

    Raises:
        StoreError: the store refused a query or took too long.
    """
    sections = [section for section in found.sections if only in (None, section.id)]
    names = frozenset(
        name for section in sections for field in section.numbers.values() for name in _reads(definition, field)
    )
    whole = span
    if found.numbers_at_most_s is not None:
        span = replace(span, window_s=min(span.window_s, found.numbers_at_most_s))
    readings, fresh, rows, asked = await asyncio.gather(
        read_range(definition, reader, names, environment, span),
        _alive(definition, reader, environment, span) if names and alive is None else _known(alive or ()),
        _listed(definition, sections, reader, environment, whole),
        _asked(sections, ledger, environment, whole),
    )
    measured = shape(definition, readings, fresh, span.end, span.listening).readings if names else ()
    shaped = Readings(definition.id, measured)
    rows = {
        **rows,
        **asked,
        **{each.id: (told or {}).get(each.told, ())[:MOST_ROWS] for each in sections if each.told},
    }
    return tuple(_shown(definition, section, shaped, rows.get(section.id, ()), span) for section in sections)


async def _alive(definition: Definition, reader: Reader, environment: str, span: Span) -> Collection[str]:
    return await presence.alive(reader, environment, definition.emitters, span.end)


async def _known(alive: Collection[str]) -> Collection[str]:
    return alive


def indicator(definition: Definition, name: str) -> Indicator:
    """An indicator of the area by its name without the area."""
    return definition.indicators[f"{definition.id}.{name}"]


def _shown(definition: Definition, section: Section, readings: Readings, rows: Sequence[Row], span: Span) -> Shown:
    if section.plain:
        return Shown(section, {}, rows)
    if not section.members:
        numbers = {field: readings.whole(name) for field, name in section.numbers.items()}
        absent = {field: _absent(indicator(definition, name), span) for field, name in section.numbers.items()}
        return Shown(section, {field: value or absent[field] for field, value in numbers.items()}, ())
    series = {field: readings.members(name) for field, name in section.numbers.items()}
    # In the order of the first series, which is the one with most rows first. The query has rows of other facts, too:
    # one of which nothing was counted is no member here.
    members = dict.fromkeys(
        member for found in series.values() for member, measured in found.items() if member and measured.samples
    )
    made = [
        {
            **dict(zip(section.members, _parts(member, len(section.members)), strict=True)),
            **{
                field: found.get(member) or _absent(indicator(definition, section.numbers[field]), span)
                for field, found in series.items()
            },
        }
        for member in members
    ]
    return Shown(section, {}, made)


def _parts(member: str, count: int) -> list[str]:
    # The last part may hold the separator itself: a symbol such as BTC/USDT.
    parts = member.split("/", count - 1)
    return parts + [""] * (count - len(parts))


def _absent(found: Indicator, span: Span) -> Measurement:
    return Measurement(None, found.unit, 0, max(span.window_s, 1), span.end, found.source)


async def _listed(
    definition: Definition, sections: Iterable[Section], reader: Reader, environment: str, span: Span
) -> Mapping[str, Sequence[Row]]:
    """The rows of the sections that list some, by section. Two that say the same of the same time share one query."""
    listed = [section for section in sections if section.rows]
    spans = {section.id: replace(span, window_s=max(span.window_s, section.at_least_s)) for section in listed}
    asked = {(section.rows, spans[section.id].window_s): section for section in listed}
    reads = (_rows(definition, each, reader, environment, spans[each.id]) for each in asked.values())
    found = dict(zip(asked, await asyncio.gather(*reads), strict=True))
    return {each.id: _finished(each, found[each.rows, spans[each.id].window_s], spans[each.id]) for each in listed}


async def _asked(
    sections: Iterable[Section], ledger: Ledger | None, environment: str, span: Span
) -> Mapping[str, Sequence[Row]]:
    """The rows of the sections that ask the ledger, by section; each read is made once."""
    asking = [section for section in sections if section.asks]
    reads = {name: ask for section in asking for name, ask in section.asks.items()}
    if not reads:
        return {}
    if ledger is None:
        raise ValueError("the ledger is needed to show what was spent")
    told = dict(
        zip(reads, await asyncio.gather(*(ask(ledger, environment, span) for ask in reads.values())), strict=True)
    )
    return {
        section.id: section.then({name: told[name] for name in section.asks}, span)[:MOST_ROWS]
        for section in asking
        if section.then
    }


def _finished(section: Section, rows: Sequence[Row], span: Span) -> Sequence[Row]:
    return (section.then(rows, span) if section.then else rows)[:MOST_ROWS]


async def _rows(
    definition: Definition, section: Section, reader: Reader, environment: str, span: Span
) -> Sequence[Row]:
    bound = {
        "now": select.text(span.end),
        "since_0": select.text(span.start),
        "listening": select.text(span.listening),
        "environment": environment,
    }
    return (await reader.read(_sql(definition, section.rows), bound)).dicts()


@cache
def _sql(definition: Definition, rows: str) -> str:
    return f"SELECT * FROM ({select.listed(definition, rows)}) LIMIT 20000"


def _reads(definition: Definition, name: str) -> tuple[str, ...]:
    """The indicators to read for one: itself, or for a derived one all that its area derives from."""
    found = indicator(definition, name)
    if found.value:
        return (found.id,)
    return tuple(f"{definition.id}.{each}" for each in definition.view.reads)


def _deep_dive(definition: Definition, entry: Mapping[str, Any]) -> DeepDive:
    sections = tuple(_section(definition, str(entry["path"]), each) for each in entry["sections"])
    names = [section.id for section in sections]
    if len(set(names)) != len(names):
        raise DefinitionError(f"{definition.id}: {entry['path']} has a section twice")
    where = f"{definition.id}: {entry['path']}"
    at_most_s = length_s(str(entry["numbers_at_most"]), where) if "numbers_at_most" in entry else None
    return DeepDive(definition.id, str(entry["path"]), str(entry["sentence"]), sections, at_most_s)


def _section(definition: Definition, path: str, entry: Mapping[str, Any]) -> Section:
    where = f"{definition.id}: section {entry.get('id')!r} of {path}"
    if unknown := set(entry) - _KEYS:
        raise DefinitionError(f"{where}: unknown field {', '.join(sorted(unknown))}")
    if len({"rows", "numbers", "asks", "told"} & set(entry)) != 1:
        raise DefinitionError(f"{where}: needs one of rows, numbers, asks and told")
    if "asks" in entry and "then" not in entry:
        raise DefinitionError(f"{where}: asks need a function that makes rows")
    if "numbers" not in entry and not (entry.get("columns") and entry.get("source")):
        raise DefinitionError(f"{where}: rows need columns and a source")
    numbers = dict(entry.get("numbers", {}))
    for name in numbers.values():
        _check(definition, where, name, tuple(entry.get("members", ())))
    return Section(
        id=str(entry["id"]),
        sentence=str(entry["sentence"]),
        numbers=numbers,
        members=tuple(entry.get("members", ())),
        rows=str(entry.get("rows", "")),
        columns=dict(entry.get("columns", {})),
        source=str(entry.get("source", "")),
        at_least_s=length_s(str(entry["at_least"]), where) if "at_least" in entry else 0,
        then=_then(definition, where, entry.get("then")),
        asks={str(name): _ask(definition, where, str(name)) for name in entry.get("asks", ())},
        told=str(entry.get("told", "")),
    )


def _check(definition: Definition, where: str, name: str, members: tuple[str, ...]) -> None:
    found = definition.indicators.get(f"{definition.id}.{name}")
    if found is None:
        raise DefinitionError(f"{where}: no indicator {name}")
    if len(found.group_by) != len(members) and found.value:
        raise DefinitionError(f"{where}: {name} has {len(found.group_by)} groups, the section {len(members)}")


def _then(definition: Definition, where: str, name: str | None) -> Then | None:
    if name is None:
        return None
    made: Then | None = getattr(import_module(f"{__package__}.{definition.id}.sections"), name, None)
    if made is None:
        raise DefinitionError(f"{where}: sections.py has no {name}")
    return made


def _ask(definition: Definition, where: str, name: str) -> Ask:
    known: Mapping[str, Ask] = import_module(f"{__package__}.{definition.id}.sections").READS
    if name not in known:
        raise DefinitionError(f"{where}: sections.py reads no {name}")
    return known[name]
