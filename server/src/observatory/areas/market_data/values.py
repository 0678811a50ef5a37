"""Values of rows as JSON, CSV and Python give them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

# From so many on a number of seconds would be in the year 5138: it is milliseconds, and so on.
_SCALES = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3))

# Names under which exchanges, libraries and exports have these, the likeliest first.
TIME = (
    *("time", "timestamp", "start", "open_time", "t", "ts", "openTime", "open_timestamp", "startTime", "start_time"),
    *("datetime", "date", "Time", "Timestamp", "Date", "T", "begin", "bucket", "minute", "time_open"),
)
OPEN, HIGH = ("open", "o", "Open", "open_price", "openPrice"), ("high", "h", "High", "high_price", "highPrice")
LOW, CLOSE = ("low", "l", "Low", "low_price", "lowPrice"), ("close", "c", "Close", "close_price", "closePrice")
VOLUME = ("volume", "v", "vol", "Volume", "base_volume", "baseVolume")
TRADES = ("trades", "count", "n", "trade_count", "num_trades")
EXCHANGE = ("exchange", "exchange.id", "venue")
SYMBOL = ("symbol", "pair", "market_data.symbol", "instrument", "s", "product_id", "instId")
RECEIVED = (
    *("received", "received_at", "receipt", "receipt_timestamp", "received_ts", "recv", "recv_ts", "receive_time"),
    *("recv_time", "local_timestamp", "local_ts", "ingested_at", "arrival"),
)
EVENT = ("event", "event_time", "exchange_timestamp", "exchange_ts", "timestamp", "time", "ts", "E", "T", "t")
SEQUENCE = ("sequence", "seq", "sequence_id", "seqNum", "sequence_num", "u", "trade_id", "id")
PRICE = ("price", "p", "last", "last_price", "close", "c")
SIZE = ("size", "quantity", "qty", "amount", "q", "volume", "v")
BID = ("bid", "best_bid", "bid_price", "bidPrice")
ASK = ("ask", "best_ask", "ask_price", "askPrice")
_COLUMNS = ("time", "open", "high", "low", "close", "volume")


def row_of(given: Any) -> Mapping[str, Any]:
    """A row as a mapping; a sequence is one of ccxt (time, open, high, low, close, volume), else nothing."""
    if isinstance(given, Mapping):
        return given
    if isinstance(given, Sequence) and not isinstance(given, str | bytes):
        return dict(zip(_COLUMNS, given, strict=False))
    return {}


def first(row: Mapping[str, Any], *names: str) -> Any:
    """The value under the first of the names that has one."""
    for name in names:
        value = row.get(name)
        if value is not None and not (isinstance(value, str) and not value.strip()):
            return value
    return None


def number(value: Any) -> float | None:
    """A finite number, or None."""
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def seconds(value: Any) -> float | None:
    """A time as seconds since 1970 UTC; one without a zone is UTC. None when it is no time."""
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    if value is None or isinstance(value, bool):
        return None
    found = number(value)
    if found is not None:
        return next((found / scale for least, scale in _SCALES if abs(found) >= least), found)
    try:
        return seconds(datetime.fromisoformat(str(value)))
    except ValueError:
        return None
