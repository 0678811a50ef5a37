"""An area's one query: every indicator over every environment, a row per group of them and member.

Most of what a round costs is the store's planning of this text, so it is written once, holds each expression once, and
takes the times as parameters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import groupby
from string import Template

from observatory.areas.definition import Definition
from observatory.model import Indicator

# More members than this are not told apart: the ones with the most rows are kept.
MEMBERS = 500

_TIME = "DateTime64(9, 'UTC')"


@dataclass(frozen=True, slots=True)
class Part:
    """Indicators that are read in one pass: same source, window and groups.

    Attributes:
        indicators: what is read.
        columns: the SQL aggregates behind them, each once.
    """

    indicators: tuple[Indicator, ...]
    columns: tuple[str, ...]


@cache
def parts(definition: Definition) -> Sequence[Part]:
    """The passes of an area's query, in the order of their numbers."""
    read = sorted((each for each in definition.indicators.values() if each.value), key=_plan)
    return [_pass(tuple(same)) for _, same in groupby(read, key=_plan)]


@cache
def render(definition: Definition) -> str:
    """The SQL of the area's query, with the parameters of `parameters`.

    Each row is: number of the part, environment, member, and the part's columns as the text of a tuple. They are
    numbers or NULL, so that commas part them.
    """
    selects = [_part(place, definition.selects, part) for place, part in enumerate(parts(definition))]
    return "\nUNION ALL\n".join(selects)


def parameters(definition: Definition, at: datetime, since: datetime) -> Mapping[str, object]:
    """What the area's query is bound to.

    Args:
        definition: the area.
        at: end of the windows.
        since: since when the server listens.
    """
    windows = {part.indicators[0].window_s for part in parts(definition)}
    starts = {f"since_{window_s}": _text(at - timedelta(seconds=window_s)) for window_s in windows}
    return {"now": _text(at), "listening": _text(since), **starts}


def nanoseconds(at: datetime) -> int:
    """`at` since 1970, exact to the microsecond; a float would lose them."""
    return int(at.timestamp()) * 1_000_000_000 + at.microsecond * 1_000


def _text(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def _plan(indicator: Indicator) -> tuple[str, int, tuple[str, ...]]:
    return indicator.reads, indicator.window_s, indicator.group_by


def _pass(indicators: tuple[Indicator, ...]) -> Part:
    expressions = (
        each
        for indicator in indicators
        for each in (indicator.value, indicator.samples, indicator.judged_if, indicator.needs_s, indicator.estimated_if)
    )
    return Part(indicators, tuple(dict.fromkeys(expressions)))


def _part(place: int, selects: Mapping[str, str], part: Part) -> str:
    source, window_s, group_by = _plan(part.indicators[0])
    now, since = f"{{now:{_TIME}}}", f"{{since_{window_s}:{_TIME}}}"
    words = {
        "now": now,
        "since": since,
        "window": f"Timestamp > {since} AND Timestamp <= {now}",
        "listened": f"dateDiff('millisecond', {{listening:{_TIME}}}, {now}) / 1e3",
    }
    origin = f"({selects[source]})" if source in selects else f"{source} WHERE $window"
    member = f"arrayStringConcat([{', '.join(f'toString({each})' for each in group_by)}], '/')" if group_by else "''"
    groups = ", ".join(("Environment", *group_by))
    limit = f" ORDER BY count() DESC LIMIT {MEMBERS} BY Environment" if group_by else ""
    columns = f"toString(tuple({', '.join(part.columns)})) AS Columns"
    return Template(
        f"SELECT {place} AS Part, Environment, {member} AS Member, {columns}\nFROM {origin}\nGROUP BY {groups}{limit}"
    ).substitute(words)
