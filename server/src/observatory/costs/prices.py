"""List prices of model calls, from genai-prices' own versioned data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from genai_prices import data_snapshot
from genai_prices.types import ModelInfo, ModelPrice, TieredPrices, Usage


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens of calls that fall into one step of the model's price.

    Attributes:
        calls: how many calls.
        input: tokens in, cached ones included.
        output: tokens out, reasoning included.
        cache_read: the part of `input` that came from the provider's cache.
        cache_write: the part of `input` that was written to it.
        largest_input: tokens in of the largest call, which decides the step.
    """

    calls: int
    input: int
    output: int
    cache_read: int = 0
    cache_write: int = 0
    largest_input: int = 0


def price(provider: str, model: str, tokens: Tokens, at: datetime) -> Decimal | None:
    """The list price in USD; None when the model has no known price.

    Args:
        provider: OpenTelemetry's provider name, such as `openai`; empty: found by the model's name.
        model: the model that answered.
        tokens: sums over the calls.
        at: prices of this time.
    """
    found = _model(provider, model)
    if found is None:
        return None
    prices = _flat(found.get_prices(at), tokens.largest_input)
    usage = Usage(
        input_tokens=tokens.input,
        output_tokens=tokens.output,
        cache_read_tokens=tokens.cache_read,
        cache_write_tokens=tokens.cache_write,
    )
    try:
        total: Decimal = prices.calc_price(usage)["total_price"]
    except ValueError:
        # More cached tokens than tokens in: the sums contradict each other, and so has no price.
        return None
    # calc_price counts one request; the price of the others is added where a model has one.
    per_request = prices.__dict__.get("requests_kcount")
    return total + (per_request * (tokens.calls - 1) / 1_000 if isinstance(per_request, Decimal) else 0)


def _model(provider: str, model: str) -> ModelInfo | None:
    try:
        return data_snapshot.get_snapshot().find_provider_model(model, None, provider or None, None)[1]
    except LookupError:
        return None


def _flat(prices: ModelPrice, largest_input: int) -> ModelPrice:
    # The step is decided by the input of one call, never by the sum over many.
    steps = {
        name: _step(value, largest_input) if isinstance(value, TieredPrices) else value
        for name, value in prices.__dict__.items()
    }
    return ModelPrice(**steps)


def _step(prices: TieredPrices, largest_input: int) -> Decimal:
    passed = [tier.price for tier in prices.tiers if largest_input > tier.start]
    return passed[-1] if passed else prices.base
