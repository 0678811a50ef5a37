"""The migrations make exactly the tables that the code declares, on both databases."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, create_mock_engine, text
from sqlalchemy.dialects import postgresql

import observatory.state
from observatory.state import open_store
from observatory.state.schema import Table

SCRIPTS = ScriptDirectory(str(Path(observatory.state.__file__).parent / "migrations"))


async def test_a_migrated_store_has_exactly_the_declared_tables(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    state = await open_store(f"sqlite+aiosqlite:///{path}")
    await state.close()
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        differences = compare_metadata(context, Table.metadata)
        version = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
        sql = connection.execute(text("SELECT group_concat(sql, ' ') FROM sqlite_master")).scalar_one()
    engine.dispose()
    assert differences == []
    assert version == SCRIPTS.get_current_head()
    assert sql.count("AUTOINCREMENT") == len(Table.metadata.tables)


def test_the_migrations_are_one_line_without_branches() -> None:
    assert SCRIPTS.get_heads() == [SCRIPTS.get_current_head()]
    assert SCRIPTS.get_bases() == ["0001"]


def test_the_declared_tables_compile_for_postgresql() -> None:
    written: list[str] = []
    dialect: Any = postgresql.dialect()  # type: ignore[no-untyped-call]

    def keep(statement: Any, *_: object, **__: object) -> None:
        written.append(str(statement.compile(dialect=dialect)))

    engine = create_mock_engine("postgresql://", keep)
    Table.metadata.create_all(engine, checkfirst=False)
    whole = "\n".join(written)
    assert whole.count("id BIGSERIAL NOT NULL") == len(Table.metadata.tables)
    assert "TIMESTAMP WITH TIME ZONE NOT NULL" in whole
    assert "digest BYTEA NOT NULL" in whole
    assert "WITHOUT TIME ZONE" not in whole
    assert "CREATE INDEX ix_audit_at" in whole


@pytest.mark.parametrize("script", list(SCRIPTS.walk_revisions()), ids=lambda script: script.revision)
def test_every_migration_compiles_for_postgresql(script: object) -> None:
    written = io.StringIO()
    context = MigrationContext.configure(dialect_name="postgresql", opts={"as_sql": True, "output_buffer": written})
    with Operations.context(context):
        script.module.upgrade()  # type: ignore[attr-defined]
    assert "CREATE " in written.getvalue()
    assert ("CREATE TABLE " in written.getvalue()) is ("BIGSERIAL" in written.getvalue())
