"""The price book says what genai-prices says, and what the price file says instead."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from genai_prices import data_snapshot
from genai_prices.types import ModelInfo, Provider, Usage

from observatory import costs
from observatory.costs import Book, Tokens
from observatory.costs.overrides import parse
from observatory.errors import SettingsError

AT = datetime(2026, 11, 22, 12, 15, tzinfo=UTC)
TIMES = (AT, datetime(2026, 11, 22, 2, 30, tzinfo=UTC), datetime(2025, 6, 1, tzinfo=UTC))
SMALL = Tokens(10_007, 1_009, cache_read=503, cache_write=211, reasoning=307)
LOUD = Tokens(10_007, 1_009, reasoning=307, input_audio=101, output_audio=53, input_image=89, output_image=31)
KEYS = {
    "input": "input_tokens",
    "output": "output_tokens",
    "cache_read": "cache_read_tokens",
    "cache_write": "cache_write_tokens",
    "reasoning": "output_reasoning_tokens",
    "input_audio": "input_audio_tokens",
    "output_audio": "output_audio_tokens",
    "input_image": "input_image_tokens",
    "output_image": "output_image_tokens",
}
# What genai-prices wants told where audio or images have a price of their own when cached.
NONE = {"cache_audio_read_tokens": 0, "cache_image_read_tokens": 0}
PLACES = {
    "ClauseEquals": "equals",
    "ClauseStartsWith": "starts_with",
    "ClauseContains": "contains",
    "ClauseRegex": "",
    "ClauseOr": "",
    "ClauseAnd": "",
    "ClauseEndsWith": "ends_with",
}
# Units that no token count tells.
ELSE = ("_hours", "_kpages", "_mchars", "_kcount")


def listed() -> Iterator[tuple[str, Provider, ModelInfo]]:
    """Every model that a name finds, by such a name."""
    snapshot = data_snapshot.get_snapshot()
    for provider in snapshot.providers:
        for model in provider.models:
            for name in dict.fromkeys((model.id, *names(model.match))):
                with contextlib.suppress(LookupError):
                    if snapshot.find_provider_model(name, None, provider.id, None)[1] is model:
                        yield name, provider, model
                        break


def names(match: Any) -> list[str]:
    """Names that could fit a rule."""
    if hasattr(match, "or_"):
        return [name for each in match.or_ for name in names(each)]
    if hasattr(match, "and_"):
        parts = sorted(match.and_, key=lambda each: list(PLACES).index(type(each).__name__))
        return ["".join(vars(each).get(PLACES[type(each).__name__], "") for each in parts)]
    return [str(next(iter(vars(match).values())))]


def theirs(provider: Provider, model: ModelInfo, tokens: Tokens, at: datetime) -> Decimal:
    usage = Usage(**NONE, **{KEYS[kind]: getattr(tokens, kind) for kind in KEYS})
    return model.calc_price(usage, provider, genai_request_timestamp=at).total_price


@pytest.mark.parametrize("at", TIMES, ids=str)
def test_a_call_of_every_listed_model_costs_what_genai_prices_computes(at: datetime) -> None:
    book, compared = Book(), 0
    for name, provider, model in listed():
        for tokens in (SMALL, LOUD, Tokens(250_001, 7, 17), Tokens(600_000, 0, cache_write=5), Tokens(0, 3)):
            priced = book.price(provider.id, name, tokens, at)
            prices = {key for key, value in model.get_prices(at).__dict__.items() if value is not None}
            if priced is None:
                assert prices, (provider.id, model.id)
                assert all(key.endswith(ELSE) for key in prices), (provider.id, model.id)
                continue
            assert abs(priced.usd - theirs(provider, model, tokens, at)) <= Decimal("1e-9"), (
                provider.id,
                model.id,
                tokens,
            )
            compared += 1
    assert compared > 11_000


def test_nearly_every_listed_model_is_found_by_a_name() -> None:
    assert len(list(listed())) > 0.97 * sum(len(each.models) for each in data_snapshot.get_snapshot().providers)


def test_each_kind_of_token_alone_costs_what_genai_prices_computes() -> None:
    book = Book()
    for name, provider, model in listed():
        for kind in KEYS:
            whole = "output" if kind in ("reasoning", "output_audio", "output_image") else "input"
            tokens = Tokens(**{whole: 1_000, kind: 1_000})
            priced = book.price(provider.id, name, tokens, AT)
            assert priced is None or abs(priced.usd - theirs(provider, model, tokens, AT)) <= Decimal("1e-9")


def test_prices_change_at_half_hours_only_because_hours_are_kept_in_halves() -> None:
    assert Book().minutes
    assert all(minute % 30 == 0 for minute in Book().minutes)
    assert all(at.timestamp() % 1_800 == 0 for at in Book().changes)


def test_prices_have_no_more_places_than_the_store_has() -> None:
    for name, provider, _ in listed():
        for unit in Book().units(provider.id, name, 0, AT) or ():
            assert int(unit.normalize().as_tuple().exponent) >= -24


@pytest.mark.parametrize(
    "tokens",
    [
        Tokens(10, 1, cache_read=11),
        Tokens(10, 1, reasoning=2),
        Tokens(-1, 1),
        Tokens(10, 1, input_audio=11),
        Tokens(1, 10, output_image=11),
    ],
)
def test_counts_that_contradict_each_other_have_no_price(tokens: Tokens) -> None:
    assert costs.price("openai", "gpt-4o-mini", tokens, AT) is None


def test_a_price_is_had_without_a_server() -> None:
    assert costs.price("openai", "gpt-4o-mini", Tokens(1_000, 100), AT) == Decimal("0.00021")
    assert costs.price("openai", "no-such-model", Tokens(1_000, 100), AT) is None


FILE = """
name: two
models:
  - {provider: openai, model: house-*, usd_per_million: {input: "2", output: "8", cache_read: "0.5", reasoning: "9"}}
  - provider: openai
    model: house-*
    from: 2026-11-22T12:00:00Z
    usd_per_million: {input: "1", output: "4"}
    usd_per_call: "0.01"
    above: [{tokens: 1000, usd_per_million: {input: "3"}}]
  - {provider: openai, model: house-*, from: "2999-01-01", usd_per_million: {input: "1000"}}
