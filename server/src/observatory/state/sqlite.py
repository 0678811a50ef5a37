"""SQLite as a server's database: WAL, foreign keys, a wait for locks, and transactions that begin when we say so."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from observatory.errors import SettingsError

WRITES = "observatory_writes"
# A disk that stands still holds a writer up for seconds; who waits is refused only after more than that.
BUSY_TIMEOUT_MS = 15_000

_WAL = "PRAGMA journal_mode = WAL"
_PRAGMAS = (
    # What was deleted or overwritten is not left in the file for whoever reads it.
    "PRAGMA secure_delete = ON",
    f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}",
    "PRAGMA foreign_keys = ON",
    # With NORMAL a power cut may take back what was acknowledged: a revoked token would live again.
    "PRAGMA synchronous = FULL",
)


def prepare(url: URL) -> None:
    """Make the file and its folder, readable by this user alone.

    Raises:
        SettingsError: the URL names no file. Each connection would have a database in memory of its own.
    """
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise SettingsError("OBSERVATORY_STATE_URL: SQLite needs a plain file path, not a database in memory")
    path = Path(url.database)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
    except OSError as error:
        raise SettingsError(f"OBSERVATORY_STATE_URL: {path} cannot be written: {error.strerror}") from error


def tune(engine: Engine) -> None:
    """Set up every connection of `engine`, and begin transactions explicitly."""
    event.listen(engine, "connect", _connect)
    event.listen(engine, "begin", _begin)


def _connect(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    # The driver begins transactions late and only for some statements; None leaves that to `_begin`.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(pragma)
    # SQLite does not wait for the lock of this one. It is a mode of the file: who holds the lock is setting it.
    with contextlib.suppress(sqlite3.OperationalError):
        cursor.execute(_WAL)
    cursor.close()


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
