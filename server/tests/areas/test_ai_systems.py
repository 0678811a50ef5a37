from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

OPENAI = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o"}


def usage(given: int, answered: int) -> dict[str, int]:
    return {"gen_ai.usage.input_tokens": given, "gen_ai.usage.output_tokens": answered}


async def test_latency_errors_and_calls_are_counted_over_five_minutes(sender: Any, look: Any) -> None:
    for ms in range(100, 1_100, 100):
        sender.span("chat gpt-4o", ms=ms, error=ms == 1_000, **OPENAI)
    sender.span("chat gpt-4o", ago=400, ms=90_000, **OPENAI)
    view = await look("ai_systems")
    assert view["calls_5m"] == 10
    assert view["error_rate_5m"] == pytest.approx(0.1)
    assert view["response_time_p50_ms"] == pytest.approx(550)
    assert view["response_time_p95_ms"] == pytest.approx(955)
    assert view["active_models"] == ("gpt-4o",)
    assert view.measured("error_rate_5m").samples == 10
    assert view.measured("error_rate_5m").window_s == 300


async def test_a_call_that_ended_in_the_window_counts_though_it_began_before_it(sender: Any, look: Any) -> None:
    sender.span("chat gpt-4o", ago=5, ms=400_000, **OPENAI)
    assert (await look("ai_systems"))["calls_5m"] == 1


SPELLINGS: list[dict[str, Any]] = [
    OPENAI | usage(1_000, 100) | {"gen_ai.usage.cache_read.input_tokens": 500},
    {
        "gen_ai.operation.name": "chat",
        "gen_ai.system": "OpenAI",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.usage.prompt_tokens": 1_000,
        "gen_ai.usage.completion_tokens": 100,
        "gen_ai.usage.cache_read_input_tokens": 500,
    },
    {
        "openinference.span.kind": "LLM",
        "llm.provider": "openai",
        "llm.model_name": "gpt-4o",
        "llm.token_count.prompt": 1_000,
        "llm.token_count.completion": 100,
        "llm.token_count.prompt_details.cache_read": 500,
    },
    {
        "llm.request.type": "chat",
        "gen_ai.system": "openai",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.usage.prompt_tokens": 1_000,
        "gen_ai.usage.completion_tokens": 100,
        "gen_ai.usage.input_tokens.cached": 500,
    },
]


@pytest.mark.parametrize("values", SPELLINGS, ids=["today", "before", "openinference", "traceloop"])
async def test_every_spelling_means_the_same_tokens_and_the_same_money(
    sender: Any, look: Any, values: dict[str, Any]
) -> None:
    sender.span("a model call", **values)
    view = await look("ai_systems")
    member = "openai/gpt-4o/0"
    assert view.member("ai_systems.usage_input_tokens", member).value == 1_000
    assert view.member("ai_systems.usage_output_tokens", member).value == 100
    assert view.member("ai_systems.usage_cache_read_tokens", member).value == 500
    # 500 at 2.50, 500 cached at 1.25, 100 out at 10 dollars a million.
    assert view["cost_last_hour_usd"] == Decimal("0.002875")
    assert not view.measured("cost_last_hour_usd").estimated


async def test_agents_and_chains_that_repeat_their_childrens_usage_are_not_counted(sender: Any, look: Any) -> None:
    sender.span("chat gpt-4o", **OPENAI, **usage(1_000, 100))
    sender.span("invoke_agent", **OPENAI | usage(1_000, 100) | {"gen_ai.operation.name": "invoke_agent"})
    sender.span(
        "chain", **{"openinference.span.kind": "CHAIN", "llm.provider": "openai", "llm.token_count.prompt": 1_000}
    )
    sender.span(
        "flow", **{"traceloop.span.kind": "workflow", "gen_ai.system": "openai", "gen_ai.request.model": "gpt-4o"}
    )
    view = await look("ai_systems")
    assert view["calls_5m"] == 1
    assert view.member("ai_systems.usage_input_tokens", "openai/gpt-4o/0").value == 1_000


async def test_cached_tokens_beside_the_input_are_added_to_it_once(sender: Any, look: Any) -> None:
    cached = {"gen_ai.usage.cache_read_input_tokens": 900, "gen_ai.usage.cache_creation_input_tokens": 50}
    sender.span(
        "chat",
        **{"gen_ai.operation.name": "chat", "gen_ai.system": "anthropic", "gen_ai.request.model": "claude-sonnet-4-5"},
        **usage(50, 10),
        **cached,
    )
    view = await look("ai_systems")
    assert view.member("ai_systems.usage_input_tokens", "anthropic/claude-sonnet-4-5/0").value == 1_000


async def test_many_small_calls_never_reach_the_price_step_of_a_large_one(sender: Any, look: Any) -> None:
    gemini = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "gcp.gemini",
        "gen_ai.request.model": "gemini-2.5-pro",
    }
    for _ in range(5):
        sender.span("chat", **gemini, **usage(100_000, 0))
    sender.span("chat", **gemini, **usage(300_000, 0))
    view = await look("ai_systems")
    # 500,000 at 1.25 and 300,000 at 2.50 dollars a million.
    assert view["cost_last_hour_usd"] == Decimal("1.375")


async def test_a_model_without_a_price_is_named_and_the_cost_marked_as_estimated(sender: Any, look: Any) -> None:
    sender.span("chat", **OPENAI, **usage(1_000, 0))
    sender.span("chat", **OPENAI | {"gen_ai.request.model": "house-model"} | usage(5_000, 0))
    view = await look("ai_systems")
    assert view["cost_last_hour_usd"] == Decimal("0.0025")
    assert view.measured("cost_last_hour_usd").estimated
    assert view["unpriced_models"] == ("openai/house-model",)


async def test_a_stream_without_usage_leaves_the_cost_unknown_and_not_zero(sender: Any, look: Any) -> None:
    sender.span("chat", **OPENAI)
    view = await look("ai_systems", alive={"unified_ai_manager"})
    assert view["calls_5m"] == 1
    assert view["cost_last_hour_usd"] is None
    assert view.measured("cost_last_hour_usd").samples == 1
    assert view.measured("cost_last_hour_usd").estimated


async def test_without_telemetry_every_number_is_unknown(look: Any) -> None:
    view = await look("ai_systems")
    assert view["calls_5m"] is None
    assert view["response_time_p95_ms"] is None
    assert view["cost_last_hour_usd"] is None
    assert view["active_models"] == ()


async def test_no_calls_of_a_living_manager_are_a_measured_zero(look: Any) -> None:
    view = await look("ai_systems", alive={"unified_ai_manager"})
    assert view["calls_5m"] == 0
    assert "heartbeat of unified_ai_manager" in view.measured("calls_5m").source
    assert view["response_time_p95_ms"] is None


async def test_rubbish_in_attributes_is_no_number_and_stops_no_insert(sender: Any, look: Any) -> None:
    bad = {
        "gen_ai.usage.input_tokens": "many",
        "gen_ai.usage.output_tokens": -5,
        "gen_ai.usage.reasoning_tokens": "1e400",
    }
    sender.span("chat", **OPENAI | bad)
    view = await look("ai_systems")
    assert view["calls_5m"] == 1
    assert view.member("ai_systems.usage_input_tokens", "openai/gpt-4o/0").value is None
