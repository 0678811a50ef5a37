"""Whatever instrumentation recorded a model call, the store holds the same call and says which spelling arrived."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from model_spans import send_nested

from observatory.areas.ai_systems.view import family
from observatory.store import Store

ASKED = {"gen_ai.request.model": "gpt-4o", "gen_ai.response.model": "gpt-4o-2024-08-06"}
# Each as its instrumentation writes it. All say: 1,000 tokens in, 400 of them cached, 120 out, 20 of them reasoning.
SPELLINGS: dict[str, tuple[str, dict[str, Any]]] = {
    "today": (
        "gen_ai",
        ASKED
        | {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.usage.input_tokens": 1_000,
            "gen_ai.usage.output_tokens": 120,
            "gen_ai.usage.cache_read.input_tokens": 400,
            "gen_ai.usage.reasoning.output_tokens": 20,
            "gen_ai.response.finish_reasons": ["stop"],
            "gen_ai.conversation.id": "talk-1",
            "gen_ai.response.time_to_first_chunk": 0.25,
        },
    ),
    "before 1.37": (
        "gen_ai_before_1_37",
        ASKED
        | {
            "gen_ai.operation.name": "chat",
            "gen_ai.system": "openai",
            "gen_ai.usage.prompt_tokens": 1_000,
            "gen_ai.usage.completion_tokens": 120,
            "gen_ai.usage.cache_read_input_tokens": 400,
            "gen_ai.usage.reasoning_tokens": 20,
            "gen_ai.response.finish_reasons": ["stop"],
            "session.id": "talk-1",
            "gen_ai.response.time_to_first_token": 0.25,
        },
    ),
    "the first drafts": (
        "llm",
        {
            "llm.vendor": "OpenAI",
            "llm.request.model": "gpt-4o",
            "llm.response.model": "gpt-4o-2024-08-06",
            "llm.usage.prompt_tokens": 1_000,
            "llm.usage.completion_tokens": 120,
            "cache_read_input_tokens": 400,
            "llm.usage.reasoning_tokens": 20,
            "llm.response.finish_reason": "stop",
            "session.id": "talk-1",
            "gen_ai.server.time_to_first_token": 0.25,
        },
    ),
    "openinference": (
        "openinference",
        {
            "openinference.span.kind": "LLM",
            "llm.system": "openai",
            "llm.request.model_name": "gpt-4o",
            "llm.response.model_name": "gpt-4o-2024-08-06",
            "llm.model_name": "gpt-4o-2024-08-06",
            "llm.token_count.prompt": 1_000,
            "llm.token_count.completion": 120,
            "llm.token_count.total": 1_120,
            "llm.token_count.prompt_details.cache_read": 400,
            "llm.token_count.completion_details.reasoning": 20,
            "llm.finish_reason": "stop",
            "session.id": "talk-1",
            "gen_ai.response.time_to_first_chunk": 0.25,
        },
    ),
    "traceloop": (
        "traceloop",
        ASKED
        | {
            "llm.request.type": "chat",
            "gen_ai.system": "OpenAI",
            "traceloop.association.properties.session_id": "talk-1",
            "traceloop.workflow.name": "advice",
            "gen_ai.usage.prompt_tokens": 1_000,
            "gen_ai.usage.completion_tokens": 120,
            "llm.usage.total_tokens": 1_120,
            "gen_ai.usage.cache_read_input_tokens": 400,
            "gen_ai.usage.reasoning_tokens": 20,
            "gen_ai.completion.0.finish_reason": "stop",
            "gen_ai.response.time_to_first_chunk": 0.25,
        },
    ),
    "sentry": (
        "gen_ai_before_1_37",
        ASKED
        | {
            "gen_ai.operation.name": "chat",
            "gen_ai.system": "openai",
            "gen_ai.usage.input_tokens": 1_000,
            "gen_ai.usage.input_tokens.cached": 400,
            "gen_ai.usage.output_tokens": 120,
            "gen_ai.usage.output_tokens.reasoning": 20,
            "gen_ai.usage.total_tokens": 1_120,
            "gen_ai.response.finish_reasons": '["stop"]',
            "gen_ai.conversation.id": "talk-1",
            "gen_ai.response.time_to_first_token": 0.25,
        },
    ),
    "tokens beside their totals": (
        "gen_ai_before_1_37",
        ASKED
        | {
            "gen_ai.operation.name": "chat",
            "gen_ai.system": "openai.chat",
            "gen_ai.usage.input_tokens": 600,
            "gen_ai.usage.cache_read_input_tokens": 400,
            "gen_ai.usage.output_tokens": 100,
            "gen_ai.usage.reasoning_tokens": 20,
            "gen_ai.usage.total_tokens": 1_120,
            "gen_ai.response.finish_reasons": ["stop"],
            "gen_ai.conversation.id": "talk-1",
            "gen_ai.response.time_to_first_chunk": 0.25,
        },
    ),
}
CANONICAL = (
    "openai",
    "gpt-4o",
    "gpt-4o-2024-08-06",
    "gpt-4o",
    "chat",
    1_000,
    120,
    400,
    None,
    20,
    "stop",
    "talk-1",
    250.0,
)


async def rows(store: Store, environment: str, columns: str) -> list[tuple[Any, ...]]:
    found = await store.reader.read(
        f"SELECT {columns} FROM fact_ai_calls WHERE Environment = {{environment:String}} ORDER BY Timestamp",
        {"environment": environment},
    )
    return [tuple(row) for row in found.rows]


async def test_every_spelling_becomes_the_same_call_and_is_remembered(sender: Any, store: Store) -> None:
    for place, (_, values) in enumerate(SPELLINGS.values()):
        sender.span("a model call", ago=100 - place, **values)
    sender.flush()
    found = await rows(
        store,
        sender.environment,
        "Provider, RequestModel, ResponseModel, Family, Operation, InputTokens, OutputTokens, CacheReadTokens, "
        "CacheWriteTokens, ReasoningTokens, FinishReason, ConversationId, FirstChunkMs, Spelling, UsageCorrected",
    )
    named = dict(zip(SPELLINGS, found, strict=True))
    expected = {name: (*CANONICAL, spelling) for name, (spelling, _) in SPELLINGS.items()}
    assert {name: row[:-1] for name, row in named.items()} == expected
    assert [name for name, row in named.items() if row[-1]] == ["tokens beside their totals"]


@pytest.mark.parametrize(
    ("told", "inside", "out"),
    [
        ({"gen_ai.usage.input_tokens": 50, "gen_ai.usage.output_tokens": 10, "cache_read_input_tokens": 900}, 950, 10),
        ({"gen_ai.usage.input_tokens": 950, "gen_ai.usage.output_tokens": 10, "cache_read_input_tokens": 900}, 950, 10),
        (
            {"gen_ai.usage.input_tokens": 5, "gen_ai.usage.output_tokens": 10, "gen_ai.usage.reasoning_tokens": 40},
            5,
            50,
        ),
        (
            {"gen_ai.usage.input_tokens": 5, "gen_ai.usage.output_tokens": 40, "gen_ai.usage.reasoning_tokens": 40},
            5,
            40,
        ),
        ({"gen_ai.usage.output_tokens": 40, "cache_read_input_tokens": 900}, None, 40),
        ({"gen_ai.usage.input_tokens": 0, "gen_ai.usage.output_tokens": 0}, 0, 0),
        ({}, None, None),
    ],
)
async def test_cached_and_reasoning_tokens_are_counted_once(
    sender: Any, store: Store, told: dict[str, Any], inside: int | None, out: int | None
) -> None:
    sender.span("chat", **ASKED, **{"gen_ai.operation.name": "chat", "gen_ai.system": "anthropic"}, **told)
    sender.flush()
    assert await rows(store, sender.environment, "InputTokens, OutputTokens") == [(inside, out)]


SERVED = [
    ("gpt-4o", "gpt-4o-2024-08-06", "gpt-4o", 0),
    ("gpt-4o", "gpt-4o-mini-2024-07-18", "gpt-4o-mini", 1),
    ("gpt-4o-2024-05-13", "gpt-4o-2024-08-06", "gpt-4o", 1),
    ("gpt-4o-2024-08-06", "gpt-4o-2024-08-06", "gpt-4o", 0),
    ("gpt-4o-2024-08-06", "gpt-4o", "gpt-4o", 0),
    ("openai/gpt-4o", "gpt-4o-2024-08-06", "gpt-4o", 0),
    ("gpt-4", "gpt-4-32k-0613", "gpt-4-32k", 1),
    ("claude-3-5-sonnet-latest", "claude-3-5-sonnet-20241022", "claude-3-5-sonnet", 0),
    ("claude-sonnet-4", "claude-sonnet-4-5-20250929", "claude-sonnet-4-5", 1),
    (
        "anthropic.claude-3-5-sonnet-20241022-v2:0",
        "anthropic.claude-3-5-sonnet-20241022-v2:0",
        "anthropic.claude-3-5-sonnet",
        0,
    ),
    ("o1-preview", "", "o1-preview", None),
    ("models/gemini-2.0-flash", "gemini-2.0-flash-001", "gemini-2.0-flash", 0),
    ("", "gpt-4o", "gpt-4o", None),
]


async def test_an_alias_is_served_by_its_versions_and_anything_else_is_a_substitute(sender: Any, store: Store) -> None:
    for place, (asked, served, _, _) in enumerate(SERVED):
        named = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai"}
        models = {"gen_ai.request.model": asked, "gen_ai.response.model": served}
        sender.span("chat", ago=200 - place, **named, **{name: value for name, value in models.items() if value})
    sender.flush()
    found = set(await rows(store, sender.environment, "RequestModel, ResponseModel, Family, Substituted"))
    assert found == set(SERVED)
    # Prices are found under the exact name; money and calls of a model meet under the same short one.
    for asked, served, short, _ in SERVED:
        assert family(f"openai/{served or asked}") == f"openai/{short}"


async def test_every_providers_word_for_stopping_is_one_of_a_few(sender: Any, store: Store) -> None:
    words = {
        "stop": ["stop", "end_turn", "STOP", "stop_sequence", "completed"],
        "length": ["length", "max_tokens", "MAX_TOKENS", "max_output_tokens"],
        "content_filter": ["content_filter", "SAFETY", "refusal", "PROHIBITED_CONTENT"],
        "tool_call": ["tool_calls", "tool_use", "function_call"],
        "a_word_of_its_own": ["a_word_of_its_own"],
    }
    told = [(word, canonical) for canonical, spelt in words.items() for word in spelt]
    for place, (word, _) in enumerate(told):
        stopped = {"gen_ai.response.finish_reasons": [word, "other"]}
        sender.span("chat", ago=200 - place, **ASKED, **{"gen_ai.operation.name": "chat"}, **stopped)
    sender.flush()
    found = await rows(store, sender.environment, "FinishReason")
    assert [reason for (reason,) in found] == [canonical for _, canonical in told]


ERRORS = {
    "RateLimitError": "rate_limited",
    "429": "rate_limited",
    "google.api_core.exceptions.ResourceExhausted": "rate_limited",
    "APITimeoutError": "timeout",
    "timeout": "timeout",
    "TimeoutError": "timeout",
    "timed_out": "timeout",
    "504": "timeout",
    "overloaded_error": "overloaded",
    "529": "overloaded",
    "ContentFilterFinishReasonError": "content_filter",
    "context_length_exceeded": "too_long",
    "AuthenticationError": "denied",
    "401": "denied",
    "APIConnectionError": "connection",
    "CancelledError": "cancelled",
    "InternalServerError": "server_error",
    "500": "server_error",
    "NotFoundError": "bad_request",
    "400": "bad_request",
    "ValueError": "other",
    "": "other",
}


async def test_errors_are_told_apart_by_kind_and_keep_their_senders_word(sender: Any, store: Store) -> None:
    for place, error in enumerate(ERRORS):
        told = {"gen_ai.operation.name": "chat"} | ({"error.type": error} if error else {})
        sender.span("chat", ago=200 - place, error=True, **ASKED, **told)
    sender.span("chat", ago=1, **ASKED, **{"gen_ai.operation.name": "chat", "error.type": "timeout"})
    sender.flush()
    found = await rows(store, sender.environment, "ErrorType, ErrorKind, FinishReason")
    assert found == [*((error, kind, "error") for error, kind in ERRORS.items()), ("", "", "")]


async def test_an_older_sender_tells_its_error_in_an_event_of_the_span(sender: Any, insert: Any, store: Store) -> None:
    call = {"openinference.span.kind": "LLM", "llm.system": "anthropic", "llm.model_name": "claude-3-haiku"}
    raised = {"exception.type": "anthropic.RateLimitError", "exception.message": "slow down"}
    send_nested(insert, sender, [("llm", call, [("other", {}), ("exception", raised)])], error=True)
    found = await rows(store, sender.environment, "ErrorType, ErrorKind, Scope, Spelling")
    assert found == [("anthropic.RateLimitError", "rate_limited", "a.library", "openinference")]


async def test_a_call_round_another_call_is_the_same_call(sender: Any, insert: Any, look: Any) -> None:
    usage = {"gen_ai.usage.input_tokens": 1_000, "gen_ai.usage.output_tokens": 100}
    outer = {"openinference.span.kind": "LLM", "llm.system": "openai", "llm.model_name": "gpt-4o"}
    outer |= {"llm.token_count.prompt": 1_000, "llm.token_count.completion": 100}
    inner = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o",
    } | usage
    send_nested(insert, sender, [("ChatModel", outer, []), ("http", {}, []), ("chat gpt-4o", inner, [])])
    send_nested(insert, sender, [("ChatModel", outer, []), ("chat gpt-4o", inner, [])])
    send_nested(insert, sender, [("chat gpt-4o", inner, [])])
    view = await look("ai_systems")
    # A span between the two hides that they are one: only a call that is the very parent is left out.
    assert view["calls_5m"] == 4
    assert view.member("ai_systems.usage_input_tokens", "openai/gpt-4o/0").value == 4_000
    costs = await look("costs")
    assert costs["ai_cost_last_hour_usd"] == view["cost_last_hour_usd"]


async def test_tokens_counted_by_the_sender_make_the_money_an_estimate(sender: Any, look: Any) -> None:
    counted = {"gen_ai.usage.input_tokens": 1_000, "gen_ai.usage.output_tokens": 0, "ai.usage.estimated": True}
    sender.span("chat", **ASKED, **{"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai"}, **counted)
    view = await look("ai_systems")
    assert view["cost_last_hour_usd"] == Decimal("0.0025")
    assert view.measured("cost_last_hour_usd").estimated
    assert view.member("ai_systems.model_cost", "openai/gpt-4o").estimated


async def test_a_stream_that_tells_only_its_input_makes_the_money_an_estimate(sender: Any, look: Any) -> None:
    told = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.usage.input_tokens": 1_000}
    sender.span("chat", **ASKED, **told)
    view = await look("ai_systems")
    assert view["cost_last_hour_usd"] == Decimal("0.0025")
    assert view.measured("cost_last_hour_usd").estimated


async def test_an_embedding_has_no_output_and_its_price_is_exact(sender: Any, look: Any) -> None:
    named = {
        "openinference.span.kind": "EMBEDDING",
        "llm.provider": "openai",
        "embedding.model_name": "text-embedding-3-small",
    }
    sender.span("embed", **named, **{"llm.token_count.prompt": 1_000_000})
    view = await look("ai_systems")
    assert view["cost_last_hour_usd"] == Decimal("0.02")
    assert not view.measured("cost_last_hour_usd").estimated


@pytest.mark.parametrize("name", ["operation.cost", "gen_ai.usage.cost", "gen_ai.usage.total_cost", "llm.cost.total"])
async def test_what_a_sender_says_of_the_cost_is_kept_beside_ours(sender: Any, look: Any, name: str) -> None:
    told = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.usage.input_tokens": 1_000}
    sender.span("chat", **ASKED, **told, **{name: 0.00031})
    view = await look("ai_systems")
    assert view["cost_last_hour_usd"] == Decimal("0.0025")
    assert view.member("ai_systems.cost_told").value == Decimal("0.00031")
