"""History of what the rounds found: every indicator at 10 s, rolled up to 1 m and 1 h, and the snapshots themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Lock

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from observatory.errors import StoreError
from observatory.store.query import ask

FINEST_S = 10
ROLLED_S = (60, 3_600)
# Rows of one resolution become those of the next, once its time is over for good.
_ROLLED_FROM = {60: FINEST_S, 3_600: 60}
# What was left unrolled by a stop is caught up with, as far as the finer rows are kept.
_CATCH_UP = {60: timedelta(days=1), 3_600: timedelta(days=14)}
_COLUMNS = (
    *("Resolution", "Timestamp", "Environment", "Indicator", "Member", "Last", "Least", "Greatest", "Mean"),
    *("Known", "Points", "Samples", "WindowS", "Estimated"),
)
_SNAPSHOT = ("Resolution", "Timestamp", "Environment", "SystemHealth", "Services", "Topology")
_ROLL = """INSERT INTO indicator_history
SELECT {into:UInt16}, toStartOfInterval(Timestamp, toIntervalSecond({into:UInt32})) AS Start, Environment, Indicator,
    Member, argMax(Last, Timestamp), min(Least), max(Greatest),
    if(sum(Known) > 0, sum(ifNull(Mean, 0) * Known) / sum(Known), NULL), sum(Known), sum(Points),
    max(Samples), max(WindowS), max(Estimated)
FROM indicator_history
WHERE Resolution = {of:UInt16} AND Timestamp >= {since:DateTime('UTC')} AND Timestamp < {until:DateTime('UTC')}
GROUP BY Start, Environment, Indicator, Member"""
_FORGET = """ALTER TABLE {table} DELETE
WHERE toUnixTimestamp(Timestamp) >= intDiv(toUnixTimestamp({{since:DateTime('UTC')}}), Resolution) * Resolution
SETTINGS mutations_sync = 2"""
_NEWEST = "SELECT max(Timestamp) FROM indicator_history WHERE Resolution = {into:UInt16}"


@dataclass(frozen=True, slots=True)
class Point:
    """One indicator's value for one member, as a round found it; `value` is None when nothing was measured."""

    environment: str
    indicator: str
    member: str
    value: float | None
    samples: int
    window_s: int
    estimated: bool


@dataclass(frozen=True, slots=True)
class Kept:
    """One environment's snapshot as JSON texts."""

    environment: str
    system_health: str
    services: str
    topology: str


class History:
    """Writes history.

    Args:
        client: a connection of its own.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._lock = Lock()

    def record(self, at: datetime, points: Sequence[Point]) -> None:
        """Keep what a round found.

        Raises:
            StoreError: the store refused it; the round is missing then.
        """
        if points:
            self._insert("indicator_history", _COLUMNS, [_row(at, point) for point in points])

    def keep(self, at: datetime, snapshots: Sequence[Kept], resolution_s: int = FINEST_S) -> None:
        """Keep what the snapshots said, as one of each `resolution_s` seconds.

        Raises:
            StoreError: the store refused it.
        """
        rows = [
            (resolution_s, at, each.environment, each.system_health, each.services, each.topology) for each in snapshots
        ]
        if rows:
            self._insert("snapshots", _SNAPSHOT, rows)

    def roll(self, now: datetime) -> None:
        """Roll up every minute and hour that is over and was not rolled up before.

        Raises:
            StoreError: the store refused it; the next call does what this one should have.
        """
        for into in ROLLED_S:
            until = floor(now - timedelta(seconds=FINEST_S), into)
            since = max(self._rolled_until(into), floor(now - _CATCH_UP[into], into))
            if since < until:
                bound = {"into": into, "of": _ROLLED_FROM[into], "since": since, "until": until}
                self._command(_ROLL, bound)

    def forget(self, since: datetime) -> None:
        """Delete what was kept from a time on, the minutes and hours that reach into it too.

        Raises:
            StoreError: the store refused it.
        """
        for table in ("indicator_history", "snapshots"):
            self._command(_FORGET.format(table=table), {"since": since.astimezone(UTC).replace(microsecond=0)})

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _rolled_until(self, into: int) -> datetime:
        with self._lock:
            ((newest,),) = ask(self._client, _NEWEST, {"into": into}).rows
        found: datetime = newest.astimezone(UTC)
        return found + timedelta(seconds=into) if found.year > 1970 else found

    def _insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        try:
            with self._lock:
                self._client.insert(table, rows, column_names=list(columns))
        except ClickHouseError as error:
            raise StoreError(str(error)) from error

    def _command(self, sql: str, bound: dict[str, object]) -> None:
        try:
            with self._lock:
                self._client.command(sql, parameters=bound)
        except ClickHouseError as error:
            raise StoreError(str(error)) from error


def floor(at: datetime, step_s: int) -> datetime:
    """The last multiple of `step_s` seconds since 1970 at or before `at`, in UTC."""
    return datetime.fromtimestamp(int(at.timestamp()) // step_s * step_s, UTC)


def _row(at: datetime, point: Point) -> tuple[object, ...]:
    value = point.value
    known = int(value is not None)
    return (
        FINEST_S,
        floor(at, FINEST_S),
        point.environment,
        point.indicator,
        point.member,
        value,
        value,
        value,
        value,
        known,
        1,
        point.samples,
        point.window_s,
        int(point.estimated),
    )
