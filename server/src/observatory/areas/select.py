"""An area's one query: every indicator over every environment, a row per group of them and member.

Most of what a round costs is the store's planning of this text, so it is written once, holds each expression once, and
takes the times as parameters.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import groupby
from string import Template

from observatory.areas.definition import Definition
from observatory.model import Indicator

# More members than this are not told apart: the ones with the most rows are kept.
MEMBERS = 500

_FILTER = re.compile(r"SELECT \* FROM (\w+ WHERE (?:(?!GROUP BY).)+)")
_TIME = "DateTime64(9, 'UTC')"
# A call round another call is the same call, seen by two instrumentations: the inner one counts. Two areas read by it.
LEAF = "Id NOT IN (SELECT Within FROM fact_ai_calls WHERE {window} AND Within != 0)"
_ONE_ENVIRONMENT = " AND Environment = {environment:String}"


@dataclass(frozen=True, slots=True)
class Part:
    """Indicators that are read in one pass: same source, window and groups.

    The rows of a sub-select that aggregates are few: over them, an area's own value and those by group are one pass.

    Attributes:
        indicators: what is read.
        group_by: columns whose values name the members.
        whole: whether values of the whole area are read.
        columns: the SQL aggregates behind them, each once.
        urgent: whether one of them is judged, or is shown in the area's entry.
    """

    indicators: tuple[Indicator, ...]
    group_by: tuple[str, ...]
    whole: bool
    columns: tuple[str, ...]
    urgent: bool

    def of(self, whole: bool) -> Iterator[Indicator]:
        """The indicators of a row: those of the whole area, or those by group."""
        return (each for each in self.indicators if whole is not bool(each.group_by))


@cache
def parts(
    definition: Definition, names: frozenset[str] | None = None, ranged: frozenset[int] = frozenset()
) -> Sequence[Part]:
    """The passes of an area's query, in the order of their numbers.

    Args:
        definition: the area.
        names: ids of the indicators to read; None: all.
        ranged: own windows that a range of time stands in for: what only they tell apart is one pass. An area's own
            values and those by group are then one pass over rows of any kind: planning a pass costs more than the rows
            of the usual range.
    """
    asked = (each for each in definition.indicators.values() if names is None or each.id in names)

    def place(indicator: Indicator) -> tuple[str, int]:
        select = definition.selects.get(indicator.reads, indicator.reads)
        return select, 0 if indicator.window_s in ranged else indicator.window_s

    read = sorted((each for each in asked if each.value), key=lambda each: (*place(each), each.group_by))
    groups: dict[tuple[str, int], set[tuple[str, ...]]] = {}
    for each in read:
        groups.setdefault(place(each), set()).add(each.group_by)

    def same_pass(indicator: Indicator) -> tuple[str, int, tuple[str, ...]]:
        found, few = groups[place(indicator)], "GROUP BY" in place(indicator)[0]
        together = (few or ranged) and () in found and len(found) == 2
        return *place(indicator), () if together else indicator.group_by

    shown = {f"{definition.id}.{name}" for name in (*definition.view.numbers.values(), *definition.view.reads)}
    return [_pass(tuple(same), shown) for _, same in groupby(read, key=same_pass)]


@cache
def render_some(definition: Definition, names: frozenset[str], ranged: frozenset[int]) -> Sequence[str]:
    """The SQL of each of `parts`, in the one environment of the parameter `environment`; rows as of `render`.

    One by one: the store plans a query on one core, and several at once on all of them.
    """
    read = parts(definition, names, ranged)
    return [
        _part(place, definition.selects, part, _ONE_ENVIRONMENT, 0 if _window_s(part) in ranged else None)
        for place, part in enumerate(read)
    ]


@cache
def render_every(definition: Definition, names: frozenset[str]) -> str:
    """The SQL that reads some indicators in every environment; bound to `parameters`, rows as of `render`."""
    return "\nUNION ALL\n".join(
        _part(place, definition.selects, part) for place, part in enumerate(parts(definition, names))
    )


def listed(definition: Definition, sql: str) -> str:
    """SQL of the area's own, with the times, the environment and the named sub-selects (`$live`) filled in.

    It is bound to `now`, `since_0` (start of the window), `listening` and `environment`.
    """
    return Template(sql).substitute(_named(definition.selects, _words(0, _ONE_ENVIRONMENT)))


@cache
def render(definition: Definition, whole: bool = True) -> str:
    """The SQL of the area's query, with the parameters of `parameters`; its urgent passes only if not `whole`.

    Each row is: number of the part, whether it is of the whole area, environment, member, and the part's columns as the
    text of a tuple. They are numbers or NULL, so that commas part them.
    """
    selects = [
        _part(place, definition.selects, part) for place, part in enumerate(parts(definition)) if whole or part.urgent
    ]
    return "\nUNION ALL\n".join(selects)


def parameters(definition: Definition, at: datetime, since: datetime) -> Mapping[str, object]:
    """What the area's query is bound to.

    Args:
        definition: the area.
        at: end of the windows.
        since: since when the server listens.
    """
    windows = {_window_s(part) for part in parts(definition)}
    starts = {f"since_{window_s}": text(at - timedelta(seconds=window_s)) for window_s in windows}
    return {"now": text(at), "listening": text(since), **starts}


def nanoseconds(at: datetime) -> int:
    """`at` since 1970, exact to the microsecond; a float would lose them."""
    return int(at.timestamp()) * 1_000_000_000 + at.microsecond * 1_000


def text(at: datetime) -> str:
    """`at` as the store reads a bound time."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def _pass(indicators: tuple[Indicator, ...], shown: Collection[str]) -> Part:
    expressions = (
        each
        for indicator in indicators
        for each in (
            indicator.value,
            indicator.samples,
            indicator.judged_if,
            indicator.needs_s,
            indicator.estimated_if,
            *(indicator.interval if len(indicator.interval) == 2 else ()),
        )
    )
    urgent = any(indicator.bounded or indicator.id in shown for indicator in indicators)
    group_by = max((indicator.group_by for indicator in indicators), key=len)
    whole = any(not indicator.group_by for indicator in indicators)
    return Part(indicators, group_by, whole, tuple(dict.fromkeys(expressions)), urgent)


