"""The control store: opens the database, brings its schema up to date, hands out transactions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from observatory.errors import SettingsError, StateError
from observatory.state import sqlite
from observatory.state.alerts import AlertRows
from observatory.state.audit import AuditRows
from observatory.state.budgets import BudgetRows
from observatory.state.cost_anomalies import AnomalyRows
from observatory.state.deliveries import DeliveryRows
from observatory.state.foreign import ForeignRows
from observatory.state.incidents import IncidentRows
from observatory.state.leases import LeaseRows
from observatory.state.login_links import LinkRows
from observatory.state.migration import migrate
from observatory.state.oncall import AcknowledgementRows, OncallRows
from observatory.state.outbox import OutboxRows
from observatory.state.people import PeopleRows
from observatory.state.rules import RuleRows
from observatory.state.sessions import SessionRows
from observatory.state.silences import SilenceRows
from observatory.state.tokens import TokenRows
from observatory.state.views import ViewRows

_LAST_S = 10
_DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg"}


class Rows:
    """The tables, inside one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self.tokens = TokenRows(session)
        self.login_links = LinkRows(session)
        self.sessions = SessionRows(session)
        self.audit = AuditRows(session)
        self.people = PeopleRows(session)
        self.alerts = AlertRows(session)
        self.rules = RuleRows(session)
        self.silences = SilenceRows(session)
        self.leases = LeaseRows(session)
        self.budgets = BudgetRows(session)
        self.cost_anomalies = AnomalyRows(session)
        self.incidents = IncidentRows(session)
        self.outbox = OutboxRows(session)
        self.deliveries = DeliveryRows(session)
        self.foreign = ForeignRows(session)
        self.acknowledgements = AcknowledgementRows(session)
        self.oncall = OncallRows(session)
        self.views = ViewRows(session)


class State:
    """An open control store whose schema is up to date. Make it with `open_store`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._open = 0
        self._closed = False
        self._idle = asyncio.Event()
        self._idle.set()
        # On SQLite a writer takes the write lock at once: a lock taken later, at the first UPDATE, cannot wait.
        self._writer = engine.execution_options(**{sqlite.WRITES: True})

    @property
    def shared(self) -> bool:
        """Whether other servers may use it as well: one in a file is this server's own."""
        return self._engine.dialect.name != "sqlite"

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Rows]:
        """A transaction: committed when the block ends, rolled back when it raises.

        Raises:
            StateError: the database refused a statement, is locked, or is gone.
        """
        async with self._counted(), _transaction(self._writer) as rows:
            yield rows

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Rows]:
        """A transaction for reads; it does not wait for writers.

        Raises:
            StateError: the database refused a statement or is gone.
        """
        async with self._counted(), _transaction(self._engine) as rows:
            yield rows

    async def close(self) -> None:
        """Refuse new transactions, wait for open ones, at most 10 s, and close all connections."""
        self._closed = True
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_S):
                await self._idle.wait()
        await self._engine.dispose()

    @asynccontextmanager
    async def _counted(self) -> AsyncIterator[None]:
        if self._closed:
            raise StateError("the control store is closed")
        self._open += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._open -= 1
            if not self._open:
                self._idle.set()


async def open_store(url: str) -> State:
    """Open the control store and bring its schema up to date.

    Args:
        url: `sqlite+aiosqlite:///<path>` (missing folders and file are made) or `postgresql+asyncpg://…`.

    Raises:
        SettingsError: the URL cannot be read, or names a database we do not know or one in memory.
        StateError: the database cannot be opened, or was written by a newer version.
    """
    engine = _engine(url)
    try:
        await migrate(engine)
    except BaseException as error:
        await engine.dispose()
        if isinstance(error, SQLAlchemyError | OSError):
            raise StateError(f"the control store cannot be opened: {_cause(error)}") from error
        raise
    return State(engine)


def _engine(text: str) -> AsyncEngine:
    try:
        url = make_url(text)
    except ArgumentError:
        # The URL may hold a password: it is not repeated.
        raise SettingsError("OBSERVATORY_STATE_URL cannot be read: expected sqlite:///… or postgresql://…") from None
    kind = url.drivername.partition("+")[0]
    if kind not in _DRIVERS:
        raise SettingsError(f"OBSERVATORY_STATE_URL: no control store on {kind!r}: expected sqlite or postgresql")
    url = url.set(drivername=_DRIVERS[kind])
    if kind == "sqlite":
        sqlite.prepare(url)
    try:
        told = {} if kind == "sqlite" else {"server_settings": _SESSION}
        engine = create_async_engine(url, pool_pre_ping=kind != "sqlite", hide_parameters=True, connect_args=told)
    except ModuleNotFoundError as error:
        raise SettingsError(f"OBSERVATORY_STATE_URL: {kind} needs the package {error.name!r}") from error
    if kind == "sqlite":
        sqlite.tune(engine.sync_engine)
    return engine


# A server that froze within a transaction, or whose machine is gone, keeps its locks no longer than this: another one
# waits for them to take over.
_SESSION = {
    "idle_in_transaction_session_timeout": "5000",
    "tcp_keepalives_idle": "3",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "2",
}


@asynccontextmanager
async def _transaction(engine: AsyncEngine) -> AsyncIterator[Rows]:
    session = AsyncSession(engine, expire_on_commit=False)
    try:
        try:
            # The database begins here: a connection that is left while it begins would keep its lock.
            await _whole(session.connection())
            yield Rows(session)
        except BaseException:
            await _whole(session.rollback())
            raise
        else:
            await _whole(session.commit())
        finally:
            await _whole(session.close())
    except (StatementError, PoolTimeout, OSError) as error:
        # A database that is gone refuses connections: those errors the driver hands on as they are.
        raise StateError(f"the control store failed: {_cause(error)}") from error


async def _whole(work: Coroutine[Any, Any, object]) -> None:
    """Do what must not be left half done: whoever breaks us off meanwhile has it after that."""
    doing = asyncio.create_task(work)
    try:
        await asyncio.shield(doing)
    except asyncio.CancelledError:
        while not doing.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([doing])
        if not doing.cancelled():
            doing.exception()  # looked at: it is not told beside the cancellation
        raise


def _cause(error: BaseException) -> str:
    # The driver's own words only: SQLAlchemy's message repeats the statement's values, digests among them.
    return str(error.orig) if isinstance(error, StatementError) else str(error)