charges:
  - {provider: binance, operation: klines, usd: "0.0001"}
"""


def test_a_price_file_holds_from_its_dates() -> None:
    book = Book(parse(FILE))
    tokens = Tokens(1_000, 100, cache_read=400, reasoning=10)
    before = book.price("openai", "house-1", tokens, AT - timedelta(hours=1))
    assert before is not None
    assert before.usd == Decimal("0.00221")
    after = book.price("openai", "house-1", tokens, AT)
    assert after is not None
    assert (after.usd, after.source) == (Decimal("0.0114"), "price file two")
    larger = book.price("openai", "house-1", Tokens(1_001), AT)
    assert larger is not None
    assert larger.usd == Decimal("0.013003")
    assert book.charge("binance", "klines", "request", AT) == Decimal("0.0001")
    assert book.charge("binance", "orders", "request", AT) is None
    assert book.price("openai", "gpt-4o-mini", Tokens(1_000, 100), AT).usd == Decimal("0.00021")  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("models: 3", "models"),
        ("models: [{provider: a, model: b, usd_per_million: {input: nan}}]", "usd_per_million.input"),
        ("models: [{provider: a, model: b, usd_per_million: {input: '-1'}}]", "usd_per_million.input"),
        ("models: [{provider: a, model: b, usd_per_million: {input: 1e99}}]", "usd_per_million.input"),
        ("models: [{provider: a, model: b, usd_per_million: {words: 1}}]", "words"),
        ("models: [{provider: a, model: b, from: 2026-01-01T00:10:00Z, usd_per_million: {input: 1}}]", "half hour"),
        ("charges: [{provider: a, usd: 1, currency: EUR}]", "currency"),
        ("[", "no YAML"),
        ("- a", "price file"),
    ],
)
def test_a_bad_price_file_is_refused_by_place(text: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        parse(text)
