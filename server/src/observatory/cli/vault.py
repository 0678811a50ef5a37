"""`observatory backup` and `observatory restore`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from observatory import settings as knobs
from observatory.app import plan, sole_owner
from observatory.cli.login import ask
from observatory.selfwatch import Selfwatch
from observatory.store import open_store
from observatory.store.backup import restore as restore_store


def backup(
    name: Annotated[str, typer.Argument(help="Name of the backup: a folder below OBSERVATORY_BACKUP_DIR.")],
) -> None:
    """Back the telemetry store of the running server up. Control state (tokens, audit) is not part of it."""
    made = ask("backups", {"name": name})
    typer.echo(f"{made['folder']}: {sum(made['rows'].values()):,} rows in {len(made['rows'])} tables")


def restore(folder: Annotated[Path, typer.Argument(help="Folder of the backup.")]) -> None:
    """Put a backup into the empty store of a server that does not run."""
    settings = knobs.load()
    with sole_owner(settings.data_dir):
        store = open_store(plan(settings), Selfwatch())
        try:
            manifest = restore_store(store, folder)
        finally:
            store.close()
    rows = sum(manifest.rows(table) for table in manifest.tables)
    typer.echo(
        f"restored {rows:,} rows in {len(manifest.tables)} tables, as of {manifest.made_at:%Y-%m-%d %H:%M:%S} UTC"
    )
