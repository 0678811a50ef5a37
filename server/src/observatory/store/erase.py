"""Taking one user out of every table: found by looking at every text of every column, also of tables yet to come.

A column that is no key is rewritten by a mutation. Rows whose key holds the user are copied with another name, deleted
and put back, a day at a time; a copy that a crash left behind is put back, or made anew, by the next attempt.

A mutation's text stays on disk beside its table, so the id is not in it: it is read from a table in memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from observatory.errors import StoreError
from observatory.model.person import NAMING, Mode, Person
from observatory.store.engine import Store
from observatory.store.people import ERASED, People

_PATTERN = "(SELECT any(Pattern) FROM erasing)"
_COPY = "erasing_"
_ROUNDS = 3
_COLUMNS = """SELECT table, name, type, default_kind, is_in_partition_key OR is_in_sorting_key OR is_in_primary_key
FROM system.columns WHERE database = currentDatabase() AND default_kind != 'ALIAS'
    AND match(type, 'String|JSON|Dynamic|Variant')
    AND table IN (SELECT name FROM system.tables WHERE database = currentDatabase() AND name != 'erasing'
        AND engine NOT IN ('View', 'MaterializedView', 'Null', 'Set')) ORDER BY table, position"""


@dataclass(frozen=True, slots=True)
class Column:
    """A column that may hold text: its table, name and type, whether the table computes it, whether it is of a key."""

    table: str
    name: str
    type: str
    computed: bool
    key: bool

    @property
    def quoted(self) -> str:
        """Its name in SQL."""
        return f"`{self.name}`"


def held_by_another(store: Store, user: str) -> bool:
    """Whether the id of another user has this one in it.

    Raises:
        StoreError: the store refused.
    """
    named = [column for column in _columns(store) if column.name == "UserId"]
    return any(
        _one(
            store,
            f"SELECT count() FROM {column.table} WHERE UserId != {_text(user)} AND position(UserId, {_text(user)}) > 0",
        )
        for column in named
    )


def remember(store: Store, people: People, user: str) -> int:
    """Keep the keyed hash of a user, so that what still arrives of him is not stored; returns the hash.

    Raises:
        StoreError: the store refused.
    """
    digest = _one(store, f"SELECT {people.digest_sql(_text(user))}")
    recall(store, [digest])
    return digest


def recall(store: Store, digests: Sequence[int]) -> None:
    """Put hashes in force that the control store has kept."""
    if digests:
        store.command(f"INSERT INTO {ERASED} VALUES {', '.join(f'({digest})' for digest in digests)}")


def returned(store: Store, people: People) -> list[str]:
    """Users that were erased and are there again, as after a backup was restored.

    Raises:
        StoreError: the store refused.
    """
    wanted = people.wanted_sql("UserId")
    tables = sorted({column.table for column in _columns(store) if column.name == "UserId"})
    found = (
        store.rows(f"SELECT DISTINCT UserId FROM {table} WHERE UserId != '' AND NOT ({wanted})") for table in tables
    )
    return sorted({str(user) for rows in found for (user,) in rows})


def erase(store: Store, person: Person) -> tuple[dict[str, int], dict[str, int]]:
    """Put the pseudonym in the person's place in every table, and look again until nothing is left, three times.

    Returns:
        Rows of each table that named the person before, and that do after: of all tables, also 0.

    Raises:
        StoreError: the store refused, or the id is in a column of a type that is not understood. It can be tried again.
    """
    with _Looking(store, person):
        for table in _tables(store):
            if table.startswith(_COPY):
                _resume(store, person, table.removeprefix(_COPY))
        found = before = _look(store, person)
        for _ in range(_ROUNDS):
            for table, (_, named) in found.items():
                if named:
                    _clean(store, person, table, named)
            found = _look(store, person)
            if not any(named for _, named in found.values()):
                break
    return _rows(before), _rows(found)


class _Looking:
    """The pattern, in a table in memory for as long as it is needed."""

    def __init__(self, store: Store, person: Person) -> None:
        self._store, self._person = store, person

    def __enter__(self) -> None:
        self._store.command("CREATE TABLE IF NOT EXISTS erasing (Pattern String) ENGINE = Memory")
        self._store.command("TRUNCATE TABLE erasing")
        self._store.command(f"INSERT INTO erasing VALUES ({_text(self._person.pattern)})")

    def __exit__(self, *_: object) -> None:
        self._store.command("DROP TABLE IF EXISTS erasing SYNC")


def _rows(found: Mapping[str, tuple[int, list[Column]]]) -> dict[str, int]:
    return {table: rows for table, (rows, _) in found.items()}


def _look(store: Store, person: Person) -> dict[str, tuple[int, list[Column]]]:
    return {table: _found(store, person, table, columns) for table, columns in _tables(store).items()}


def _clean(store: Store, person: Person, table: str, named: Sequence[Column]) -> None:
    if any(column.key for column in named):
        _move(store, person, table, named)
        return
    written = [column for column in named if not column.computed]
    if not written:
        raise StoreError(f"{table}: {', '.join(column.name for column in named)} is computed from what is no text")
    sets = ", ".join(f"{column.quoted} = {_without(person, column)}" for column in written)
    where = " OR ".join(_has(person, column) for column in written)
    store.command(f"ALTER TABLE {table} UPDATE {sets} WHERE {where} SETTINGS mutations_sync = 2")


def _move(store: Store, person: Person, table: str, columns: Sequence[Column]) -> None:
    copy = f"{_COPY}{table}"
    text = {column.name: column for column in columns if not column.computed}
    names = [
        str(name)
        for (name,) in store.rows(
            f"SELECT name FROM system.columns WHERE database = currentDatabase() AND table = '{table}' "
            "AND default_kind NOT IN ('ALIAS', 'MATERIALIZED') ORDER BY position"
        )
    ]
    values = ", ".join(_without(person, text[name]) if name in text else f"`{name}`" for name in names)
    listed = ", ".join(f"`{name}`" for name in names)
    where = " OR ".join(_has(person, column) for column in columns)
    store.command(f"CREATE TABLE {copy} AS {table}")
    store.command(
        f"INSERT INTO {copy} ({listed}) SELECT {values} FROM {table} WHERE {where} "
        "SETTINGS insert_deduplicate = 0, max_partitions_per_insert_block = 0"
    )
    store.command(f"ALTER TABLE {table} DELETE WHERE {where} SETTINGS mutations_sync = 2")
    _put_back(store, table)


def _resume(store: Store, person: Person, table: str) -> None:
    """End what a crash cut short: a copy is good once nothing of the original is left to be deleted."""
    for _ in range(600):
        if not _one(store, f"SELECT count() FROM system.mutations WHERE table = '{table}' AND NOT is_done"):
            break
        store.rows("SELECT sleep(0.5)")
    columns = _tables(store)[table]
    if _found(store, person, table, columns)[0]:
        store.command(f"DROP TABLE {_COPY}{table} SYNC")
    else:
        _put_back(store, table)


def _put_back(store: Store, table: str) -> None:
    copy = f"{_COPY}{table}"
    for (partition,) in store.rows(f"SELECT DISTINCT _partition_id FROM {copy}"):
        store.command(f"ALTER TABLE {copy} MOVE PARTITION ID '{partition}' TO TABLE {table}")
    store.command(f"DROP TABLE {copy} SYNC")


def _found(store: Store, person: Person, table: str, columns: Sequence[Column]) -> tuple[int, list[Column]]:
    """How many rows name the person, and in which columns."""
    tests = [_has(person, column) for column in columns]
    counts = ", ".join(f"countIf({test})" for test in (*tests, " OR ".join(tests)))
    (row,) = store.rows(f"SELECT {counts} FROM {table}")
    return int(row[-1]), [column for column, rows in zip(columns, row, strict=False) if rows]


def _tables(store: Store) -> Mapping[str, list[Column]]:
    found: dict[str, list[Column]] = {}
    for column in _columns(store):
        found.setdefault(column.table, []).append(column)
    return found


def _columns(store: Store) -> Iterator[Column]:
    for table, name, kind, default, key in store.rows(_COLUMNS):
        yield Column(str(table), str(name), str(kind), str(default) == "MATERIALIZED", bool(key))


def _has(person: Person, column: Column) -> str:
    """SQL of whether a column names the person."""
    naming = re.search(NAMING, column.name) is not None
    return _test(person, column.type, column.quoted, "1" if naming else "0")


def _test(person: Person, kind: str, value: str, naming: str) -> str:
    outer, inner = _parted(kind)
    match outer:
        case "Map":
            named = f"match(k, '{NAMING}')"
            return (
                f"arrayExists((k, v) -> {_test(person, inner[0], 'k', '0')} OR {_test(person, inner[1], 'v', named)}, "
                f"mapKeys({value}), mapValues({value}))"
            )
        case "Array":
            return f"arrayExists(e -> {_test(person, inner[0], 'e', naming)}, {value})" if "String" in kind else "0"
        case "String":
            return _matches(person, f"ifNull({value}, '')", naming)
    return _matches(person, f"toString({value})", naming) if "String" in kind else "0"


def _matches(person: Person, value: str, naming: str) -> str:
    found = f"match({value}, {_PATTERN})"
    return f"({naming} AND {found})" if person.mode is Mode.WHOLE else found


def _without(person: Person, column: Column) -> str:
    """SQL of a column's value with the pseudonym in the person's place."""
    naming = "1" if re.search(NAMING, column.name) else "0"
    return f"CAST({_hidden(person, column, column.type, column.quoted, naming)}, {_text(column.type)})"


def _hidden(person: Person, column: Column, kind: str, value: str, naming: str) -> str:
    outer, inner = _parted(kind)
    if "String" not in kind:
        return value
    match outer:
        case "Map":
            key = _hidden(person, column, inner[0], "k", "0")
            text = _hidden(person, column, inner[1], "v", f"match(k, '{NAMING}')")
            return (
                f"CAST((arrayMap(k -> {key}, mapKeys({value})), arrayMap((k, v) -> {text}, mapKeys({value}), "
                f"mapValues({value}))), {_text(kind)})"
            )
        case "Array":
            return f"arrayMap(e -> {_hidden(person, column, inner[0], 'e', naming)}, {value})"
        case "String":
            return _replaced(person, value, naming)
    raise StoreError(f"{column.table}.{column.name}: texts inside a {kind} cannot be rewritten")


def _replaced(person: Person, value: str, naming: str) -> str:
    times = 2 if person.mode is Mode.WORD else 1
    made = value
    for _ in range(times):
        made = f"replaceRegexpAll({made}, {_PATTERN}, {_text(person.by)})"
    return f"if({naming}, {made}, {value})" if person.mode is Mode.WHOLE else made


def _parted(kind: str) -> tuple[str, list[str]]:
    """The outermost type and those inside it; what changes nothing for a text is left out."""
    for shell in ("LowCardinality(", "Nullable("):
        if kind.startswith(shell):
            return _parted(kind[len(shell) : -1])
    if kind.startswith("SimpleAggregateFunction("):
        return _parted(kind.partition(", ")[2][:-1])
    outer, _, rest = kind.partition("(")
    return outer, _split(rest[:-1])


def _split(types: str) -> list[str]:
    depth, found = 0, [""]
    for sign in types:
        depth += (sign == "(") - (sign == ")")
        if sign == "," and not depth:
            found.append("")
        else:
            found[-1] += sign
    return [each.strip() for each in found]


def _one(store: Store, sql: str) -> int:
    ((value,),) = store.rows(sql)
    return int(value)


def _text(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
