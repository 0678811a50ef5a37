from __future__ import annotations

from typing import Any

import pytest


def feed(exchange: str, symbol: str = "BTC/USDT") -> dict[str, str]:
    return {"exchange.id": exchange, "market_data.channel": "trades", "market_data.symbol": symbol}


def updates(sender: Any, exchange: str, stopped_ago: float = 0) -> None:
    """A feed whose newest event moves every second until it stops; its exporter goes on."""
    now = sender.at.timestamp()
    for ago in range(100, 0, -1):
        newest = now - max(ago, stopped_ago) - 0.2
        sender.gauge("market_data.last_update.time", newest, ago=ago, **feed(exchange))


async def test_a_frozen_feed_is_judged_because_another_venue_trades(sender: Any, look: Any) -> None:
    updates(sender, "binance", stopped_ago=50)
    updates(sender, "kraken")
    view = await look("market_data")
    assert view["data_staleness_max_ms"] == pytest.approx(49_200, abs=50)
    assert view.judged("market_data.feed_stale", "binance/BTC/USDT")
    assert view.judged("market_data.feed_frozen", "binance/BTC/USDT")
    assert view.member("market_data.feed_frozen", "binance/BTC/USDT").value > 30
    assert view.member("market_data.feed_stale", "kraken/BTC/USDT").value == pytest.approx(0.2, abs=0.05)


async def test_a_market_that_is_quiet_everywhere_is_not_judged(sender: Any, look: Any) -> None:
    for exchange in ("binance", "kraken"):
        updates(sender, exchange, stopped_ago=50)
    view = await look("market_data")
    assert view["data_staleness_max_ms"] > 30_000
    assert not view.judged("market_data.feed_stale", "binance/BTC/USDT")
    assert not view.judged("market_data.feed_frozen", "binance/BTC/USDT")


async def test_an_exchange_that_was_seen_is_expected(sender: Any, look: Any) -> None:
    for exchange, up in (("binance", 1.0), ("kraken", 0.0)):
        sender.gauge("market_data.connection.up", 1.0, ago=120, **feed(exchange))
        sender.gauge("market_data.connection.up", up, ago=2, **feed(exchange))
    view = await look("market_data")
    assert view["exchanges_connected"] == 1
    assert view.member("market_data.exchanges_connected_ratio").value == pytest.approx(0.5)
    assert view["websocket_uptime"] == pytest.approx(3 / 4)


async def test_a_counter_that_began_again_after_a_restart_never_counts_backwards(sender: Any, look: Any) -> None:
    for ago, value in ((250, 1_000.0), (200, 1_040.0)):
        sender.counter("market_data.messages", value, ago=ago, started=5_000, **feed("binance"))
    for ago, value in ((100, 5.0), (10, 30.0)):
        sender.counter("market_data.messages", value, ago=ago, started=150, **feed("binance"))
    assert (await look("market_data"))["messages_5m"] == 40 + 30


async def test_rate_limit_headroom_is_that_of_the_last_call(sender: Any, look: Any) -> None:
    for ago, used in ((50, 10), (5, 1_140)):
        limit = {"exchange.rate_limit.used": used, "exchange.rate_limit.limit": 1_200}
        sender.span(
            "exchange fetch_ticker",
            ago=ago,
            ms=80,
            **{"exchange.id": "binance", "exchange.operation": "fetch_ticker"},
            **limit,
        )
    view = await look("market_data")
    assert view.member("market_data.rate_limit_headroom", "binance").value == pytest.approx(0.05)
    assert view.member("market_data.api_response_time_p95", "binance").value == pytest.approx(80)
