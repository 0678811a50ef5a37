"""Metric facts: feeds, queues, sockets, subscriptions, pools, Redis. Keep the object, tell it what happens."""

from __future__ import annotations

from typing import Literal

from observatory_sdk.conventions import Metric, common, market_data, platform, signals
from observatory_sdk.facts.readings import BOARD, Cell, guarded, labels

# A number nobody has told anew for a minute is not known any more.
FRESH_FOR_S = 60.0
_NS = 1_000_000_000
MAX_CLAIMED = 10_000
CLAIMED: set[tuple[str, str]] = set()
"""Exchange and symbol of the streams that the host tells of itself, by `Feed`."""


class Feed:
    """One stream of one symbol of one venue. `service` defaults to the one that runs when the object is made."""

    def __init__(self, *, exchange_id: str, channel: str, symbol: str, service: str | None = None) -> None:
        self._cells: dict[str, tuple[Metric, Cell]] = {}
        values = {common.EXCHANGE_ID: exchange_id, market_data.CHANNEL: channel, market_data.SYMBOL: symbol}
        self._labels = labels(market_data.MESSAGES, values, service)
        self._stream = (str(exchange_id), str(symbol))
        self._claim()

    def _claim(self) -> None:
        """The host tells of this stream itself: what reads the connection below tells nothing of it."""
        if len(CLAIMED) < MAX_CLAIMED:
            CLAIMED.add(self._stream)

    def message(
        self,
        *,
        event_unix_nano: int | None = None,
        received_unix_nano: int | None = None,
        price: float | None = None,
    ) -> None:
        """A message came. With both moments (ns since 1970 UTC) the lag is measured, receipt minus event.

        `price` in the quote asset: the server compares the venues by it.
        """
        with guarded():
            self._cell(market_data.MESSAGES).add(1)
            if price is not None:
                self._cell(market_data.PRICE).put(price)
            if event_unix_nano is None:
                return
            self._newest(event_unix_nano)
            if received_unix_nano is not None:
                self._late((received_unix_nano - event_unix_nano) / _NS)

    def reconnected(self) -> None:
        """The connection was made anew."""
        with guarded():
            self._cell(market_data.RECONNECTS).add(1)

    def sequence_gap(self, missing: int = 1) -> None:
        """So many numbers are missing in the venue's own sequence."""
        with guarded():
            self._cell(market_data.SEQUENCE_GAPS).add(missing)

    def candles_missing(self, missing: int) -> None:
        """So many candles should have come and did not."""
        with guarded():
            self._cell(market_data.CANDLES_MISSING).add(missing)

    def connection(self, up: bool) -> None:
        """Connected or not, from now on."""
        with guarded():
            self._cell(market_data.CONNECTION_UP).put(int(up))

    def close(self) -> None:
        """The stream is not wanted any more: no more points."""
        with guarded():
            for metric, cell in self._cells.values():
                BOARD.drop(metric, cell)
            self._cells.clear()

    def _late(self, lag_s: float) -> None:
        self._cell(market_data.LEAST_LAG).least(lag_s)
        histogram = BOARD.histogram(market_data.LAG)
        if histogram is not None:
            # OpenTelemetry's histograms take no number below 0; the least lag keeps what this hides.
            histogram.record(max(0.0, lag_s), self._labels)

    def _newest(self, event_unix_nano: int) -> None:
        cell = self._cell(market_data.LAST_UPDATE)
        moment = event_unix_nano / _NS
        if cell.value is None or moment > cell.value:
            cell.put(moment)

    def _cell(self, metric: Metric) -> Cell:
        found = self._cells.get(metric.name)
        if found is None:
            found = self._cells[metric.name] = (
                metric,
                BOARD.cell(metric, self._labels, once=metric is market_data.LEAST_LAG),
            )
        return found[1]


