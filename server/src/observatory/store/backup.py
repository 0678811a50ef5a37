"""Backup and restore of an embedded store, while it runs.

A backup is a folder: `manifest.json`, and the parts of each table as hard links, or as copies on another file system.
Parts never change, so a backup costs no space until the store merges or drops them. Each table is whole and of one
moment, and all are frozen before the first is linked; a batch that is committed in between may be in a later table
and not in an earlier one. A ClickHouse server has its own BACKUP.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from observatory.errors import StoreError
from observatory.store.engine import Store

_FORMAT = 1
_MANIFEST = "manifest.json"
_NAME = re.compile(r"[A-Za-z0-9_-]+")
# What has been applied to this store is its own ledger, not telemetry.
_TABLES = (
    "SELECT name, data_paths[1] FROM system.tables WHERE database = currentDatabase() "
    "AND engine LIKE '%MergeTree' AND name != 'migrations' ORDER BY name"
)


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds.

    Attributes:
        made_at: when it was begun.
        migrations: names of the migrations that made its tables.
        tables: rows of each part, by table and part.
    """

    made_at: datetime
    migrations: tuple[str, ...]
    tables: Mapping[str, Mapping[str, int]]

    def rows(self, table: str) -> int:
        """Rows of `table`, all parts together."""
        return sum(self.tables[table].values())


def freeze(store: Store, target: Path, now: datetime) -> Manifest:
    """Back up every table into the folder `target`, which is made, or is empty.

    Raises:
        StoreError: if the store is not embedded, the folder holds something, or a step fails. A folder without a
            manifest is no backup.
    """
    _check_embedded(store)
    if target.exists() and any(target.iterdir()):
        raise StoreError(f"{target} is not empty")
    # Letters, digits and underscores: anything else would be escaped in the name of the folder.
    name = f"backup_{now:%Y%m%dT%H%M%S%f}"
    tables = _tables(store)
    shadow = _shadow(store) / name
    filled = {table: _count(store, table) for table in tables}
    try:
        for table in tables:
            store.command(f"ALTER TABLE {table} FREEZE WITH NAME '{name}'")
        parts = {table: _collect(shadow, path, target / table) for table, path in tables.items()}
        # A backup without the rows would be noticed on the day it is needed.
        if missed := [table for table, rows in filled.items() if rows and not parts[table]]:
            raise StoreError(f"backup into {target}: nothing was frozen of {', '.join(missed)}")
    except OSError as error:
        raise StoreError(f"backup into {target}: {error}") from error
    finally:
        shutil.rmtree(shadow, ignore_errors=True)
    manifest = Manifest(now, _migrations(store), parts)
    # Copies and folders reach the disk before the manifest that vouches for them.
    os.sync()
    _write(manifest, target)
    return manifest


def restore(store: Store, source: Path) -> Manifest:
    """Put the backup in the folder `source` into a store that is open and empty, and that nobody writes to.

    A restore that fails half-way leaves a store that is neither empty nor whole: delete it.

    Raises:
        StoreError: if the store is not embedded or not empty, `source` is no backup, or is one of another schema, or
            rows are missing afterwards.
    """
    _check_embedded(store)
    manifest = read(source)
    tables = _tables(store)
    _check_fit(store, manifest, tables)
    for table, parts in manifest.tables.items():
        # Merges would fold rows, and drop what has outlived its retention, before they are counted.
        store.command(f"SYSTEM STOP MERGES {table}")
        try:
            _attach(store, table, tables[table], parts, source)
            _check_rows(store, table, manifest.rows(table))
        except OSError as error:
            raise StoreError(f"restore of {table} from {source}: {error}") from error
        finally:
            store.command(f"SYSTEM START MERGES {table}")
    return manifest


def read(source: Path) -> Manifest:
    """The manifest of the backup in the folder `source`.

    Raises:
        StoreError: if there is none, or it is not understood.
    """
    try:
        tree = json.loads((source / _MANIFEST).read_text(encoding="utf-8"))
        if tree["format"] != _FORMAT:
            raise StoreError(f"{source} is a backup of format {tree['format']}, not {_FORMAT}")
        tables = {table: {part: int(rows) for part, rows in parts.items()} for table, parts in tree["tables"].items()}
        manifest = Manifest(datetime.fromisoformat(tree["made_at"]), tuple(tree["migrations"]), tables)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise StoreError(f"{source} is no backup: {error!r}") from error
    # The names become paths and SQL.
    for name in (*tables, *(part for parts in tables.values() for part in parts)):
        if not _NAME.fullmatch(name):
            raise StoreError(f"{source} is no backup: {name!r} is no name of a table or part")
    return manifest


def _check_embedded(store: Store) -> None:
    if not store.embedded:
        raise StoreError("a ClickHouse server is backed up and restored by its own BACKUP and RESTORE")


def _check_fit(store: Store, manifest: Manifest, tables: Mapping[str, Path]) -> None:
    ours = _migrations(store)
    if manifest.migrations != ours:
        theirs = ", ".join(manifest.migrations)
        raise StoreError(f"the backup is of another schema ({theirs}; this store: {', '.join(ours)})")
    if unknown := sorted(set(manifest.tables) - set(tables)):
        raise StoreError(f"the backup has tables that this store does not: {', '.join(unknown)}")
    if filled := [table for table in tables if _count(store, table)]:
        raise StoreError(f"the store is not empty: {', '.join(filled)}")


def _check_rows(store: Store, table: str, expected: int) -> None:
    if (found := _count(store, table)) != expected:
        raise StoreError(f"{table} has {found} rows after the restore, its backup has {expected}")


def _attach(store: Store, table: str, path: Path, parts: Mapping[str, int], source: Path) -> None:
    for part in parts:
        _link(source / table / part, path / "detached" / part)
        store.command(f"ALTER TABLE {table} ATTACH PART '{part}'")


def _collect(shadow: Path, path: Path, target: Path) -> dict[str, int]:
    # FREEZE lays a table's parts below `shadow` where they lie below the store's own folder: by the table's id.
    parts: dict[str, int] = {}
    for part in _parts(shadow, path):
        _link(part, target / part.name)
        parts[part.name] = int((part / "count.txt").read_text())
    return parts


def _parts(shadow: Path, path: Path) -> Iterator[Path]:
    frozen = shadow / "store" / path.parent.name / path.name
    if frozen.is_dir():
        yield from sorted(each for each in frozen.iterdir() if each.is_dir())


def _link(source: Path, target: Path) -> None:
    shutil.copytree(source, target, copy_function=_link_file)


def _link_file(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP):
            raise
        shutil.copy2(source, target)


def _tables(store: Store) -> dict[str, Path]:
    return {str(name): Path(str(path)) for name, path in store.rows(_TABLES)}


def _shadow(store: Store) -> Path:
    ((path,),) = store.rows("SELECT path FROM system.disks WHERE name = 'default'")
    return Path(str(path)) / "shadow"


def _migrations(store: Store) -> tuple[str, ...]:
    return tuple(str(name) for (name,) in store.rows("SELECT Name FROM migrations ORDER BY Name"))


def _count(store: Store, table: str) -> int:
    ((rows,),) = store.rows(f"SELECT count() FROM {table}")
    return int(rows)


def _write(manifest: Manifest, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    tree = {"format": _FORMAT} | asdict(manifest) | {"made_at": manifest.made_at.isoformat()}
    draft = target / f"{_MANIFEST}.draft"
    with draft.open("w", encoding="utf-8") as file:
        json.dump(tree, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(target / _MANIFEST)