def _origin(select: str) -> str:
    # A sub-select that only filters costs a plan of its own: its table and condition stand in its place.
    plain = _FILTER.fullmatch(select.strip())
    return plain[1] if plain else f"({select})"


def _window_s(part: Part) -> int:
    return part.indicators[0].window_s


def _part(place: int, selects: Mapping[str, str], part: Part, also: str = "", window_s: int | None = None) -> str:
    """The SQL of one pass; `window_s` stands for the indicators' own in the name of the parameter."""
    source = part.indicators[0].reads
    window_s = _window_s(part) if window_s is None else window_s
    origin = _origin(selects[source]) if source in selects else f"{source} WHERE $window"
    whole, member, groups = _groups(part)
    columns = f"toString(tuple({', '.join(part.columns)})) AS Columns"
    return Template(
        f"SELECT {place} AS Part, {whole} AS Whole, Environment, {member} AS Member, {columns}\n"
        f"FROM {origin}\nGROUP BY {groups}"
    ).substitute(_named(selects, _words(window_s, also)))


def _named(selects: Mapping[str, str], words: dict[str, str]) -> Mapping[str, str]:
    """The words, and the named sub-selects; one may be written over those before it in the same file."""
    for name, select in selects.items():
        words[name] = f"({Template(select.strip()).substitute(words)})"
    return words


def _words(window_s: int, also: str) -> dict[str, str]:
    """What stands for `$window`, `$leaf` and the times; `also` is a further condition on every row."""
    now, since = f"{{now:{_TIME}}}", f"{{since_{window_s}:{_TIME}}}"
    window = f"Timestamp > {since} AND Timestamp <= {now}{also}"
    return {
        "now": now,
        "since": since,
        "window": window,
        "leaf": LEAF.format(window=window),
        "listened": f"dateDiff('millisecond', {{listening:{_TIME}}}, {now}) / 1e3",
    }


def _groups(part: Part) -> tuple[str, str, str]:
    """SQL of whether a row is of the whole area, of its member, and what rows are grouped by."""
    if not part.group_by:
        return "1", "''", "Environment"
    member = f"arrayStringConcat([{', '.join(f'toString({each})' for each in part.group_by)}], '/')"
    groups = ", ".join(("Environment", *part.group_by))
    limit = f" ORDER BY count() DESC LIMIT {MEMBERS} BY Whole, Environment"
    if not part.whole:
        return "0", member, groups + limit
    whole = f"grouping({part.group_by[0]}) = 1"
    return whole, f"if({whole}, '', {member})", f"GROUPING SETS ((Environment), ({groups})){limit}"
