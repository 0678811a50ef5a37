"""Reading: a few connections, each used by one query at a time, off the event loop."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, cast

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from observatory.errors import StoreError
from observatory.selfwatch import Selfwatch

# An answer that a limit cut off is decoded up to there and a little further, which ends in one of these.
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
            result = client.query(sql, parameters=parameters)
            # Rows are decoded only when they are asked for, from what the connection still holds: so before it is free.
            rows = Rows(tuple(result.column_names), cast(Sequence[tuple[Any, ...]], result.result_rows))
        except (ClickHouseError, *_CUT_OFF) as error:
            self._selfwatch.reads.labels(result="failed").inc()
            raise StoreError(str(error)) from error
        finally:
            self._free.put(client)
        self._selfwatch.reads.labels(result="answered").inc()
        return rows
