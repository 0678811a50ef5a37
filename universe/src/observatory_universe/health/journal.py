"""The audit log."""

from collections import deque
from typing import Final

import observatory_sdk as obs
from observatory_universe.service import Service, World

_KEPT: Final = 500


class SystemJournal(Service):
    """Writes down what was done and to whom; keeps the newest 500 entries at hand."""

    id = "system_journal"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._entries: deque[tuple[str, str]] = deque(maxlen=_KEPT)

    @obs.service("system_journal", "write")
    async def write(self, kind: str, subject: str) -> None:
        await self.work(0.8)
        self._entries.append((kind, subject))
        obs.facts.journal_entry(kind=kind, subject=subject)

    @obs.service("system_journal", "read")
    async def read(self, kind: str) -> list[str]:
        """The subjects of the entries of this kind that are at hand, the oldest first."""
        await self.work(0.8)
        return [subject for found, subject in self._entries if found == kind]
