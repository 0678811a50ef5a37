"""Messages of venues read, rubbish among them, and what becomes of series when connections come and go."""

from __future__ import annotations

import gc
import json
from importlib import resources
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from observatory_sdk.exchanges import messages
from observatory_sdk.exchanges.messages import Tick, Venue
from observatory_sdk.exchanges.streams import MAX_ADDRESSES, MAX_SERIES, REGISTRY, Connection, Connections
from observatory_sdk.guard import LOSSES

MS = 1_000_000
T = 1_760_000_000_123


def _venue(name: str) -> Venue:
    found = messages.of_id(name)
    assert found is not None
    return found


CASES = [
    (
        "binance",
        {"stream": "x", "data": {"e": "trade", "s": "BTCUSDT", "t": 5, "T": T}},
        ("trades", "BTC/USDT", T * MS, 5),
    ),
    ("binance", {"e": "depthUpdate", "E": T, "s": "ETHBTC", "U": 3, "u": 9}, ("book", "ETH/BTC", T * MS, 9)),
    ("binance", {"u": 1, "s": "BNBUSDT", "b": "1", "a": "2"}, ("best_price", "BNB/USDT", None, None)),
    (
        "kraken",
        {
            "channel": "trade",
            "type": "update",
            "data": [{"symbol": "BTC/USD", "trade_id": 4, "timestamp": "2025-10-09T08:53:20.000001Z"}],
        },
        ("trades", "BTC/USD", 1_760_000_000_000_001_000, 4),
    ),
    (
        "kucoin",
        {"subject": "trade.l3match", "data": {"symbol": "BTC-USDT", "time": str(T * MS)}},
        ("trades", "BTC/USDT", T * MS, None),
    ),
    (
        "kucoin",
        {"subject": "level1", "topic": "/spotMarket/level1:ETH-USDT", "data": {"timestamp": T}},
        ("best_price", "ETH/USDT", T * MS, None),
    ),
    (
        "coinbase",
        {"type": "match", "product_id": "BTC-USD", "trade_id": 8, "time": "2025-10-09T08:53:20Z"},
        ("trades", "BTC/USD", 1_760_000_000 * 10**9, 8),
    ),
    (
        "okx",
        {"arg": {"channel": "books", "instId": "BTC-USDT"}, "data": [{"ts": str(T), "seqId": 7, "prevSeqId": 6}]},
        ("book", "BTC/USDT", T * MS, 7),
    ),
    (
        "bybit",
        {"topic": "publicTrade.BTCUSDT", "data": [{"T": T, "s": "BTCUSDT"}]},
        ("trades", "BTC/USDT", T * MS, None),
    ),
]


@pytest.mark.parametrize(("venue", "message", "expected"), CASES)
def test_a_message_says_its_channel_symbol_time_and_number(venue: str, message: Any, expected: Any) -> None:
    (tick,) = _venue(venue).read_text(json.dumps(message))
    assert (tick.channel, tick.symbol, tick.time_ns, tick.last) == expected
    assert _venue(venue).read_text(json.dumps(message).encode()) == [tick]


def test_every_venue_of_the_file_says_where_its_messages_are_documented() -> None:
    venues = yaml.safe_load(resources.files("observatory_sdk.exchanges").joinpath("feeds.yaml").read_text("utf-8"))[
        "venues"
    ]
    assert {"binance", "kraken", "kucoin", "coinbase"} <= venues.keys()
    assert all(venue["source"].startswith("https://") and venue["messages"] for venue in venues.values())


def test_a_venue_is_known_by_its_host_and_those_below_it() -> None:
    for url in ("wss://stream.binance.com:9443/ws", "wss://a.stream.binance.com/ws"):
        found = messages.of_host(url)
        assert found is not None
        assert found.id == "binance"
    for url in ("wss://example.com/ws", "wss://binance.com.example.com", "ws://[", "", "ws://host:99999999/"):
        assert messages.of_host(url) is None


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda each: (
            st.lists(each, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "e",
                        "s",
                        "t",
                        "T",
                        "U",
                        "u",
                        "data",
                        "channel",
                        "type",
                        "symbol",
                        "topic",
                        "subject",
                        "events",
                        "arg",
                        "time",
                    ]
                ),
                each,
                max_size=5,
            )
        ),
        max_leaves=20,
    )
)
def test_no_message_breaks_the_reader(message: Any) -> None:
    for venue in ("binance", "kraken", "kucoin", "coinbase", "okx", "bybit"):
        for tick in _venue(venue).read(message):
            assert isinstance(tick, Tick)
            assert tick.last is None or 0 <= tick.last < 2**63


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[1]",
        "null",
        b"\xff\xfe",
        "[" * 5_000,
        '{"e":"trade","s":"' + "A" * 5_000 + '"}',
        '{"e":"trade","s":"BTC USDT","T":"x"}',
    ],
)
def test_rubbish_tells_nothing(text: str | bytes) -> None:
    assert _venue("binance").read_text(text) == []


