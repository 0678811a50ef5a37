"""Facts: narrow, time-ordered tables of an area, and the views that fill them, read from the area's own SQL file.

-- table fact_orders
Timestamp DateTime64(9, 'UTC'), ...
-- order Timestamp, Environment
-- view fact_orders from spans_picked
SELECT ... FROM spans_picked
WHERE ...

`spans_flat`, `logs_flat` and `points_flat` hold every row of a batch. `spans_picked` holds the spans that any view from
it asks for: the conditions of all are tested once, and a batch without such spans is no work for any of them.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from itertools import zip_longest

from observatory.errors import MigrationError

_HEAD = re.compile(r"^-- (table|order|view) (.+)$")
_NAME = re.compile(r"\w+")
_VIEW = re.compile(r"^(\w+) from (spans_flat|spans_picked|logs_flat|points_flat)$")
PICKED = "spans_picked"
_PICKS = re.compile(rf"FROM {PICKED}\s+WHERE (.+?)\s*(?:\n\s*\)|\Z)", re.DOTALL)


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

    def additions(self) -> dict[str, str]:
        """By column, the statement that gives it to a table of an earlier version. Old rows hold its default."""
        columns = _apart(self.columns)
        return {column.split()[0]: f"ALTER TABLE {self.name} ADD COLUMN IF NOT EXISTS {column}" for column in columns}


@dataclass(frozen=True, slots=True)
class FactView:
    """What fills a fact table: a SELECT over one of the Null tables."""

    name: str
    source: str
    target: str
    select: str

    @property
    def picks(self) -> str:
        """The condition that a view from `spans_picked` puts on a span; empty for the others."""
        found = _PICKS.search(self.select)
        return found.group(1) if found else ""


def _apart(columns: str) -> list[str]:
    """Columns at the commas between them, not at those inside the brackets of a type or a codec."""
    parts, depth = [""], 0
    for sign in columns:
        depth += (sign == "(") - (sign == ")")
        if sign == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += sign
    return [part.strip() for part in parts]


@dataclass(slots=True)
class _Block:
    """A head line and the SQL below it; `place` is the file and line of the head."""

    kind: str
    rest: str
    place: str
    lines: list[str] = field(default_factory=list)

    @property
    def body(self) -> str:
        return "\n".join(self.lines).strip().rstrip(";,")


def parse(text: str, origin: str) -> tuple[list[FactTable], list[FactView]]:
    """Read one facts file.

    Raises:
        MigrationError: naming `origin` and the line that is not understood.
    """
    tables: dict[str, FactTable] = {}
    views: list[FactView] = []
    blocks = _blocks(text, origin)
    for block, after in zip_longest(blocks, blocks[1:]):
        if not block.body and block.kind != "order":
            raise MigrationError(f"{block.place}: no SQL below '-- {block.kind} {block.rest}'")
        if block.kind == "table":
            table = _table(block, after)
            if table.name in tables:
                raise MigrationError(f"{block.place}: {table.name} is made twice")
            tables[table.name] = table
        elif block.kind == "view":
            views.append(_view(block, tables, views))
    return list(tables.values()), views


def _table(block: _Block, order: _Block | None) -> FactTable:
    if not _NAME.fullmatch(block.rest):
        raise MigrationError(f"{block.place}: {block.rest!r} is no name of a table")
    if order is None or order.kind != "order":
        raise MigrationError(f"{block.place}: no '-- order <columns>' after the columns of {block.rest}")
    return FactTable(block.rest, block.body, order.rest)


def _view(block: _Block, tables: Container[str], earlier: Iterable[FactView]) -> FactView:
    match = _VIEW.match(block.rest)
    if match is None:
        raise MigrationError(f"{block.place}: '-- view {block.rest}' is not '-- view <table> from <null table>'")
    target, source = match.groups()
    if target not in tables:
        raise MigrationError(f"{block.place}: view into {target}, which the file has not made before it")
    if not re.search(rf"\b{source}\b", block.body):
        raise MigrationError(f"{block.place}: the view does not read {source}")
    if source == PICKED and not _PICKS.search(block.body):
        raise MigrationError(f"{block.place}: a view from {PICKED} needs a WHERE right after it")
    name = f"{target}_from_{source.partition('_')[0]}"
    taken = sum(view.target == target and view.source == source for view in earlier)
    return FactView(f"{name}_{taken + 1}" if taken else name, source, target, block.body)


def _blocks(text: str, origin: str) -> list[_Block]:
    blocks: list[_Block] = []
    for number, line in enumerate(text.splitlines(), 1):
        place = f"{origin}:{number}"
        head = _HEAD.match(line.strip())
        if head:
            blocks.append(_Block(head.group(1), head.group(2).strip(), place))
            if blocks[-1].kind == "order" and (len(blocks) < 2 or blocks[-2].kind != "table"):
                raise MigrationError(f"{place}: '-- order' without a table before it")
        elif line.strip().startswith("--") or not line.strip():
            continue
        elif not blocks:
            raise MigrationError(f"{place}: SQL before the first '-- table'")
        elif blocks[-1].kind == "order":
            raise MigrationError(f"{place}: SQL after '-- order', which starts no block")
        else:
            blocks[-1].lines.append(line)
    return blocks
