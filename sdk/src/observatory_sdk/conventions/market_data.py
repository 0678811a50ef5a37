"""Feeds: what came, how late, and what is missing."""

from __future__ import annotations

from observatory_sdk.conventions.common import EXCHANGE_ID
from observatory_sdk.conventions.model import Instrument, Metric, event, instant, number, text, texts

CHANNEL = text("market_data.channel", "The kind of stream, such as `trades`, `ticker` or `candles`.")
SYMBOL = text("market_data.symbol", "The pair, such as `BTC/USDT`.")
GAP_START = instant("market_data.gap.start_unix_nano", "Event time of the last good message before.")
GAP_END = instant("market_data.gap.end_unix_nano", "Event time of the first good message after.")
AFFECTED = texts("market_data.affected_ids", "Ids of decisions, signals or orders that used what was wrong.")
TICK_TIME = instant("market_data.bad_tick.time_unix_nano", "Event time of the bad tick.")
TICK_PRICE = number("market_data.bad_tick.price", "The price that cannot be.", "{quote}")
TICK_REFERENCE = number("market_data.bad_tick.reference_price", "What it was compared with.", "{quote}")
TICK_REASON = text("market_data.bad_tick.reason", "Why it cannot be, in a fixed word.")

GAP = event(
    "market_data.gap",
    "Messages or candles are missing.",
    "market_data_coordinator websocket_market_data",
    EXCHANGE_ID,
    CHANNEL,
    SYMBOL,
    GAP_START,
    GAP_END,
    AFFECTED,
)
BAD_TICK = event(
    "market_data.bad_tick",
    "A price that cannot be.",
    "market_data_coordinator websocket_market_data",
    EXCHANGE_ID,
    CHANNEL,
    SYMBOL,
    TICK_TIME,
    TICK_PRICE,
    TICK_REFERENCE,
    TICK_REASON,
    AFFECTED,
)

_FEED = (EXCHANGE_ID, CHANNEL, SYMBOL)
_OWNERS = ("websocket_market_data", "real_market_data_service", "market_data_coordinator")
MESSAGES = Metric(
    "market_data.messages", Instrument.COUNTER, "{message}", "Messages received.", _OWNERS, _FEED, feed=True
)
LAG = Metric(
    "market_data.lag",
    Instrument.HISTOGRAM,
    "s",
    "Receipt minus event time; 0 when the venue's clock runs ahead.",
    _OWNERS,
    _FEED,
    feed=True,
)
LEAST_LAG = Metric(
    "market_data.lag.least",
    Instrument.GAUGE,
    "s",
    "Smallest receipt minus event time since the last export; below 0 when the venue's clock runs ahead.",
    _OWNERS,
    _FEED,
    feed=True,
)
RECONNECTS = Metric(
    "market_data.reconnects", Instrument.COUNTER, "{reconnect}", "Connections made anew.", _OWNERS, _FEED, feed=True
)
SEQUENCE_GAPS = Metric(
    "market_data.sequence_gaps",
    Instrument.COUNTER,
    "{gap}",
    "Numbers missing in the venue's own sequence.",
    _OWNERS,
    _FEED,
    feed=True,
)
CONNECTION_UP = Metric(
    "market_data.connection.up", Instrument.GAUGE, "1", "1 while connected, else 0.", _OWNERS, _FEED, feed=True
)
LAST_UPDATE = Metric(
    "market_data.last_update.time",
    Instrument.GAUGE,
    "s",
    "Event time of the newest message, in seconds since 1970 UTC.",
    _OWNERS,
    _FEED,
    feed=True,
)
PRICE = Metric(
    "market_data.price",
    Instrument.GAUGE,
    "{quote}",
    "Price of the newest message, in the quote asset.",
    _OWNERS,
    _FEED,
    feed=True,
)
CANDLES_MISSING = Metric(
    "market_data.candles.missing",
    Instrument.COUNTER,
    "{candle}",
    "Candles that should have come and did not.",
    _OWNERS,
    _FEED,
    feed=True,
)
