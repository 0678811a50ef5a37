"""How long what failed is left alone: longer each time, so that one that always fails takes no time from the others."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

FIRST = timedelta(seconds=30)
LONGEST = timedelta(minutes=30)
# More are not remembered: the one that failed longest ago may then be tried at once.
MOST = 1_000


class Patience:
    """Remembers what failed, by name."""

    def __init__(self) -> None:
        self._failed: dict[str, tuple[int, datetime]] = {}

    def resting(self, now: datetime) -> set[str]:
        """What is to be left alone now."""
        return {name for name, (_, until) in self._failed.items() if now < until}

    def failed(self, name: str, now: datetime) -> bool:
        """It failed, and rests; whether for the first time."""
        times, _ = self._failed.pop(name, (0, now))
        self._failed[name] = (times + 1, now + min(LONGEST, FIRST * 2 ** min(times, 10)))
        while len(self._failed) > MOST:
            del self._failed[next(iter(self._failed))]
        return times == 0

    def done(self, name: str) -> None:
        """It did not fail."""
        self._failed.pop(name, None)

    def only(self, names: Collection[str]) -> None:
        """Forget all but these."""
        self._failed = {name: each for name, each in self._failed.items() if name in names}
