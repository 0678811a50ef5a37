"""Reading: a few connections, each used by one query at a time, off the event loop."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from observatory.errors import StoreError
from observatory.selfwatch import Selfwatch

# An answer whose end is missing is decoded up to there and a little further, which ends in one of these.
_CUT_OFF = (UnicodeDecodeError, MemoryError, EOFError, IndexError)


@dataclass(frozen=True, slots=True)
class Rows:
    """What a query returned.

    Attributes:
        columns: names, in order.
        rows: one tuple per row.
    """

    columns: tuple[str, ...]
    rows: Sequence[tuple[Any, ...]]

    def dicts(self) -> list[dict[str, Any]]:
        """Each row by column name."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


def ask(client: Client, sql: str, parameters: Mapping[str, object] | None = None) -> Rows:
    """Run one SELECT on a connection that nobody else uses meanwhile.

    What a query had written when it failed (a limit was reached, say) stays in the embedded engine's connection, and
    would stand in front of the next query's answer: wrong numbers, silently. So a connection is emptied after a failure
    (docs/decisions/0038-connections-are-emptied.md).

    Raises:
        StoreError: if the store refuses the query, or a limit is reached.
    """
    try:
        result = client.query(sql, parameters=dict(parameters or {}))
        # Rows are decoded only when they are asked for, from what the connection still holds: so before it is free.
        return Rows(tuple(result.column_names), cast(Sequence[tuple[Any, ...]], result.result_rows))
    except ClickHouseError as error:
        _empty(client)
        raise StoreError(str(error)) from error
    except _CUT_OFF as error:
        _empty(client)
        raise StoreError("the answer was cut off by a limit of time or memory") from error


def _empty(client: Client) -> None:
    """Let a throwaway query carry away what a failed one left behind."""
    with suppress(ClickHouseError):
        client.raw_query("SELECT 1", fmt="TabSeparated")


class Reader:
    """Reads the telemetry store.

    Args:
        clients: connections of the reader's own, opened with the bounds of a read (time, memory, rows); one runs one
            query at a time.
        selfwatch: where reads are counted.
    """

    def __init__(self, clients: Sequence[Client], selfwatch: Selfwatch) -> None:
        self._free: queue.SimpleQueue[Client] = queue.SimpleQueue()
        for client in clients:
            self._free.put(client)
        self._clients = list(clients)
        self._threads = ThreadPoolExecutor(len(clients), thread_name_prefix="store-read")
        self._selfwatch = selfwatch

    async def read(self, sql: str, parameters: Mapping[str, object] | None = None) -> Rows:
        """Run one SELECT with bound `parameters` (`{name:Type}` in the text).

        Raises:
            StoreError: if the store refuses the query, or a limit is reached.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._read, sql, dict(parameters or {}))

    def close(self) -> None:
        """Wait for running queries and close the connections."""
        self._threads.shutdown()
        for client in self._clients:
            client.close()

    def _read(self, sql: str, parameters: dict[str, object]) -> Rows:
        client = self._free.get()
        try:
            rows = ask(client, sql, parameters)
        except StoreError:
            self._selfwatch.reads.labels(result="failed").inc()
            raise
        finally:
            self._free.put(client)
        self._selfwatch.reads.labels(result="answered").inc()
        return rows