def test_a_long_message_is_counted_by_its_beginning() -> None:
    text = json.dumps({"e": "depthUpdate", "E": T, "s": "BTCUSDT", "U": 1, "u": 2, "b": [["1", "2"]] * 5_000})
    assert _venue("binance").read_text(text) == [Tick("book", "BTC/USDT", restarts=True)]
    assert _venue("binance").read_text("{" + " " * 20_000) == []


def _trade(number: int, at_ms: int = T) -> dict[str, Any]:
    return {"e": "trade", "s": "BTCUSDT", "t": number, "T": at_ms}


def _points(recorded: Any, name: str) -> list[Any]:
    metric = recorded.feed_metrics().get(name)
    return [point.value for point in metric.data.data_points] if metric else []


def test_missing_numbers_are_a_gap_also_across_a_reconnect(recorded: Any, no_series: None) -> None:
    venue = _venue("binance")
    first = Connection(venue, "binance", "ws://h/ws?token=1")
    for number in (10, 11, 11, 9, 14):
        first.message(_trade(number, T + number))
    first.lost()
    assert _points(recorded, "market_data.connection.up") == [0]
    second = Connection(venue, "binance", "ws://h/ws?token=2")
    assert _points(recorded, "market_data.connection.up") == [1]
    second.message(_trade(20, T + 5_000))
    assert _points(recorded, "market_data.sequence_gaps") == [2 + 5]
    assert _points(recorded, "market_data.reconnects") == [1]
    gaps = [log.log_record for log in recorded.logs()]
    assert [gap.event_name for gap in gaps] == ["market_data.gap"] * 2
    # Numbers that begin anew are no gap.
    second.message(_trade(9_000_000))
    second.message(_trade(1))
    assert _points(recorded, "market_data.sequence_gaps") == [7]


def test_numbers_of_a_connection_are_of_all_its_messages(recorded: Any, no_series: None) -> None:
    found = Connection(_venue("coinbase"), "coinbase", "ws://h/")
    match = {
        "channel": "market_trades",
        "events": [{"trades": [{"product_id": "BTC-USD", "time": "2025-10-09T08:53:20Z"}] * 2}],
    }
    found.message({**match, "sequence_num": 4})
    found.message({"channel": "heartbeats", "sequence_num": 5})
    found.message({**match, "sequence_num": 6})
    assert sum(_points(recorded, "market_data.sequence_gaps")) == 0
    found.message({"channel": "heartbeats", "sequence_num": 9})
    found.message({**match, "sequence_num": 10})
    assert sum(_points(recorded, "market_data.sequence_gaps")) == 2


def test_a_reconnect_storm_leaves_nothing_behind(recorded: Any, no_series: None) -> None:
    venue, known = _venue("binance"), Connections()

    class Socket:
        """A connection of some library."""

    for number in range(500):
        socket = Socket()
        found = known.opened(socket, Connection(venue, "binance", "ws://h/ws"))
        assert found is not None
        found.message(_trade(number))
        # Every other one ends without a word.
        if number % 2:
            found.lost()
        del socket, found
    gc.collect()
    assert len(REGISTRY._series) == 1
    assert len(known._known) == len(known._ends) == 0
    assert _points(recorded, "market_data.reconnects") == [499]
    assert _points(recorded, "market_data.connection.up") == [0]
    for number in range(MAX_ADDRESSES + 20):
        lost = Connection(venue, "binance", f"ws://h/{number}")
        lost.message({"e": "trade", "s": f"A{number}USDT"})
        lost.lost()
    assert len(REGISTRY._lost) <= MAX_ADDRESSES
    assert len(REGISTRY._series) <= MAX_ADDRESSES + 1


def test_series_are_bounded(recorded: Any, no_series: None, lenient: None) -> None:
    found = Connection(_venue("binance"), "binance", "ws://h/ws")
    for number in range(MAX_SERIES + 10):
        found.message({"e": "trade", "s": f"A{number}USDT", "t": 1, "T": T})
    assert len(REGISTRY._series) == MAX_SERIES
    assert LOSSES.counts()["too many feed series"] == 10


def test_two_connections_that_carry_one_series_are_up_while_one_is(recorded: Any, no_series: None) -> None:
    venue = _venue("binance")
    one, two = (Connection(venue, "binance", f"ws://h/{number}") for number in range(2))
    one.message(_trade(1))
    two.message(_trade(1))
    one.lost()
    assert _points(recorded, "market_data.connection.up") == [1]
    two.closed()
    # The host ended the last one: nothing is told any more, and nobody takes it over.
    again = Connection(venue, "binance", "ws://h/0")
    again.message(_trade(2))
    assert len(REGISTRY._series) == 1
    assert _points(recorded, "market_data.connection.up") == [1]
