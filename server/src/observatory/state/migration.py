"""Brings the control store's schema up to date with the migrations that ship in this package."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

from observatory.errors import StateError
from observatory.state import sqlite

_FOLDER = Path(__file__).parent / "migrations"
_LOCK = 8_600_001


async def migrate(engine: AsyncEngine) -> None:
    """Apply every migration not yet applied, all in one transaction.

    Raises:
        StateError: the schema is newer than this version of the server knows.
    """
    writer = engine.execution_options(**{sqlite.WRITES: True})
    async with writer.begin() as connection:
        if engine.dialect.name == "postgresql":
            # Of several servers that start at once one migrates and the others wait; SQLite's write lock does it there.
            await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        try:
            await connection.run_sync(_upgrade)
        except CommandError as error:
            raise StateError(f"the control store's schema is not one this version knows: {error}") from error


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
