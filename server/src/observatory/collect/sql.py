"""Declared questions to the platform's own tables: balances, subscribers, queues, strategies per user."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Final, Literal

import asyncpg  # type: ignore[import-untyped]  # the package has no types
from pydantic import AfterValidator, Field

from observatory.collect.metrics import Metrics
from observatory.collect.outcome import Reason, Unread
from observatory.collect.postgres import Connection, Database, connected, failure, reading
from observatory.collect.target import AttributeName, Entry, MetricName, Name, Target, Text, Tools

_READS: Final = re.compile(r"\s*(?:--[^\n]*\n\s*)*(SELECT|WITH|VALUES|TABLE)\b", re.IGNORECASE)
_MOST_TEXT: Final = 256


def _reads(text: str) -> str:
    if not _READS.match(text):
        raise ValueError("must begin with SELECT, WITH, VALUES or TABLE")
    return text


class Column(Entry):
    """One column of the answer as a metric."""

    column: Text = Field(description="The column. Null is unknown: no point.")
    metric: MetricName = Field(description="The metric.")
    unit: Text = Field("1", description="Its unit.")
    type: Literal["gauge", "counter"] = Field("gauge", description="`counter` for what only grows.")


class Query(Entry):
    """One statement."""

    name: Name = Field(description="Its name, for errors.")
    sql: Annotated[str, Field(min_length=1, max_length=16_384), AfterValidator(_reads)] = Field(
        description="One statement that reads."
    )
    rows: int = Field(100, ge=1, le=5_000, description="Most rows; more is an error, not a cut.")
    statement_s: float = Field(5.0, gt=0, le=300, description="Longest run; the server ends it then.")
    metrics: tuple[Column, ...] = Field(min_length=1, max_length=32, description="Columns that are metrics.")
    attributes: dict[Text, AttributeName] = Field(
        {}, max_length=16, description="Columns that are attributes, with the attribute's name."
    )


class SqlTarget(Target, Database):
    """Statements on one database, each in a read-only transaction of its own."""

    KIND: ClassVar[str] = "sql"
    SENTENCE: ClassVar[str] = "Declared read-only statements on the platform's own tables in PostgreSQL."

    kind: Literal["sql"]
    interval_s: float = Field(30.0, ge=1, le=86_400, description="Time between two attempts.")
    queries: tuple[Query, ...] = Field(min_length=1, max_length=64, description="The statements.")

    @property
    def address(self) -> tuple[str, int | None]:
        """Host and port."""
        return self.host, self.port

    def resource(self) -> dict[str, str | int]:
        """Also which database."""
        return {"db.namespace": self.database} | super().resource()

    async def read(self, into: Metrics, tools: Tools) -> None:
        """Ask one after the other. One that fails does not keep the others from being asked.

        Raises:
            Unread: if the server cannot be reached, or for the first statement that failed.
        """
        failed: list[Unread] = []
        async with connected(self) as connection:
            for query in self.queries:
                try:
                    _write(query, await _rows(connection, query), into, tools)
                except Unread as error:
                    failed.append(error)
        if failed:
            more = f" (and {len(failed) - 1} more failed)" if failed[1:] else ""
            raise Unread(failed[0].reason, f"{failed[0]}{more}")
        tools.starts.forget_before(into.at_ns)


async def _rows(connection: Connection, query: Query) -> list[Any]:
    try:
        async with reading(connection, query.statement_s):
            # A cursor: the server does not work out, nor we hold, more than one row too many.
            cursor = await connection.cursor(query.sql)
            rows: list[Any] = await cursor.fetch(query.rows + 1)
    except asyncpg.PostgresConnectionError:
        raise
    except (asyncpg.PostgresError, asyncpg.UnsupportedClientFeatureError) as error:
        raise failure(error, f"query {query.name!r}") from None
    if len(rows) > query.rows:
        raise Unread(Reason.TOO_MUCH, f"query {query.name!r} answered more than {query.rows} rows")
    return rows


def _write(query: Query, rows: Sequence[Mapping[str, Any]], into: Metrics, tools: Tools) -> None:
    named = [column.column for column in query.metrics] + list(query.attributes)
    if rows and (missing := [name for name in named if name not in rows[0].keys()]):  # noqa: SIM118  # a record is no dict
        raise Unread(Reason.QUERY, f"query {query.name!r} has no column {missing[0]!r}")
    points = [
        (column, _number(query, column, row[column.column]), _attributes(query, row))
        for row in rows
        for column in query.metrics
        if row[column.column] is not None
    ]
    for column, value, attributes in points:
        if column.type == "gauge":
            into.gauge(column.metric, value, column.unit, attributes)
        else:
            series = (column.metric, *sorted(attributes.items()))
            started_ns = tools.starts.fallen(series, value, into.at_ns)
            into.counter(column.metric, value, column.unit, started_ns, attributes)


def _number(query: Query, column: Column, value: object) -> float:
    match value:
        case bool() | int():
            return int(value)
        case timedelta():
            return value.total_seconds()
        case Decimal() if value.is_finite():
            return int(value) if value == value.to_integral_value() else float(value)
        case float() if math.isfinite(value):
            return value
    # The value itself may be anybody's data.
    where = f"query {query.name!r}, column {column.column!r}"
    raise Unread(Reason.QUERY, f"{where}: {type(value).__name__} is no finite number")


def _attributes(query: Query, row: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(row[column])[:_MOST_TEXT] for column, name in query.attributes.items() if row[column] is not None}
