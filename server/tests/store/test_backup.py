"""A backup taken while the server writes is restored to the same rows, and nothing else is mistaken for one."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

Elsewhere = Callable[..., dict[str, Any]]


@dataclass(frozen=True)
class Taken:
    """A store of the module, and a backup of it that was taken while a writer inserted."""

    server: Path
    saved: Path
    filled: dict[str, Any]
    answer: dict[str, Any]


@pytest.fixture(scope="module")
def taken(elsewhere: Elsewhere, tmp_path_factory: pytest.TempPathFactory) -> Taken:
    folder = tmp_path_factory.mktemp("backup")
    filled = elsewhere("fill", folder=folder / "server", days=[0, 1, 5])
    answer = elsewhere("back_up", folder=folder / "server", target=folder / "saved")
    return Taken(folder / "server", folder / "saved", filled, answer)


def test_a_backup_taken_under_load_is_restored_to_the_same_rows(
    elsewhere: Elsewhere, taken: Taken, tmp_path: Path
) -> None:
    assert taken.answer["before"] == taken.filled
    assert taken.answer["shadow"] == []
    restored = elsewhere("bring_back", folder=tmp_path / "second", source=taken.saved)
    counted = {table: rows for table, (rows, _) in restored["restored"].items()}
    assert counted == taken.answer["rows"] == restored["manifest"]
    assert restored["inserted_after"] == 1
    source = elsewhere("hash_early", folder=taken.server)
    again = elsewhere("hash_early", folder=tmp_path / "second")
    for table, (rows, hashed, later) in again.items():
        assert [rows, hashed] == source[table][:2]
        # Merges fold the rows of a rollup, so only those of the other tables can be counted against each other.
        assert later <= source[table][2] or table == "rollup_calls"
    # Each table is whole up to a batch: never a piece of one.
    assert again["otel_traces"][2] % 50 == again["fact_calls"][2] % 50 == 0
    assert again["otel_traces"][2] >= 100


def test_parts_are_hard_links_so_that_a_backup_costs_no_space(taken: Taken) -> None:
    files = [path for path in (taken.saved / "otel_logs").rglob("*") if path.is_file()]
    assert files
    assert all(path.stat().st_nlink > 1 for path in files)


Change = Callable[[dict[str, Any]], None]


def _later(tree: dict[str, Any]) -> None:
    tree["migrations"].append("0099_later.sql")


def _format(tree: dict[str, Any]) -> None:
    tree["format"] = 2


def _table(tree: dict[str, Any]) -> None:
    tree["tables"]["fact_gone"] = {}


def _path(tree: dict[str, Any]) -> None:
    tree["tables"]["otel_logs"] = {"../../otel_traces": 1}


def _rows(tree: dict[str, Any]) -> None:
    tree["tables"] = {"otel_logs": {part: rows + 1 for part, rows in tree["tables"]["otel_logs"].items()}}


def _part(tree: dict[str, Any]) -> None:
    tree["tables"] = {"otel_logs": {"all_1_1_0": 1}}


# In this order: the last two get as far as attaching parts.
CHANGES: dict[str, tuple[Change | None, str]] = {
    "a later schema": (_later, r"another schema \(.*0099_later.sql; this store: 0001_traces.sql.*\)"),
    "a later format": (_format, "backup of format 2, not 1"),
    "a table of somebody else": (_table, "tables that this store does not: fact_gone"),
    "a path": (_path, "no name of a table or part"),
    "no manifest": (None, "is no backup"),
    "a missing part": (_part, "restore of otel_logs"),
    "a wrong count": (_rows, r"otel_logs has \d+ rows after the restore, its backup has \d+"),
}


def changed(saved: Path, source: Path, change: Change | None) -> Path:
    source.mkdir()
    for table in saved.iterdir():
        if table.is_dir():
            (source / table.name).symlink_to(table)
    if change is not None:
        tree = json.loads((saved / "manifest.json").read_text())
        change(tree)
        (source / "manifest.json").write_text(json.dumps(tree))
    return source


def test_what_is_not_a_backup_for_this_store_is_refused_with_its_reason(
    elsewhere: Elsewhere, taken: Taken, tmp_path: Path
) -> None:
    saved = taken.saved
    sources = {name: changed(saved, tmp_path / name, change) for name, (change, _) in CHANGES.items()}
    sources["into what holds something"] = saved
    expected = {name: reason for name, (_, reason) in CHANGES.items()}
    expected |= {"into what holds something": "the store is not empty: otel_logs", "target": "saved is not empty"}
    found = elsewhere("refusals", folder=tmp_path / "store", sources=sources, target=saved)
    assert set(found) == set(expected)
    for name, reason in expected.items():
        assert re.search(reason, found[name]), (name, found[name])