class Queue:
    """One queue. Tell it depth and age at least once a minute, or they are unknown."""

    def __init__(self, name: str, *, service: str | None = None) -> None:
        self._labels = labels(platform.QUEUE_DEPTH, {platform.QUEUE_NAME: name}, service)

    def observe(self, *, depth: int, oldest_item_age_s: float) -> None:
        """Items waiting, and how long the oldest of them has waited; 0 and 0 when empty."""
        with guarded():
            BOARD.cell(platform.QUEUE_DEPTH, self._labels, FRESH_FOR_S).put(depth)
            BOARD.cell(platform.QUEUE_OLDEST, self._labels, FRESH_FOR_S).put(oldest_item_age_s)

    def processed(self, outcome: Literal["success", "failure"] = "success", count: int = 1) -> None:
        """So many items were worked on."""
        with guarded():
            BOARD.cell(platform.QUEUE_PROCESSED, {**self._labels, platform.QUEUE_OUTCOME.name: outcome}).add(count)


class Websockets:
    """The clients connected to us over WebSocket."""

    def __init__(self, *, service: str | None = None) -> None:
        self._labels = labels(platform.SOCKET_CONNECTIONS, {}, service)

    def connections(self, count: int) -> None:
        """So many are connected, from now on."""
        with guarded():
            BOARD.cell(platform.SOCKET_CONNECTIONS, self._labels).put(count)

    def dropped(self, reason: str, count: int = 1) -> None:
        """So many connections or messages were dropped; `reason` is a fixed word."""
        with guarded():
            BOARD.cell(platform.SOCKET_DROPPED, {**self._labels, platform.SOCKET_REASON.name: reason}).add(count)


class Pool:
    """A pool of connections to PostgreSQL, Redis or the like."""

    def __init__(self, name: str, *, service: str | None = None) -> None:
        self._labels = labels(platform.POOL_COUNT, {platform.POOL_NAME: name}, service)

    def observe(self, *, used: int, idle: int, pending: int, max_connections: int) -> None:
        """Connections in use and idle, requests waiting, and how many connections there may be."""
        with guarded():
            states = {"used": used, "idle": idle}
            for state, count in states.items():
                found = {**self._labels, platform.POOL_STATE.name: state}
                BOARD.cell(platform.POOL_COUNT, found, FRESH_FOR_S).put(count)
            BOARD.cell(platform.POOL_PENDING, self._labels, FRESH_FOR_S).put(pending)
            BOARD.cell(platform.POOL_MAX, self._labels, FRESH_FOR_S).put(max_connections)


class Redis:
    """A Redis server, as its own INFO describes it. `address` tells several servers apart."""

    def __init__(self, address: str | None = None, *, service: str | None = None) -> None:
        self._labels = labels(platform.REDIS_MEMORY, {common.SERVER_ADDRESS: address}, service)

    def observe(
        self,
        *,
        used_memory_bytes: int,
        max_memory_bytes: int,
        fragmentation_ratio: float,
        hits: int,
        misses: int,
        evicted_keys: int,
    ) -> None:
        """What INFO says of memory, 0 for no limit, and its totals since the server's start; they may begin anew."""
        with guarded():
            now: dict[Metric, float] = {
                platform.REDIS_MEMORY: used_memory_bytes,
                platform.REDIS_MAX_MEMORY: max_memory_bytes,
                platform.REDIS_FRAGMENTATION: fragmentation_ratio,
            }
            totals = {platform.REDIS_HITS: hits, platform.REDIS_MISSES: misses, platform.REDIS_EVICTED: evicted_keys}
            for metric, value in now.items():
                BOARD.cell(metric, self._labels, FRESH_FOR_S).put(value)
            for metric, total in totals.items():
                BOARD.cell(metric, self._labels, FRESH_FOR_S).total(total)


def subscriptions(count: int, *, channel: str, plan: str | None = None, service: str | None = None) -> None:
    """So many subscriptions of a signal channel run, from now on."""
    with guarded():
        values = {signals.SUBSCRIPTION_CHANNEL: channel, signals.SUBSCRIPTION_PLAN: plan}
        BOARD.cell(signals.SUBSCRIPTIONS_ACTIVE, labels(signals.SUBSCRIPTIONS_ACTIVE, values, service)).put(count)
