"""What an environment spent since some time: a few older sums that are read seldom, and a newest part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from observatory.costs.budgets import Stretch, Sum, burn_windows
from observatory.costs.ledger import Ledger, Spent
from observatory.costs.outlooks import uncosted
from observatory.costs.periods import PERIODS, around

_MINUTE = timedelta(minutes=1)
_HOUR = timedelta(hours=1)
# Late and re-priced facts of older hours are seen within this time.
RENEW = timedelta(seconds=60)
_HEARD = timedelta(days=3)

Part = tuple[Mapping[str, str], Sum]
# A dimension and its value; None: everything.
Only = tuple[str, str] | None


@dataclass(slots=True)
class Windows:
    """The sums of one environment.

    Attributes:
        dimensions: what they are told apart by.
        read_at: when the older part was read.
        joint: where the newest part begins, at least an hour before `read_at`.
        now: up to when the newest part goes.
    """

    environment: str
    dimensions: tuple[str, ...]
    read_at: datetime
    joint: datetime
    now: datetime
    _older: dict[datetime, list[Part]] = field(default_factory=dict)
    _newest: list[tuple[datetime, Mapping[str, str], Sum]] = field(default_factory=list)
    # The same by one dimension and value, made when first asked for.
    _summed: dict[datetime, dict[Only, Sum]] = field(default_factory=dict)
    _minutes: dict[Only, list[tuple[datetime, Sum]]] = field(default_factory=dict)

    @property
    def heard(self) -> bool:
        """Whether anything at all was spent in the last three days."""
        since = max(mark for mark in self._older if mark <= self.read_at - _HEARD)
        return bool(self._newest or self._older[since])

    def due(self, dimensions: Sequence[str], now: datetime) -> bool:
        """Whether the older part must be read again: it is old, a period began since, or it is told apart otherwise."""
        begun = any(around(name, self.read_at).start != around(name, now).start for name in PERIODS)
        return begun or tuple(dimensions) != self.dimensions or now - self.read_at >= RENEW

    def since(self, start: datetime, only: Only) -> Stretch | None:
        """What was spent from `start`, or a little earlier, up to now; None for a time before all that was read."""
        if start >= self.joint:
            minute = start.replace(second=0, microsecond=0)
            return Stretch(minute, self._new(minute, only))
        mark = max((each for each in self._older if each <= start), default=None)
        if mark is None:
            return None
        if mark not in self._summed:
            self._summed[mark] = _by_value(self._older[mark])
        return Stretch(mark, self._summed[mark].get(only, Sum()) + self._new(self.joint, only))

    def take(self, newest: list[tuple[datetime, Mapping[str, str], Sum]], now: datetime) -> None:
        """Put another newest part in place of the last one."""
        self._newest, self.now = newest, now
        self._minutes = {}
        for at, named, part in newest:
            for only in (None, *named.items()):
                self._minutes.setdefault(only, []).append((at, part))

    def _new(self, start: datetime, only: Only) -> Sum:
        return sum((part for at, part in self._minutes.get(only, ()) if at >= start), Sum())

    def parts(self, start: datetime) -> list[Part]:
        """What was spent since the start of a period, told apart."""
        if start >= self.joint:
            return [(named, part) for at, named, part in self._newest if at >= start]
        return self._parts(start) if start in self._older else []

    def _parts(self, mark: datetime) -> list[Part]:
        return [*self._older[mark], *((named, part) for _, named, part in self._newest)]


async def read(ledger: Ledger, environment: str, dimensions: Sequence[str], now: datetime) -> Windows:
    """Read both parts.

    Raises:
        StoreError: the store refused, or a limit was reached.
    """
    hour = now.replace(minute=0, second=0, microsecond=0)
    found = Windows(environment, tuple(dimensions), now, hour - _HOUR, now)
    burning = {each for pair in burn_windows() for each in (pair.long_s, pair.short_s)}
    marks = {around(name, now).start for name in PERIODS}
    # Whole hours, because those are summed up already.
    marks |= {hour - timedelta(seconds=length_s) for length_s in burning if length_s >= 2 * 3_600}
    for mark in sorted(each for each in marks if each < found.joint):
        rows = await ledger.spent(environment, mark, found.joint, by=found.dimensions)
        found._older[mark] = [_part(found.dimensions, row) for row in rows]
    await renew(ledger, found, now)
    return found


async def renew(ledger: Ledger, found: Windows, now: datetime) -> None:
    """Read the newest part again.

    Raises:
        StoreError: the store refused, or a limit was reached.
    """
    rows = await ledger.spent(found.environment, found.joint, now, by=found.dimensions, step_s=60)
    found.take([(row.start, *_part(found.dimensions, row)) for row in rows if row.start is not None], now)


def _part(dimensions: Sequence[str], row: Spent) -> Part:
    missing = uncosted(row)
    told = Sum(row.usd, row.calls + row.charges, missing, bool(row.calls_estimated))
    return dict(zip(dimensions, row.key, strict=True)), told


def _by_value(parts: Sequence[Part]) -> dict[Only, Sum]:
    found: dict[Only, Sum] = {}
    for named, part in parts:
        for only in (None, *named.items()):
            found[only] = found.get(only, Sum()) + part
    return found
