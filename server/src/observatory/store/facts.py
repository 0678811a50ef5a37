"""Facts: narrow, time-ordered tables of an area, and the views that fill them, read from the area's own SQL file.

-- table fact_orders
Timestamp DateTime64(9, 'UTC'), ...
-- order Timestamp, Environment
-- view fact_orders from spans_flat
SELECT ... FROM spans_flat WHERE ...
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from observatory.errors import MigrationError

_HEAD = re.compile(r"^-- (table|order|view) (.+)$")
_VIEW = re.compile(r"^(\w+) from (spans_flat|logs_flat|points_flat)$")


@dataclass(frozen=True, slots=True)
class FactTable:
    """A narrow table: its columns and what it is ordered by, as SQL text."""

    name: str
    columns: str
    order: str

    def ddl(self, settings: str) -> str:
        """The statement that makes it, with the `settings` every target needs."""
        return (
            f"CREATE TABLE IF NOT EXISTS {self.name} ({self.columns}) ENGINE = MergeTree "
            f"PARTITION BY toDate(Timestamp) ORDER BY ({self.order}) SETTINGS {settings}"
        )


@dataclass(frozen=True, slots=True)
class FactView:
    """What fills a fact table: a SELECT over one of the Null tables."""

    name: str
    source: str
    target: str
    select: str


def parse(text: str, origin: str) -> tuple[list[FactTable], list[FactView]]:
    """Read one facts file.

    Raises:
        MigrationError: naming `origin` and the line that is not understood.
    """
    tables: list[FactTable] = []
    views: list[FactView] = []
    pending = ("", "")
    for kind, rest, body in _blocks(text, origin):
        if kind == "table":
            pending = (rest, body)
        elif kind == "order":
            tables.append(FactTable(*pending, order=rest))
        else:
            views.append(_view(rest, body, views, origin))
    known = {table.name for table in tables}
    for view in views:
        if view.target not in known:
            raise MigrationError(f"{origin}: view into {view.target}, which the file does not make")
    return tables, views


def _view(rest: str, body: str, earlier: Iterable[FactView], origin: str) -> FactView:
    match = _VIEW.match(rest)
    if match is None:
        raise MigrationError(f"{origin}: '-- view {rest}' is not '-- view <table> from <null table>'")
    target, source = match.groups()
    name = f"{target}_from_{source.removesuffix('_flat')}"
    taken = sum(view.name.startswith(name) for view in earlier)
    return FactView(f"{name}_{taken + 1}" if taken else name, source, target, body)


def _blocks(text: str, origin: str) -> list[tuple[str, str, str]]:
    blocks: list[tuple[str, str, list[str]]] = []
    for number, line in enumerate(text.splitlines(), 1):
        head = _HEAD.match(line.strip())
        if head:
            blocks.append((head.group(1), head.group(2).strip(), []))
        elif line.strip().startswith("--") or not line.strip():
            continue
        elif not blocks:
            raise MigrationError(f"{origin}:{number}: SQL before the first '-- table'")
        else:
            blocks[-1][2].append(line)
    return [(kind, rest, "\n".join(body).strip().rstrip(";,")) for kind, rest, body in blocks]
