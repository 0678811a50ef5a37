"""Feeds, queues, sockets, subscriptions, pools and Redis."""

from __future__ import annotations

import time
from typing import Any

import pytest
from opentelemetry.sdk.metrics.export import Gauge, Histogram, Sum

import observatory_sdk as obs
from observatory_sdk import conventions, facts
from observatory_sdk.conventions import Instrument, Metric
from observatory_sdk.facts import readings
from observatory_sdk.facts.readings import Board

NOW = 1_700_000_000_000_000_000
KINDS = {Instrument.COUNTER: Sum, Instrument.GAUGE: Gauge, Instrument.HISTOGRAM: Histogram}


def points(metrics: dict[str, Any], metric: Metric) -> list[Any]:
    found = metrics[metric.name]
    assert found.unit == metric.unit
    assert isinstance(found.data, KINDS[metric.instrument])
    allowed = {attribute.name for attribute in metric.attributes} | {"observatory.service"}
    for point in found.data.data_points:
        assert set(point.attributes) <= allowed
        assert all(type(name) is str for name in point.attributes)
    return list(found.data.data_points)


@pytest.fixture
def feed() -> Any:
    made = facts.feed(exchange_id="binance", channel="trades", symbol="BTC/USDT")
    yield made
    made.close()


def test_a_feed_counts_and_measures_what_comes(recorded: Any, feed: Any) -> None:
    feed.connection(True)
    for number in range(3):
        feed.message(event_unix_nano=NOW + number, received_unix_nano=NOW + number + 250_000_000)
    feed.message(price=64_200.5)
    feed.message(event_unix_nano=NOW - 10**9, received_unix_nano=NOW)  # late: the newest event stays the newest
    feed.reconnected()
    feed.sequence_gap(4)
    feed.candles_missing(2)
    metrics = recorded.feed_metrics()
    # Feeds are read every second by themselves, too: the newest reading is the one.
    data = conventions.market_data
    *_, messages = points(metrics, data.MESSAGES)
    assert dict(messages.attributes) == {
        "observatory.service": "websocket_market_data",
        "exchange.id": "binance",
        "market_data.channel": "trades",
        "market_data.symbol": "BTC/USDT",
    }
    *_, lag = points(metrics, data.LAG)
    assert (messages.value, lag.count, lag.sum) == (5, 4, pytest.approx(1.75))
    *_, newest = points(metrics, data.LAST_UPDATE)
    assert newest.value == pytest.approx(NOW / 1e9)
    expected = {data.RECONNECTS: 1, data.SEQUENCE_GAPS: 4, data.CANDLES_MISSING: 2, data.CONNECTION_UP: 1}
    expected |= {data.PRICE: 64_200.5}
    assert {metric: points(metrics, metric)[0].value for metric in expected} == expected


def test_feed_metrics_are_not_sent_twice(recorded: Any, feed: Any) -> None:
    feed.message()
    assert "market_data.messages" in recorded.feed_metrics()
    assert "market_data.messages" not in recorded.metrics()


def test_clock_skew_shows_as_a_least_lag_below_0(recorded: Any, feed: Any) -> None:
    feed.message(event_unix_nano=NOW, received_unix_nano=NOW - 30_000_000)
    feed.message(event_unix_nano=NOW, received_unix_nano=NOW - 10_000_000)
    metrics = recorded.feed_metrics()
    assert points(metrics, conventions.market_data.LAG)[0].sum == 0
    assert points(metrics, conventions.market_data.LEAST_LAG)[0].value == pytest.approx(-0.03)
    feed.message(event_unix_nano=NOW, received_unix_nano=NOW + 5_000_000)
    assert points(recorded.feed_metrics(), conventions.market_data.LEAST_LAG)[0].value == pytest.approx(0.005)


