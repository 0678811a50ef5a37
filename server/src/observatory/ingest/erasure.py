"""Erasing a user: from both stores, from what lies on disk beside them, and from what is still to come."""

from __future__ import annotations

import asyncio
import logging
import secrets
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from observatory.auth import Tokens
from observatory.clock import Clock
from observatory.errors import InvalidRequest
from observatory.model.person import Person, mode_of
from observatory.state import ErasureRecord, State
from observatory.store import Store, erase
from observatory.store.people import People

_log = logging.getLogger(__name__)
_MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class Erased:
    """What became of a user.

    Attributes:
        pseudonym: what stands in the id's place.
        mode: how the id was looked for.
        before, after: rows that name the user, by store and table: `telemetry.fact_orders`, `control.audit`.
        files: bodies that had been put aside and named the user; they are deleted.
        backups: names of backups that may still hold the user.
    """

    pseudonym: str
    mode: str
    before: Mapping[str, int]
    after: Mapping[str, int]
    files: Sequence[str]
    backups: Sequence[str]

    @property
    def left(self) -> int:
        """Rows that still name the user."""
        return sum(self.after.values())


class Erasures:
    """Erases users, one at a time.

    Args:
        telemetry, control: the two stores.
        tokens: what is in force in memory.
        people: the key of hashes.
        intents: the folder of bodies that wait or were put aside.
        backups: the folder of backups.
    """

    def __init__(
        self,
        telemetry: Store,
        control: State,
        tokens: Tokens,
        people: People,
        intents: Path,
        backups: Path,
        clock: Clock,
    ) -> None:
        self._telemetry = telemetry
        self._control = control
        self._tokens = tokens
        self._people = people
        self._intents = intents
        self._backups = backups
        self._clock = clock
        self._lock = asyncio.Lock()

    async def recall(self) -> Sequence[ErasureRecord]:
        """Put in force again who was erased. Called at the start, before anything is ingested."""
        async with self._control.reading() as rows:
            known = await rows.people.all()
        await asyncio.to_thread(erase.recall, self._telemetry, [each.digest for each in known])
        return known

    async def again(self) -> None:
        """Erase users who were erased before and are there again, as after a backup was restored."""
        for user in await asyncio.to_thread(erase.returned, self._telemetry, self._people):
            found = await self.erase(user, "server", "was there again after he had been erased")
            _log.warning("an erased user was there again, and was erased again: %s", found.pseudonym)

    async def erase(self, user: str, actor: str, reason: str, *, with_backups: bool = False) -> Erased:
        """Put a pseudonym in a user's place everywhere, and look whether anything is left.

        It begins with what is still to come: from then on, telemetry that names the user is not stored.

        Args:
            user: the id, or an address, whose pseudonym is erased as well.
            actor, reason: for the audit log, which is never told the id.
            with_backups: whether backups are deleted.

        Raises:
            InvalidRequest: the id is no id.
            StoreError, StateError: a store refused; it can be tried again.
        """
        _check(user)
        async with self._lock:
            known = dict.fromkeys((user, self._people.known_as(user)))
            parts = [await self._erase(each, actor, reason) for each in known]
            files = [name for each in known for name in await asyncio.to_thread(self._drop_bodies, each)]
            kept = await asyncio.to_thread(self._drop_backups if with_backups else self._list_backups)
        first = parts[0]
        before = {name: sum(part[1][name] for part in parts) for name in first[1]}
        after = {name: sum(part[2].get(name, 0) for part in parts) for name in first[2]}
        return Erased(first[0].pseudonym, first[0].mode, before, after, files, kept)

    async def _erase(self, user: str, actor: str, reason: str) -> tuple[Person, dict[str, int], dict[str, int]]:
        now = self._clock.now()
        digest = await asyncio.to_thread(erase.remember, self._telemetry, self._people, user)
        async with self._control.writing() as rows:
            # Random, so that nothing leads back; the same for what turns up later.
            record = await rows.people.insert(digest, f"erased-{secrets.token_hex(6)}", now)
        held = await asyncio.to_thread(erase.held_by_another, self._telemetry, user)
        person = Person(user, record.pseudonym, mode_of(user, held_by_another=held))
        before, after = await asyncio.to_thread(erase.erase, self._telemetry, person)
        async with self._control.writing() as rows:
            controlled = await rows.people.count(person)
            await rows.people.erase(person)
            await rows.audit.insert(
                actor, "user.erased", f"user:{record.pseudonym}", person.hidden(reason, "reason"), now
            )
        # Tokens and sessions in memory that were for this user are for nobody now.
        await self._tokens.load()
        async with self._control.reading() as rows:
            left = await rows.people.count(person)
        return person, _named(before, controlled), _named(after, left)

    def _drop_bodies(self, user: str) -> list[str]:
        """Delete bodies put aside that name the user. Nobody was told that they are stored."""
        found = []
        for path in sorted((self._intents / "quarantine").glob("*.intent")):
            if user.encode() in path.read_bytes():
                path.unlink()
                found.append(path.name)
        return found

    def _list_backups(self) -> list[str]:
        return sorted(each.parent.name for each in self._backups.glob(f"*/{_MANIFEST}"))

    def _drop_backups(self) -> list[str]:
        for name in self._list_backups():
            shutil.rmtree(self._backups / name)
        return self._list_backups()


def _named(telemetry: Mapping[str, int], control: Mapping[str, int]) -> dict[str, int]:
    both = (("telemetry", telemetry), ("control", control))
    return {f"{store}.{table}": rows for store, found in both for table, rows in found.items()}


def _check(user: str) -> None:
    if not 1 <= len(user) <= 256 or not user.isprintable() or user.startswith("erased-"):
        raise InvalidRequest(
            "user_id: an id has from 1 to 256 printable characters, and is no pseudonym of an erased user"
        )
