"""When each service last gave a sign of life. Kept in memory; read back from the store once, at the start."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from observatory.areas import select
from observatory.store import Reader

# Three missed heartbeats of 15 s: idle is not dead, this is.
SILENT_AFTER_S = 45
# A sender without the SDK has no heartbeat; it is there as long as it was called within the window of its rates.
CALLED_WITHIN_S = 300
# A service unseen for longer is forgotten: it was taken out, not lost.
REMEMBERED = timedelta(days=7)
# Environments are names that senders choose: past this many, new ones are not kept.
ENVIRONMENTS = 32  # unless a setting says otherwise

_SPAN = """Timestamp > fromUnixTimestamp64Nano({since_ns:Int64}, 'UTC')
    AND Timestamp <= fromUnixTimestamp64Nano({now_ns:Int64}, 'UTC')"""
_HEARTBEATS = f"""SELECT Environment, Service, Instance, min(Timestamp) AS FirstAt, max(Timestamp) AS SeenAt
FROM fact_points
WHERE {_SPAN} AND Metric = 'observatory.service.heartbeat'
GROUP BY Environment, Service, Instance ORDER BY SeenAt DESC LIMIT 20000"""
# The rollup knows the minute: its end is when the first call had come for sure.
_CALLS = f"""SELECT Environment, Service, min(Timestamp) + toIntervalMinute(1) AS FirstAt,
    max(Timestamp) AS SeenAt FROM rollup_services_1m
WHERE {_SPAN}
GROUP BY Environment, Service ORDER BY SeenAt DESC LIMIT 20000"""


@dataclass(slots=True)
class Signs:
    """One service's signs of life in one environment.

    Attributes:
        heartbeats: newest heartbeat by process.
        called_at: newest call.
        first_at: the first sign of any kind that is known.
    """

    heartbeats: dict[str, datetime] = field(default_factory=dict)
    called_at: datetime | None = None
    first_at: datetime | None = None

    @property
    def heartbeat_at(self) -> datetime | None:
        """The newest heartbeat of any process."""
        return max(self.heartbeats.values(), default=None)

    @property
    def seen_at(self) -> datetime | None:
        """The newest sign of any kind."""
        return max((at for at in (self.heartbeat_at, self.called_at) if at), default=None)

    @property
    def patience_s(self) -> int:
        """For how many seconds it may give no sign before it is silent."""
        return SILENT_AFTER_S if self.heartbeats else CALLED_WITHIN_S

    def began(self, at: datetime) -> None:
        """Note that there was a sign at `at`, perhaps the first."""
        self.first_at = min(at, self.first_at or at)


class Presence:
    """The memory of who was there.

    Args:
        services: ids that are remembered; others only prove that their environment exists.
        since: since when the server listens. What came before is read back from the store, but that something did not
            come is known from here on only.
        most: environments that are remembered; those that come later are left out and counted.
    """

    def __init__(self, services: Iterable[str], since: datetime, most: int = ENVIRONMENTS) -> None:
        self.since = since
        self._most = most
        self._known = frozenset(services)
        self._dropped: set[str] = set()
        self._signs: dict[str, dict[str, Signs]] = {}
        self._witnessed: dict[str, datetime] = {}
        self._recalled = False

    @property
    def environments(self) -> tuple[str, ...]:
        """Environments that sent anything lately, in order of first sight."""
        return tuple(self._witnessed)

    def dropped(self) -> int:
        """How many environments were left out, for want of room, since this was last asked."""
        count = len(self._dropped)
        self._dropped.clear()
        return count

    def of(self, environment: str, service: str) -> Signs:
        """The signs of one service; none when it was never seen."""
        return self._signs.get(environment, {}).get(service) or Signs()

    async def read(self, reader: Reader, at: datetime) -> None:
        """Take in the heartbeats since the last round; at the first round, all that is remembered.

        Raises:
            StoreError: the store refused a query; what is known stays.
        """
        since = at - (timedelta(seconds=CALLED_WITHIN_S) if self._recalled else REMEMBERED)
        span = {"since_ns": select.nanoseconds(since), "now_ns": select.nanoseconds(at)}
        if not self._recalled:
            self.called((await reader.read(_CALLS, span)).rows)
        self.beaten((await reader.read(_HEARTBEATS, span)).rows)
        self._recalled = True
        self._forget(at - REMEMBERED)

    def witness(self, environment: str, at: datetime) -> bool:
        """Note that an environment sent something; False when there is no room for one more."""
        if environment not in self._witnessed and len(self._witnessed) >= self._most:
            self._dropped.add(environment)
            return False
        self._witnessed[environment] = max(at, self._witnessed.get(environment, at))
        return True

    def beaten(self, rows: Iterable[Sequence[Any]]) -> None:
        """Take in heartbeats: environment, service, instance, times of the first and the newest."""
        for environment, service, instance, first_at, seen_at in rows:
            if self.witness(environment, seen_at) and service in self._known:
                signs = self._sign(environment, service)
                signs.began(first_at)
                signs.heartbeats[instance] = max(seen_at, signs.heartbeats.get(instance, seen_at))

    def called(self, rows: Iterable[Sequence[Any]]) -> None:
        """Take in calls: environment, service, times of the first and the newest."""
        for environment, service, first_at, seen_at in rows:
            if self.witness(environment, seen_at) and service in self._known:
                signs = self._sign(environment, service)
                signs.began(first_at)
                signs.called_at = max(seen_at, signs.called_at or seen_at)

    def _sign(self, environment: str, service: str) -> Signs:
        return self._signs.setdefault(environment, {}).setdefault(service, Signs())

    def _forget(self, before: datetime) -> None:
        for services in self._signs.values():
            for service, signs in list(services.items()):
                _drop_old_instances(signs)
                if signs.seen_at is None or signs.seen_at < before:
                    del services[service]
        self._witnessed = {name: at for name, at in self._witnessed.items() if at >= before}
        self._signs = {name: signs for name, signs in self._signs.items() if name in self._witnessed}


def _drop_old_instances(signs: Signs) -> None:
    newest = signs.heartbeat_at
    if newest is not None:
        oldest = newest - timedelta(seconds=CALLED_WITHIN_S)
        signs.heartbeats = {name: at for name, at in signs.heartbeats.items() if at >= oldest}


_ALIVE = """SELECT DISTINCT Service FROM fact_points
WHERE Timestamp > {since:DateTime64(9, 'UTC')} AND Timestamp <= {now:DateTime64(9, 'UTC')}
    AND Environment = {environment:String} AND Metric = 'observatory.service.heartbeat'"""


async def alive(reader: Reader, environment: str, services: Collection[str], at: datetime) -> frozenset[str]:
    """Which of these services had a fresh heartbeat at a moment, also one long ago.

    Raises:
        StoreError: the store refused the query or took too long.
    """
    if not services:
        return frozenset()
    since = at - timedelta(seconds=SILENT_AFTER_S)
    bound = {"since": select.text(since), "now": select.text(at), "environment": environment}
    rows = await reader.read(_ALIVE, bound)
    return frozenset(str(service) for (service,) in rows.rows) & frozenset(services)
