"""Rows as the reference gives them, read back from a table: times in nanoseconds, maps as pairs."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

from observatory.store import Reader


async def rows(reader: Reader, table: str, column: str, since: int, until: int) -> list[dict[str, Any]]:
    """Every row of `table` whose time `column` is in the window, with every column, the materialized ones too."""
    described = await reader.read(
        "SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = {table:String}",
        {"table": table},
    )
    columns = ", ".join(f"{_plain(f'`{name}`', kind)} AS `{name}`" for name, kind in described.rows)
    found = await reader.read(
        f"SELECT * FROM (SELECT {columns} FROM {table}) WHERE `{column}` BETWEEN {{since:Int64}} AND {{until:Int64}}",
        {"since": since, "until": until},
    )
    return found.dicts()


def counted(found: Iterable[dict[str, Any]]) -> Counter[str]:
    """Rows as a multiset that can be compared, with NaN equal to itself."""
    return Counter("\n".join(f"{name}: {_settled(row[name])!r}" for name in sorted(row)) for row in found)


def _plain(name: str, kind: str) -> str:
    if kind.startswith("DateTime64"):
        return f"toUnixTimestamp64Nano({name})"
    if kind.startswith("DateTime("):
        return f"toUnixTimestamp({name})"
    if kind.startswith("Map"):
        return f"arrayZip(mapKeys({name}), mapValues({name}))"
    inner = re.fullmatch(r"Array\((.*)\)", kind)
    if inner and _plain("x", inner.group(1)) != "x":
        return f"arrayMap(x -> {_plain('x', inner.group(1))}, {name})"
    return name


def _settled(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_settled(each) for each in value]
    if isinstance(value, float):
        return "nan" if math.isnan(value) else repr(value)
    return value
