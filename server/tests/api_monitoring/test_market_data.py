"""The endpoint of market data: known values, an empty store, and the ledger of what was missing."""

from __future__ import annotations

from typing import Any

import pytest
from lag_histograms import histograms

from observatory.areas import select
from observatory.otlp.signals import Signal

SYMBOL = "BTC/USDT"


def feed(exchange: str, symbol: str = SYMBOL) -> dict[str, str]:
    return {"exchange.id": exchange, "market_data.channel": "trades", "market_data.symbol": symbol}


def ns(sender: Any, ago: float) -> int:
    return select.nanoseconds(sender.at) - int(ago * 1e9)


async def asked(server: Any, sender: Any, **parameters: Any) -> Any:
    answer = await server.read("/market-data", environment=sender.environment, **parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_an_empty_store_answers_null_and_no_rows(server: Any, sender: Any, told: Any) -> None:
    sender.heartbeat("health_monitor")
    await told()
    answer = await asked(server, sender)
    assert answer["overall"]["data_staleness_max_ms"] is None
    assert answer["overall"]["exchanges_connected"] is None
    for section in ("latency", "connections", "feeds", "prices", "gaps", "missing_candles", "apis", "operations"):
        assert answer[section]["items"] == []


async def test_a_count_is_0_while_its_emitter_is_alive(server: Any, sender: Any, told: Any) -> None:
    sender.heartbeat("websocket_market_data", "market_data_coordinator")
    await told()
    overall = (await asked(server, sender, window="5m"))["overall"]
    assert (overall["reconnects"], overall["sequence_gaps"], overall["gaps_used"], overall["bad_ticks"]) == (0, 0, 0, 0)


async def test_a_frozen_feed_is_broken_and_the_others_flow(server: Any, sender: Any, told: Any) -> None:
    for exchange, stops in (("binance", 60), ("kraken", 0), ("kucoin", 0)):
        for ago in range(120, 0, -1):
            newest = sender.at.timestamp() - max(ago, stops) - 0.1
            sender.gauge("market_data.last_update.time", newest, ago=ago, **feed(exchange))
            sender.gauge("market_data.connection.up", 1.0, ago=ago, **feed(exchange))
    await told()
    rows = (await asked(server, sender))["feeds"]["items"]
    assert [(row["exchange"], row["verdict"]) for row in rows] == [
        ("binance", "broken"),
        ("kraken", "flowing"),
        ("kucoin", "flowing"),
    ]
    assert rows[0]["staleness_s"] == pytest.approx(59.1, abs=0.05)
    assert rows[0]["connected"] is True
    assert rows[0]["probability"] < 1e-6


async def test_the_ledger_names_the_signals_and_orders_that_used_a_gap(server: Any, sender: Any, told: Any) -> None:
    hole = {"market_data.gap.start_unix_nano": ns(sender, 40), "market_data.gap.end_unix_nano": ns(sender, 30)}
    sender.log("market_data.gap", ago=30, **feed("binance"), **hole, **{"market_data.affected_ids": ["decision-9"]})
    tick = {"market_data.bad_tick.price": 642_000.0, "market_data.bad_tick.reference_price": 64_200.0}
    sender.log(
        "market_data.bad_tick",
        ago=20,
        **feed("kraken"),
        **tick,
        **{"market_data.bad_tick.reason": "far_from_other_venues"},
    )
    for number, (symbol, event_ago) in enumerate([(SYMBOL, 35), (SYMBOL, 50), ("ETH/USDT", 35)]):
        event = {"signal.id": f"s{number}", "signal.symbol": symbol}
        sender.span(
            "signal.generate",
            ago=event_ago - 0.2,
            **event,
            **{"signal.market_event.time_unix_nano": ns(sender, event_ago)},
        )
    order = {"order.symbol": SYMBOL, "order.mode": "live", "order.status": "filled"}
    sender.span(
        "order.execute", ago=25, **order, **{"exchange.id": "kraken", "order.client_id": "o0", "signal.id": "s0"}
    )
    sender.span("order.execute", ago=32, **order, **{"exchange.id": "binance", "order.client_id": "o1"})
    sender.span("order.execute", ago=32, **order, **{"exchange.id": "kraken", "order.client_id": "o2"})
    await told()
    answer = await asked(server, sender)
    bad, gap = answer["gaps"]["items"]
    assert (gap["exchange"], gap["span_s"], gap["told_ids"]) == ("binance", 10, ["decision-9"])
    assert (gap["signals"], sorted(gap["orders"])) == (["s0"], ["o0", "o1"])
    assert (bad["kind"], bad["price"], bad["reason"]) == ("bad_tick", 642_000, "far_from_other_venues")
    assert (bad["signals"], bad["orders"]) == ([], [])
    assert (answer["overall"]["gaps_used"], answer["overall"]["bad_ticks"]) == (1, 1)


async def test_apis_show_their_times_errors_and_limits(server: Any, sender: Any, told: Any) -> None:
    for number in range(20):
        call = {"exchange.id": "binance", "exchange.operation": "fetch_ticker", "http.response.status_code": 200}
        limit = {"exchange.rate_limit.used": 10 * number, "exchange.rate_limit.limit": 1_000}
        sender.span("exchange fetch_ticker", ago=100 - number, ms=10 + number, error=number == 0, **call, **limit)
    banned = {"exchange.id": "kraken", "exchange.operation": "fetch_ohlcv", "http.response.status_code": 429}
    sender.span(
        "exchange fetch_ohlcv", ago=10, ms=8, error=True, **banned, **{"exchange.rate_limit.retry_after_s": 60.0}
    )
    await told()
    answer = await asked(server, sender, window="5m")
    apis = {row["exchange"]: row for row in answer["apis"]["items"]}
    assert apis["binance"]["response_time_p50_ms"] == pytest.approx(19.5)
    assert apis["binance"]["error_rate"] == pytest.approx(0.05)
    assert (apis["binance"]["weight_used"], apis["binance"]["weight_limit"]) == (190, 1_000)
    assert apis["binance"]["rate_limit_headroom"] == pytest.approx(0.81)
    assert apis["binance"]["minutes_to_ban"] is None
    assert apis["kraken"]["shut_out_s"] == pytest.approx(50)
    assert (apis["kraken"]["rate_limit_headroom"], apis["kraken"]["minutes_to_ban"]) == (0, 0)
    operations = {(row["exchange"], row["operation"]): row for row in answer["operations"]["items"]}
    assert operations["binance", "fetch_ticker"]["calls"] == 20
    assert operations["kraken", "fetch_ohlcv"]["error_rate"] == 1


async def test_prices_are_held_against_the_median_of_the_venues(server: Any, sender: Any, told: Any) -> None:
    for exchange, price in (("binance", 100.0), ("kraken", 100.1), ("kucoin", 107.0)):
        for ago in range(10, 0, -1):
            sender.gauge("market_data.price", price, ago=ago, **feed(exchange))
    sender.gauge("market_data.price", 1_000.0, ago=5, **feed("binance"))
    await told()
    answer = await asked(server, sender)
    found = {row["exchange"]: row["price_deviation_bps"] for row in answer["prices"]["items"]}
    assert found["kraken"] == pytest.approx(0, abs=1e-6)
    assert found["binance"] == pytest.approx(9.99, abs=0.01)
    assert found["kucoin"] == pytest.approx((107 / 100.1 - 1) * 1e4)
    assert answer["overall"]["price_deviation_max_bps"] == pytest.approx(found["kucoin"])


async def test_filters_keep_one_exchange(server: Any, sender: Any, told: Any) -> None:
    for exchange in ("binance", "kraken"):
        sender.gauge("market_data.connection.up", 1.0, ago=2, **feed(exchange))
    await told()
    answer = await asked(server, sender, exchange="kraken")
    assert [row["exchange"] for row in answer["connections"]["items"]] == ["kraken"]


async def test_minutes_without_an_event_are_judged_by_the_other_venues(
    server: Any, sender: Any, insert: Any, told: Any
) -> None:
    sender.heartbeat("websocket_market_data")
    points, counts = [], dict.fromkeys(("binance", "kraken", "kucoin"), 0)
    whole = int(sender.at.timestamp()) // 60 * 60
    for minute in range(40, 0, -1):
        ago = sender.at.timestamp() - (whole - 60 * minute + 30)
        for exchange in counts:
            # Of one minute nobody knew an event; of two more only kraken did not.
            traded = minute != 20 and not (exchange == "kraken" and minute in (10, 11))
            counts[exchange] += 25 * traded
            points.append((feed(exchange), ago, [0, 0, counts[exchange]]))
    await told()
    insert(Signal.METRICS, histograms(sender, [0.0, 0.1], points, started=90_000), select.nanoseconds(sender.at))
    rows = (await asked(server, sender, window="1h"))["missing_candles"]["items"]
    # A first minute has nothing to rise from.
    judged = [(row["exchange"], row["candles"], row["verdict"]) for row in rows if row["start"] != rows[-1]["start"]]
    assert judged == [
        ("kraken", 2, "data_lost"),
        ("binance", 1, "nothing_traded"),
        ("kraken", 1, "nothing_traded"),
        ("kucoin", 1, "nothing_traded"),
    ]
    assert rows[0]["traded_elsewhere"] == ["binance", "kucoin"]
