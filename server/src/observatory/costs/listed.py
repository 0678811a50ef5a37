"""The list price of one call, without a server."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from observatory.costs.book import Book, Tokens
from observatory.costs.used import tokens

_LISTED = Book()


def price(provider: str, model: str, usage: Tokens | Mapping[str, Any], at: datetime | str) -> Decimal | None:
    """The list price of one call in USD, exact; None when the model has none or the counts contradict each other.

    Counts of parts are never added to their whole: cached tokens are of those in, reasoning is of those out. Where a
    provider counts them beside (Anthropic and Bedrock the cache, Google reasoning), the whole is made first.

    Args:
        provider: OpenTelemetry's provider name, such as `openai`; empty: found by the model's name.
        model: the model that answered.
        usage: what the call used: `Tokens`, or a mapping as the provider answered or as OpenTelemetry has it
            (`prompt_tokens`, `input_tokens`, `cache_read_input_tokens`, `prompt_tokens_details.cached_tokens`,
            `promptTokenCount`, `gen_ai.usage.input_tokens`, ...). A count that is negative, not whole or no number
            makes it bad, and so does one without tokens in or out.
        at: when it was made; RFC 3339 as text. UTC without an offset.

    Raises:
        ValueError: `at` is no time.
    """
    moment = _moment(at)
    used = tokens(provider or "", model or "", usage)
    if used is None or not model:
        return None
    priced = _LISTED.price((provider or "").strip(), model.strip(), used, moment)
    return None if priced is None else priced.usd


def _moment(at: datetime | str) -> datetime:
    found = at if isinstance(at, datetime) else datetime.fromisoformat(str(at))
    return found if found.tzinfo else found.replace(tzinfo=UTC)
