"""What is missing or wrong in a feed. The feed itself is `feed`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from observatory_sdk.conventions import common, market_data
from observatory_sdk.facts.checks import Number
from observatory_sdk.facts.event_fact import Common, emit


def feed_gap(
    *,
    exchange_id: str,
    channel: str,
    symbol: str,
    start_unix_nano: int,
    end_unix_nano: int,
    affected_ids: Sequence[str] | None = None,
    **also: Unpack[Common],
) -> None:
    """Messages or candles are missing between two event times (ns since 1970 UTC)."""
    values = {
        common.EXCHANGE_ID: exchange_id,
        market_data.CHANNEL: channel,
        market_data.SYMBOL: symbol,
        market_data.GAP_START: start_unix_nano,
        market_data.GAP_END: end_unix_nano,
        market_data.AFFECTED: affected_ids,
    }
    emit(market_data.GAP, values, also)


def bad_tick(
    *,
    exchange_id: str,
    channel: str,
    symbol: str,
    price: Number,
    reason: str,
    reference_price: Number | None = None,
    tick_unix_nano: int | None = None,
    affected_ids: Sequence[str] | None = None,
    **also: Unpack[Common],
) -> None:
    """A price that cannot be, and what it was compared with."""
    values = {
        common.EXCHANGE_ID: exchange_id,
        market_data.CHANNEL: channel,
        market_data.SYMBOL: symbol,
        market_data.TICK_PRICE: price,
        market_data.TICK_REASON: reason,
        market_data.TICK_REFERENCE: reference_price,
        market_data.TICK_TIME: tick_unix_nano,
        market_data.AFFECTED: affected_ids,
    }
    emit(market_data.BAD_TICK, values, also)
