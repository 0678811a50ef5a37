"""What cannot be right is counted, named, and never added."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from observatory.areas.costs import violations
from observatory.costs import Book, Ledger, Spent
from observatory.store import Store

CHAT = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o-mini"}
GOOD = {"gen_ai.usage.input_tokens": 1_000, "gen_ai.usage.output_tokens": 100}


async def spent(store: Store, sender: Any) -> Spent:
    sender.flush()
    (found,) = await Ledger(store.reader, Book()).spent(sender.environment, sender.at - timedelta(hours=1), sender.at)
    return found


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"gen_ai.usage.input_tokens": -5}, "no whole number"),
        ({"gen_ai.usage.input_tokens": float("nan")}, "no whole number"),
        ({"gen_ai.usage.output_tokens": float("inf")}, "no whole number"),
        ({"gen_ai.usage.output_tokens": "many"}, "no whole number"),
        ({"gen_ai.usage.input_tokens": 10**15}, "thousand million"),
        ({"gen_ai.usage.cache_read.input_tokens": 1_001}, "more cached tokens"),
        ({"gen_ai.usage.cache_read.input_tokens": -1}, "no whole number"),
        ({"gen_ai.usage.input_audio_tokens": 1_001}, "audio"),
    ],
)
async def test_bad_token_counts_are_counted_never_added(
    store: Store, sender: Any, told: dict[str, Any], said: str
) -> None:
    sender.span("chat", **CHAT, **GOOD)
    sender.span("chat", **CHAT, **{**GOOD, **told, "observatory.service": "chat_service"})
    found = await spent(store, sender)
    assert (found.calls, found.violations, found.usd) == (2, 1, Decimal("0.00021"))
    assert (found.input_tokens, found.output_tokens) == (1_000, 100)
    (row,) = await violations.read(store.reader, sender.environment, sender.at - timedelta(hours=1), sender.at)
    assert said in row["violation"]
    assert (row["service"], row["spelling"], row["model"], row["entries"]) == (
        "chat_service",
        "gen_ai",
        "gpt-4o-mini",
        1,
    )


async def test_cached_tokens_beside_the_others_are_no_violation_where_that_is_the_custom(
    store: Store, sender: Any
) -> None:
    claude = {"gen_ai.provider.name": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5"}
    sender.span("chat", **{**CHAT, **GOOD, **claude, "gen_ai.usage.cache_read.input_tokens": 9_000})
    sender.span("chat", **{**CHAT, **GOOD, "gen_ai.usage.cache_read.input_tokens": 400})
    found = await spent(store, sender)
    assert (found.violations, found.input_tokens, found.cache_read_tokens) == (0, 11_000, 9_400)
    assert found.usd == Decimal("0.0072") + Decimal("0.00018")


async def test_a_stream_without_usage_is_unknown_never_free(store: Store, sender: Any) -> None:
    sender.span("chat", **CHAT)
    found = await spent(store, sender)
    assert (found.usd, found.calls, found.calls_untold, found.calls_unpriced) == (None, 1, 1, 0)


async def test_a_model_without_a_price_is_unpriced_never_free(store: Store, sender: Any) -> None:
    sender.span("chat", **{**CHAT, **GOOD, "gen_ai.request.model": "house-7"})
    found = await spent(store, sender)
    assert (found.usd, found.calls, found.calls_unpriced, found.input_tokens) == (None, 1, 1, 1_000)


@pytest.mark.parametrize(
    "told",
    [
        {"cost.amount_usd": "-3"},
        {"cost.amount_usd": "nan"},
        {"cost.amount_usd": "1e300"},
        {"cost.amount_usd": 5_000_000_000},
        {"cost.amount_usd": "a lot"},
        {"cost.amount_usd": "3", "cost.currency": "XAU"},
        {"cost.quantity": -4, "cost.unit": "request"},
        {},
    ],
)
async def test_bad_amounts_are_counted_never_added(store: Store, sender: Any, told: dict[str, Any]) -> None:
    sender.log("cost.charge", **{"cost.provider": "kraken", "cost.category": "exchange", "cost.amount_usd": "0.5"})
    sender.log("cost.charge", **{"cost.provider": "kraken", "cost.category": "exchange", **told})
    found = await spent(store, sender)
    assert (found.charges, found.charges_unreadable, found.usd) == (2, 1, Decimal("0.5"))
    (row,) = await violations.read(store.reader, sender.environment, sender.at - timedelta(hours=1), sender.at)
    assert (row["of"], row["provider"], row["entries"]) == ("charge", "kraken", 1)
