"""An area's one query: every indicator over every environment, a row per group of them and member."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import groupby
from string import Template

from observatory.areas.definition import Definition
from observatory.model import Indicator

# More members than this are not told apart: the ones with the most rows are kept.
MEMBERS = 500

_NOW = "fromUnixTimestamp64Nano({now_ns:Int64}, 'UTC')"


def parts(definition: Definition) -> Sequence[Sequence[Indicator]]:
    """The indicators that are read in one pass each: same source, window and groups."""
    read = sorted((each for each in definition.indicators.values() if each.value), key=_plan)
    return [tuple(same) for _, same in groupby(read, key=_plan)]


def render(definition: Definition) -> str:
    """The SQL of the area's query. Its one parameter is `now_ns`, nanoseconds since 1970.

    Each row is: number of the part, environment, member, and one array each, in the part's order, of values as text
    or NULL, of samples, of whether it may be judged, and of whether it is estimated.
    """
    selects = [_part(place, definition.selects, part) for place, part in enumerate(parts(definition))]
    return "\nUNION ALL\n".join(selects)


def nanoseconds(at: datetime) -> int:
    """`at` since 1970, exact to the microsecond; a float would lose them."""
    return int(at.timestamp()) * 1_000_000_000 + at.microsecond * 1_000


def _plan(indicator: Indicator) -> tuple[str, int, tuple[str, ...]]:
    return indicator.source, indicator.window_s, indicator.group_by


def _part(place: int, selects: Mapping[str, str], part: Sequence[Indicator]) -> str:
    source, window_s, group_by = _plan(part[0])
    since = f"{_NOW} - toIntervalSecond({window_s})"
    words = {"now": _NOW, "since": f"({since})", "window": f"Timestamp > {since} AND Timestamp <= {_NOW}"}
    origin = f"({selects[source]})" if source in selects else f"{source} WHERE $window"
    member = f"arrayStringConcat([{', '.join(f'toString({each})' for each in group_by)}], '/')" if group_by else "''"
    groups = ", ".join(("Environment", *group_by))
    limit = f" ORDER BY count() DESC LIMIT {MEMBERS} BY Environment" if group_by else ""
    values = ", ".join(f"CAST(toString({each.value}), 'Nullable(String)')" for each in part)
    samples = ", ".join(f"toUInt64(ifNull({each.samples}, 0))" for each in part)
    judged = ", ".join(f"toUInt8(ifNull({each.judged_if}, 0))" for each in part)
    estimated = ", ".join(f"toUInt8(ifNull({each.estimated_if}, 0))" for each in part)
    return Template(
        f"SELECT {place} AS Part, Environment, {member} AS Member, [{values}] AS Values, [{samples}] AS Samples, "
        f"[{judged}] AS Judged, [{estimated}] AS Estimated\nFROM {origin}\nGROUP BY {groups}{limit}"
    ).substitute(words)
