"""Prices of calls by whatever spelling of their usage; parts are never counted beside their whole twice."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from observatory import costs

AT = datetime(2026, 3, 1, tzinfo=UTC)
CACHED = Decimal("0.003")  # 600 fresh and 400 cached tokens in, 100 out, of gpt-4o


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": 1000, "completion_tokens": 100, "prompt_tokens_details": {"cached_tokens": 400}},
        {"prompt_tokens": 1000, "completion_tokens": 100, "prompt_tokens_details.cached_tokens": 400},
        {"input_tokens": 1000, "output_tokens": 100, "input_tokens_details": {"cached_tokens": 400}},
        {"input_tokens": 1000, "output_tokens": 100, "cache_read_input_tokens": 400},
        {"input": 1000, "output": 100, "cache_read": 400, "reasoning": 60},
        {"inputTokens": 1000, "outputTokens": 100, "cacheReadTokens": 400},
        {
            "gen_ai.usage.input_tokens": 1000,
            "gen_ai.usage.output_tokens": 100,
            "gen_ai.usage.cache_read.input_tokens": 400,
        },
        {"usage": {"prompt_tokens": 1000, "completion_tokens": 100, "prompt_cache_hit_tokens": 400}},
        costs.Tokens(1000, 100, cache_read=400),
    ],
)
def test_usual_spellings_mean_the_same(usage: Any) -> None:
    assert costs.price("openai", "gpt-4o", usage, AT) == CACHED


def test_anthropic_and_bedrock_count_the_cache_beside() -> None:
    whole = costs.price(
        "anthropic", "claude-sonnet-4-5", {"input": 1050, "output": 100, "cache_read": 400, "cache_write": 50}, AT
    )
    assert whole is not None
    beside = {
        "input_tokens": 600,
        "output_tokens": 100,
        "cache_read_input_tokens": 400,
        "cache_creation_input_tokens": 50,
    }
    assert costs.price("anthropic", "claude-sonnet-4-5", beside, AT) == whole
    own = {"inputTokens": 600, "outputTokens": 100, "cacheReadInputTokens": 400, "cacheWriteInputTokens": 50}
    bedrock = costs.price("aws.bedrock", "anthropic.claude-sonnet-4-5-20250929-v1:0", own, AT)
    tokens = costs.Tokens(1050, 100, 400, 50)
    assert bedrock == costs.price("aws.bedrock", "anthropic.claude-sonnet-4-5-20250929-v1:0", tokens, AT)


def test_reasoning_is_of_what_came_out_unless_it_is_counted_beside() -> None:
    inside = {"prompt_tokens": 1000, "completion_tokens": 100, "completion_tokens_details": {"reasoning_tokens": 60}}
    assert costs.price("openai", "gpt-4o", inside, AT) == costs.price("openai", "gpt-4o", costs.Tokens(1000, 100), AT)
    google = {"promptTokenCount": 1000, "candidatesTokenCount": 40, "thoughtsTokenCount": 60, "totalTokenCount": 1100}
    expected = costs.price("google", "gemini-2.5-pro", costs.Tokens(1000, 100, reasoning=60), AT)
    assert costs.price("google", "gemini-2.5-pro", google, AT) == expected
    grok = {**inside, "completion_tokens": 40, "total_tokens": 1100}
    assert costs.price("xai", "grok-4", grok, AT) == costs.price(
        "x-ai", "grok-4", costs.Tokens(1000, 100, reasoning=60), AT
    )


@pytest.mark.parametrize(
    "usage",
    [
        *({}, None, [], {"total_tokens": 5}, {"prompt_tokens": -1, "completion_tokens": 2}),
        *({"prompt_tokens": 1.5}, {"prompt_tokens": "many"}, {"prompt_tokens": True}, {"prompt_tokens": float("nan")}),
        *({"prompt_tokens": 10, "cached_tokens": 40}, {"completion_tokens": 5, "reasoning_tokens": 9}),
    ],
)
def test_bad_usage_has_no_price(usage: Any) -> None:
    assert costs.price("openai", "gpt-4o", usage, AT) is None


@pytest.mark.parametrize(
    ("provider", "model"), [("openai", "no-such"), ("no-such", "gpt-4o"), ("openai", ""), ("", "")]
)
def test_what_is_not_listed_has_no_price(provider: str, model: str) -> None:
    assert costs.price(provider, model, {"prompt_tokens": 10}, AT) is None


def test_a_time_as_text_is_read_and_one_that_is_none_is_refused() -> None:
    usage = {"prompt_tokens": 1000, "completion_tokens": 100, "cached_tokens": 400}
    assert costs.price("openai", "gpt-4o", usage, "2026-03-01T00:00:00Z") == CACHED
    with pytest.raises(ValueError, match="isoformat"):
        costs.price("openai", "gpt-4o", usage, "yesterday")


_COUNTS = st.one_of(st.none(), st.integers(-5, 5_000), st.floats(), st.text(max_size=3))
_NAMES = st.sampled_from(
    ["prompt_tokens", "input", "cached_tokens", "cache_read_input_tokens", "output_tokens", "reasoning"]
)


@given(st.dictionaries(_NAMES, st.one_of(_COUNTS, st.dictionaries(_NAMES, _COUNTS, max_size=3)), max_size=5))
@settings(max_examples=150, deadline=None)
def test_any_usage_has_a_price_from_0_or_none(usage: dict[str, Any]) -> None:
    found = costs.price("openai", "gpt-4o", usage, AT)
    assert found is None or found >= 0


def test_a_price_loads_no_store() -> None:
    text = "import sys; from observatory.costs import price; assert 'observatory.store' not in sys.modules"
    subprocess.run([sys.executable, "-c", text], check=True, timeout=60)
