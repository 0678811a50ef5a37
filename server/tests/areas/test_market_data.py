from __future__ import annotations

from typing import Any

import pytest
from lag_histograms import histograms

from observatory.areas import select
from observatory.otlp.signals import Signal


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


async def test_a_feed_that_is_frozen_beyond_the_window_stays_frozen(sender: Any, insert: Any, look: Any) -> None:
    """The hour before says what is usual, though nothing of it is in the last five minutes."""
    counts: list[tuple[str, float, int]] = []
    for exchange, until in (("binance", 400), ("kraken", 0)):
        # Counted since an hour and a half ago, 7 events a second.
        for ago in (*range(3_590, 3_540, -5), *range(290, 0, -1)):
            count = 7 * (5_400 - max(ago, until))
            counts.append((exchange, ago, count))
            newest = sender.at.timestamp() - max(ago, until) - 0.03
            sender.gauge("market_data.last_update.time", newest, ago=ago, **feed(exchange))
    lags = [(feed(exchange), ago, [0, 0, count]) for exchange, ago, count in counts]
    insert(Signal.METRICS, histograms(sender, [0.0, 0.01], lags, started=5_400), select.nanoseconds(sender.at))
    view = await look("market_data")
    assert view.judged("market_data.feed_frozen", "binance/BTC/USDT")
    assert view.member("market_data.feed_frozen", "binance/BTC/USDT").value == pytest.approx(399, abs=2)
    assert view.member("market_data.staleness_usual_gaps", "binance/BTC/USDT").value > 1_000
    assert not view.judged("market_data.feed_frozen", "kraken/BTC/USDT")


async def test_a_clock_that_runs_ahead_is_seen_and_makes_no_latency_negative(sender: Any, look: Any) -> None:
    for exchange, ahead in (("binance", 3.0), ("kraken", 0.0)):
        for ago in range(59, 0, -1):
            sender.gauge("market_data.lag.least", 0.02 - ahead, ago=ago, **feed(exchange))
            newest = sender.at.timestamp() - ago + ahead - 0.02
            sender.gauge("market_data.last_update.time", newest, ago=ago, **feed(exchange))
    for exchange in ("binance", "kraken"):
        call = {"exchange.id": exchange, "exchange.operation": "fetch_time"}
        sender.span("exchange fetch_time", ago=20, ms=60, **call)
    view = await look("market_data")
    offset = view.member("market_data.venue_clock_offset", "binance")
    assert offset.value == pytest.approx(2_980 + 30, abs=0.01)
    assert offset.interval == pytest.approx((2_980, 3_040), abs=0.01)
    assert view.member("market_data.venue_clock_error", "binance").value == pytest.approx(2_980, abs=0.01)
    assert view.member("market_data.venue_clock_error", "kraken").value == 0
    # The stale bound is held against what came, not against what the venue's clock says.
    assert 0 <= view.member("market_data.feed_stale", "binance/BTC/USDT").value <= 1


async def test_a_feed_whose_clock_runs_far_ahead_does_not_hide_that_it_stopped(sender: Any, look: Any) -> None:
    for exchange, ahead, stopped in (("binance", 60.0, 50), ("kraken", 0.0, 0), ("kucoin", 0.0, 0)):
        for ago in range(100, 0, -1):
            newest = sender.at.timestamp() - max(ago, stopped) + ahead
            sender.gauge("market_data.last_update.time", newest, ago=ago, **feed(exchange))
    view = await look("market_data")
    assert view.member("market_data.feed_frozen", "binance/BTC/USDT").value == pytest.approx(49, abs=1)
    assert view.judged("market_data.feed_frozen", "binance/BTC/USDT")


async def test_a_symbol_that_no_venue_brings_is_judged_by_its_own_past(sender: Any, look: Any) -> None:
    for symbol, stopped in (("BTC/USDT", 60), ("ETH/USDT", 0)):
        for exchange in ("binance", "kraken"):
            for tenth in range(1_000, 0, -2):
                ago = tenth / 10
                newest = sender.at.timestamp() - max(ago, stopped) - 0.01
                sender.gauge("market_data.last_update.time", newest, ago=ago, **feed(exchange, symbol))
    view = await look("market_data")
    assert view.member("market_data.symbol_silent").value == pytest.approx(60, abs=0.5)
    assert not view.judged("market_data.feed_frozen", "binance/BTC/USDT")


async def test_an_exchange_that_is_several_times_slower_is_judged(sender: Any, look: Any) -> None:
    for exchange, slower in (("binance", 8), ("kraken", 1.3)):
        for number in range(60):
            ms = (40 + number % 10) * (slower if number < 10 else 1)
            call = {"exchange.id": exchange, "exchange.operation": "fetch_ticker"}
            sender.span("exchange fetch_ticker", ago=10 + number * 11, ms=ms, **call)
    view = await look("market_data")
    assert view.member("market_data.api_slowdown", "binance").value == pytest.approx(8, rel=0.05)
    assert view.judged("market_data.api_slowdown", "binance")
    assert view.member("market_data.api_slowdown", "kraken").value == pytest.approx(1.3, rel=0.05)


async def test_a_pace_above_the_limit_says_when_it_is_used_up(sender: Any, look: Any) -> None:
    call = {"exchange.id": "binance", "exchange.operation": "fetch_ticker", "exchange.rate_limit.limit": 1_200}
    for ago in range(20, 0, -1):
        sender.span("exchange fetch_ticker", ago=ago, **call, **{"exchange.rate_limit.used": 40 * (20 - ago)})
    view = await look("market_data")
    # 760 used, 40 a second.
    assert view.member("market_data.rate_limit_minutes_to_ban", "binance").value == pytest.approx(440 / 2_400)


async def test_a_call_that_succeeds_ends_a_ban(sender: Any, look: Any) -> None:
    call = {"exchange.id": "binance", "exchange.operation": "fetch_ticker"}
    limit = {"exchange.rate_limit.used": 10, "exchange.rate_limit.limit": 1_200}
    refused = {"http.response.status_code": 418, "exchange.rate_limit.retry_after_s": 120.0}
    sender.span("exchange fetch_ticker", ago=30, error=True, **call, **limit, **refused)
    assert (await look("market_data")).member("market_data.rate_limit_headroom", "binance").value == 0
    sender.span("exchange fetch_ticker", ago=5, **call, **limit)
    view = await look("market_data")
    assert view.member("market_data.exchange_shut_out", "binance").value == 0
    assert view.member("market_data.rate_limit_headroom", "binance").value == pytest.approx(1 - 10 / 1_200)
