"""Run by Alembic for every command; the connection is handed in by `observatory.state.migration`."""

from __future__ import annotations

from alembic import context

from observatory.state.schema import Table

context.configure(connection=context.config.attributes["connection"], target_metadata=Table.metadata)

with context.begin_transaction():
    context.run_migrations()