def test_a_quiet_feed_keeps_reporting_its_connection_and_a_closed_one_does_not(recorded: Any, feed: Any) -> None:
    feed.connection(True)
    recorded.feed_metrics()
    recorded.fast.exports.clear()
    assert points(recorded.feed_metrics(), conventions.market_data.CONNECTION_UP)[0].value == 1
    feed.connection(False)
    assert points(recorded.feed_metrics(), conventions.market_data.CONNECTION_UP)[0].value == 0
    feed.close()
    recorded.fast.exports.clear()
    assert "market_data.connection.up" not in recorded.feed_metrics()
    feed.message()
    assert "market_data.messages" in recorded.feed_metrics()


def test_a_feed_belongs_to_the_service_at_work_when_it_was_made(recorded: Any) -> None:
    with obs.service("real_market_data_service"):
        made = facts.feed(exchange_id="okx", channel="ticker", symbol="BTC/USDT")
    made.message()
    found = points(recorded.feed_metrics(), conventions.market_data.MESSAGES)
    made.close()
    services = {point.attributes["exchange.id"]: point.attributes["observatory.service"] for point in found}
    assert services["okx"] == "real_market_data_service"


def test_a_feed_made_before_configure_reports_after_it(feed: Any, request: Any) -> None:
    feed.connection(True)
    feed.message()
    recorded = request.getfixturevalue("recorded")
    assert points(recorded.feed_metrics(), conventions.market_data.MESSAGES)[0].value == 1


def test_a_queue_tells_depth_age_and_work(recorded: Any) -> None:
    queue = facts.queue("submissions", service="strategy_submission_service")
    queue.observe(depth=7, oldest_item_age_s=12.5)
    queue.processed()
    queue.processed("failure", 2)
    metrics = recorded.metrics()
    (depth,) = points(metrics, conventions.platform.QUEUE_DEPTH)
    (oldest,) = points(metrics, conventions.platform.QUEUE_OLDEST)
    assert (depth.value, oldest.value) == (7, 12.5)
    assert dict(depth.attributes) == {
        "observatory.service": "strategy_submission_service",
        "queue.name": "submissions",
    }
    done = points(metrics, conventions.platform.QUEUE_PROCESSED)
    assert {point.attributes["queue.outcome"]: point.value for point in done} == {"success": 1, "failure": 2}


def test_a_number_nobody_tells_anew_is_not_known_any_more() -> None:
    cell = Board().cell(conventions.platform.QUEUE_DEPTH, {"queue.name": "x"}, 60.0)
    assert cell.observation(time.monotonic()) is None
    cell.put(3)
    assert cell.observation(cell.set_at + 59) is not None
    assert cell.observation(cell.set_at + 61) is None


def test_sockets_subscriptions_and_pools(recorded: Any) -> None:
    sockets = facts.websockets()
    sockets.connections(12)
    sockets.dropped("slow_consumer")
    facts.subscriptions(40, channel="momentum", plan="pro")
    facts.pool("redis").observe(used=3, idle=2, pending=1, max_connections=10)
    metrics = recorded.metrics()
    platform = conventions.platform
    assert points(metrics, platform.SOCKET_CONNECTIONS)[0].value == 12
    assert points(metrics, platform.SOCKET_DROPPED)[0].attributes["websocket.drop.reason"] == "slow_consumer"
    (active,) = points(metrics, conventions.signals.SUBSCRIPTIONS_ACTIVE)
    assert (active.value, active.attributes["signal.subscription.plan"]) == (40, "pro")
    states = {
        point.attributes["db.client.connection.state"]: point.value for point in points(metrics, platform.POOL_COUNT)
    }
    assert states == {"used": 3, "idle": 2}
    assert points(metrics, platform.POOL_MAX)[0].value == 10
    assert points(metrics, platform.POOL_PENDING)[0].value == 1


def _info(**told: Any) -> dict[str, Any]:
    of_a_calm_server = {
        "used_memory_bytes": 1_500_000,
        "max_memory_bytes": 64_000_000,
        "fragmentation_ratio": 1.3,
        "hits": 900,
        "misses": 100,
        "evicted_keys": 0,
    }
    return {**of_a_calm_server, **told}


