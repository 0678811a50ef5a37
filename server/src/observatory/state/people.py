"""Erased users, by keyed hash, and the search for one in every table of the control store, tables yet to come too."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Connection, MetaData, String, cast, inspect, select, update
from sqlalchemy import Table as AnyTable
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from observatory.model.person import Person
from observatory.state.schema import Key, Table, UtcTime


@dataclass(frozen=True, slots=True)
class ErasureRecord:
    """One erased user: hash, what took the id's place, and when."""

    id: int
    digest: int
    pseudonym: str
    at: datetime


class ErasureRow(Table):
    """Table `erasures`. A hash has 64 bits without a sign, which no database keeps as a number."""

    __tablename__ = "erasures"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    digest: Mapped[str] = mapped_column(String(20), unique=True)
    pseudonym: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime] = mapped_column(UtcTime)

    def record(self) -> ErasureRecord:
        """The row as an immutable value."""
        return ErasureRecord(self.id, int(self.digest), self.pseudonym, self.at)


class PeopleRows:
    """Reads and writes of `erasures`, and erasing, inside one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def insert(self, digest: int, pseudonym: str, now: datetime) -> ErasureRecord:
        """Remember an erased user; one that was erased before keeps his pseudonym. Returns what is remembered."""
        found = await self._session.scalar(select(ErasureRow).where(ErasureRow.digest == str(digest)))
        if found is None:
            found = ErasureRow(digest=str(digest), pseudonym=pseudonym, at=now)
            self._session.add(found)
            await self._session.flush()
        return found.record()

    async def all(self) -> Sequence[ErasureRecord]:
        """Every erased user."""
        return [row.record() for row in await self._session.scalars(select(ErasureRow))]

    async def count(self, person: Person) -> dict[str, int]:
        """Rows that name the person, by table; those of all tables, 0 too."""
        return await self._each(lambda connection, table: sum(1 for _ in _named(connection, table, person)))

    async def erase(self, person: Person) -> None:
        """Put the pseudonym in the person's place in every row."""
        await self._each(lambda connection, table: _erase(connection, table, person))

    async def _each(self, work: Callable[[Connection, AnyTable], int]) -> dict[str, int]:
        def run(connection: Connection) -> dict[str, int]:
            metadata = MetaData()
            names = [name for name in inspect(connection).get_table_names() if name != "alembic_version"]
            return {
                name: work(connection, AnyTable(name, metadata, autoload_with=connection)) for name in sorted(names)
            }

        return await (await self._session.connection()).run_sync(run)


def _erase(connection: Connection, table: AnyTable, person: Person) -> int:
    changed = 0
    for key, values in list(_named(connection, table, person)):
        connection.execute(update(table).where(*key).values(values))
        changed += 1
    return changed


def _named(connection: Connection, table: AnyTable, person: Person) -> Iterator[tuple[list[Any], dict[str, Any]]]:
    """Where a row that names the person is found, and what its texts become."""
    texts = [column for column in table.columns if isinstance(column.type, String | JSON)]
    if not texts:
        return
    wanted = [cast(column, String).contains(person.id, autoescape=True) for column in texts]
    keys = list(table.primary_key.columns)
    for row in connection.execute(select(table).where(_any(wanted))).mappings().all():
        values = {column.name: _hidden(person, column.name, row[column.name]) for column in texts}
        changed = {name: value for name, value in values.items() if value != row[name]}
        if changed:
            yield [key == row[key.name] for key in keys], changed


def _any(tests: Sequence[Any]) -> Any:
    found = tests[0]
    for test in tests[1:]:
        found = found | test
    return found


def _hidden(person: Person, name: str, value: Any) -> Any:
    if value is None or isinstance(value, str):
        return value and person.hidden(value, name)
    return json.loads(person.hidden(json.dumps(value), name))
