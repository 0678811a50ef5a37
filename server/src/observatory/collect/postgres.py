"""Connections to PostgreSQL for the kinds that read it: one for each attempt, in read-only transactions."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # the package has no types
from pydantic import Field

from observatory.collect.outcome import Reason, Unread
from observatory.collect.secret import Secret
from observatory.collect.target import Entry, Host, Port, Text, Tls
from observatory.collect.trust import context

# asyncpg's connection has no type.
Connection = Any
_DENIED = (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InsufficientPrivilegeError)


class Database(Entry):
    """A database of PostgreSQL and an account that may read it."""

    host: Host = Field(description="Its host, or the folder of its socket.")
    port: Port = Field(5432, description="Its port.")
    database: Text = Field("postgres", description="The database.")
    username: Text = Field(description="The account. It should be able to read what is asked for and nothing else.")
    password: Secret | None = Field(None, description="The account's password.")
    tls: Tls | None = Field(None, description="Set, as in `{}`: the connection is TLS.")


@asynccontextmanager
async def connected(database: Database) -> AsyncIterator[Connection]:
    """A connection, closed at the end whatever happens.

    Raises:
        Unread: if it cannot be made, or breaks.
    """
    connection = await _connect(database)
    try:
        yield connection
    except (asyncpg.InterfaceError, asyncpg.PostgresConnectionError, OSError) as error:
        raise Unread(Reason.UNREACHABLE, f"the connection broke: {error}") from None
    finally:
        # Asking the server to end it would be one more wait, and it may be the one that hangs.
        connection.terminate()


@asynccontextmanager
async def reading(connection: Connection, statement_s: float) -> AsyncIterator[None]:
    """A read-only transaction whose statements the server ends after `statement_s`."""
    transaction = connection.transaction(readonly=True)
    await transaction.start()
    # For this transaction only: it also holds behind a pooler that hands out connections by transaction.
    await connection.execute(f"SET LOCAL statement_timeout = {max(1, int(statement_s * 1_000))}")
    await connection.execute(f"SET LOCAL lock_timeout = {max(1, int(statement_s * 500))}")
    try:
        yield
    except Exception:
        await transaction.rollback()
        raise
    # Only here: a server that hangs would also hang at the rollback of what was cancelled for hanging.
    await transaction.rollback()


def failure(error: Exception, what: str) -> Unread:
    """What PostgreSQL said, as a reason."""
    if isinstance(error, asyncpg.QueryCanceledError | asyncpg.LockNotAvailableError):
        return Unread(Reason.TIMEOUT, f"{what}: {error}")
    if isinstance(error, _DENIED):
        return Unread(Reason.DENIED, f"{what}: {error}")
    return Unread(Reason.QUERY, f"{what}: {error}")


async def _connect(database: Database) -> Connection:
    try:
        return await asyncpg.connect(
            host=database.host,
            port=database.port,
            user=database.username,
            # Never None: then variables and files of the machine would be searched for one.
            password=database.password.read() if database.password else "",
            database=database.database,
            ssl=_trust(database),
            # A pooler may hand each transaction to another backend, which does not know our statements.
            statement_cache_size=0,
            server_settings={"application_name": "observatory"},
        )
    except _DENIED as error:
        raise Unread(Reason.DENIED, f"{error}") from None
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        raise Unread(Reason.UNREACHABLE, f"{error}") from None


def _trust(database: Database) -> ssl.SSLContext | str:
    return context(database.tls.ca_file) if database.tls else "disable"