def _redis_values(recorded: Any) -> dict[str, Any]:
    recorded.slow.exports.clear()
    metrics = recorded.metrics()
    platform = conventions.platform
    told = (
        platform.REDIS_MEMORY,
        platform.REDIS_MAX_MEMORY,
        platform.REDIS_FRAGMENTATION,
        platform.REDIS_HITS,
        platform.REDIS_MISSES,
        platform.REDIS_EVICTED,
    )
    return {metric.name: [point.value for point in points(metrics, metric)] for metric in told}


def test_redis_tells_its_memory_and_how_its_totals_grow(recorded: Any) -> None:
    redis = facts.redis()
    redis.observe(**_info())
    assert _redis_values(recorded) == {
        "redis.memory.used": [1_500_000],
        "redis.maxmemory": [64_000_000],
        "redis.memory.fragmentation_ratio": [1.3],
        # What was counted before anybody looked belongs to another time.
        "redis.keyspace.hits": [0],
        "redis.keyspace.misses": [0],
        "redis.keys.evicted": [0],
    }
    redis.observe(**_info(used_memory_bytes=1_200_000, max_memory_bytes=0, hits=950, evicted_keys=7))
    values = _redis_values(recorded)
    assert (values["redis.memory.used"], values["redis.maxmemory"]) == ([1_200_000], [0])
    assert (values["redis.keyspace.hits"], values["redis.keys.evicted"]) == ([50], [7])
    (used,) = points(recorded.metrics(), conventions.platform.REDIS_MEMORY)
    assert dict(used.attributes) == {"observatory.service": "resource_monitor"}


def test_a_redis_that_starts_anew_takes_no_counter_back(recorded: Any) -> None:
    redis = facts.redis()
    redis.observe(**_info(hits=900, evicted_keys=7))
    redis.observe(**_info(hits=20, evicted_keys=0))  # started anew
    values = _redis_values(recorded)
    assert (values["redis.keyspace.hits"], values["redis.keys.evicted"]) == ([20], [0])
    redis.observe(**_info(hits=30, evicted_keys=2))
    redis.observe(**_info(hits=5, evicted_keys=2))  # and once more
    values = _redis_values(recorded)
    assert (values["redis.keyspace.hits"], values["redis.keys.evicted"]) == ([35], [2])
    (evicted,) = points(recorded.metrics(), conventions.platform.REDIS_EVICTED)
    assert evicted.start_time_unix_nano < evicted.time_unix_nano


def test_servers_with_addresses_are_kept_apart(recorded: Any) -> None:
    for hits in (0, 1):
        facts.redis("state", service="system_monitoring_service").observe(**_info(hits=hits))
        facts.redis("queues").observe(**_info(hits=2 * hits))
    hits = points(recorded.metrics(), conventions.platform.REDIS_HITS)
    assert {point.attributes["server.address"]: point.value for point in hits} == {"state": 1, "queues": 2}


def test_a_redis_nobody_has_asked_for_a_minute_is_not_known_any_more() -> None:
    cell = Board().cell(conventions.platform.REDIS_EVICTED, {}, 60.0)
    cell.total(3)
    assert cell.observation(cell.set_at + 59) is not None
    assert cell.observation(cell.set_at + 61) is None


def test_a_total_that_is_no_number_is_refused(recorded: Any, lenient: None) -> None:
    facts.redis("bad").observe(**_info(hits="many"))
    assert sum(obs.losses().values()) == 1


def test_series_are_bounded(recorded: Any, lenient: None, monkeypatch: Any) -> None:
    monkeypatch.setattr(readings, "MAX_CELLS", 5)
    board = Board()
    for number in range(8):
        board.cell(conventions.platform.QUEUE_DEPTH, {"queue.name": str(number)}).put(1)
    assert obs.losses() == {"too many metric series": 3}


@pytest.mark.parametrize("depth", ["7", None, float("nan")])
def test_a_number_that_is_none_is_refused(recorded: Any, lenient: None, depth: Any) -> None:
    facts.queue("q-bad").observe(depth=depth, oldest_item_age_s=0)
    assert sum(obs.losses().values()) == 1
    found = recorded.metrics().get("queue.depth")
    names = [] if found is None else [point.attributes["queue.name"] for point in found.data.data_points]
    assert "q-bad" not in names
