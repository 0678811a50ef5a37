"""Calls of providers with a form of their own, and of any body at all."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from observatory_sdk.genai import read

BEDROCK = "/model/anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse"
PATHS = [
    *("/v1/chat/completions", "/v1/responses", "/v1/messages", "/v1beta/models/g:generateContent", BEDROCK),
    *("/v2/chat", "/api/chat", "/model/x/invoke", "/v1/embed", "", "?"),
]


def test_bedrock_counts_the_cache_beside() -> None:
    answer = {
        "output": {"message": {"role": "assistant", "content": [{"text": "yes"}]}},
        "stopReason": "max_tokens",
        "usage": {"inputTokens": 30, "outputTokens": 7, "totalTokens": 137, "cacheReadInputTokens": 100},
    }
    found = read("aws.bedrock", BEDROCK, {}, 200, {}, answer)
    assert (found.operation, found.model) == ("chat", "anthropic.claude-sonnet-4-5-20250929-v1:0")
    assert found.usage == {"input_tokens": 130, "output_tokens": 7, "cache_read_tokens": 100, "total_tokens": 137}
    assert found.finish_reasons == ("length",)


def test_a_bedrock_stream_is_read_from_its_events() -> None:
    events = [
        {"messageStart": {"role": "assistant"}},
        {"contentBlockDelta": {"delta": {"text": "hello"}}},
        {"messageStop": {"stopReason": "tool_use"}},
        {"metadata": {"usage": {"inputTokens": 5, "outputTokens": 2, "totalTokens": 7}}},
    ]
    found = read("aws.bedrock", BEDROCK + "-stream", None, 200, None, events)
    assert (found.input_tokens, found.output_tokens, found.is_stream) == (5, 2, True)
    assert found.finish_reasons == ("tool_calls",)


def test_what_bedrock_refuses_is_named_by_its_header() -> None:
    headers = {"X-Amzn-ErrorType": "ThrottlingException:http://internal.amazon.com/"}
    assert read("aws.bedrock", BEDROCK, {}, 429, headers, {"message": "slow down"}).error_type == "ThrottlingException"


@pytest.mark.parametrize(
    ("answer", "counts"),
    [
        ({"generation": "x", "prompt_token_count": 9, "generation_token_count": 4, "stop_reason": "stop"}, (9, 4)),
        ({"inputTextTokenCount": 9, "results": [{"tokenCount": 4, "completionReason": "FINISH"}]}, (9, 4)),
        ({"type": "message", "stop_reason": "end_turn", "usage": {"input_tokens": 9, "output_tokens": 4}}, (9, 4)),
    ],
    ids=["llama", "titan", "claude"],
)
def test_models_behind_invoke_have_bodies_of_their_own(answer: dict[str, Any], counts: tuple[int, int]) -> None:
    found = read("aws.bedrock", "/model/some.model-v1/invoke", {}, 200, {}, answer)
    assert (found.input_tokens, found.output_tokens) == counts
    assert found.finish_reasons == ("stop",)


def test_what_cohere_bills_is_counted() -> None:
    usage = {
        "billed_units": {"input_tokens": 5, "output_tokens": 2},
        "tokens": {"input_tokens": 71, "output_tokens": 2},
    }
    answer = {"id": "c-1", "finish_reason": "COMPLETE", "usage": usage}
    found = read("cohere", "/v2/chat", {"model": "command-a-03-2025"}, 200, {}, answer)
    assert (found.model, found.usage) == (
        "command-a-03-2025",
        {"input_tokens": 5, "output_tokens": 2, "total_tokens": 7},
    )
    ended = {"type": "message-end", "delta": {"finish_reason": "MAX_TOKENS", "usage": usage}}
    stream = 'event: message-start\ndata: {"type":"message-start","id":"c-2"}\n\n' + f"data: {json.dumps(ended)}\n\n"
    streamed = read("cohere", "/v2/chat", {"model": "command-a-03-2025", "stream": True}, 200, {}, stream)
    assert (streamed.response_id, streamed.input_tokens, streamed.finish_reasons) == ("c-2", 5, ("length",))


def test_an_ollama_stream_is_lines_of_json() -> None:
    lines = [
        {"model": "llama3.2", "message": {"role": "assistant", "content": "he"}, "done": False},
        {"model": "llama3.2", "done": True, "done_reason": "length", "prompt_eval_count": 26, "eval_count": 298},
    ]
    text = "\n".join(map(json.dumps, lines))
    for body in (text, [text[:50], text[50:]], lines):
        found = read("ollama", "http://127.0.0.1:11434/api/chat", b'{"model":"llama3.2"}', 200, {}, body)
        assert (found.model, found.input_tokens, found.output_tokens, found.is_stream) == ("llama3.2", 26, 298, True)
        assert found.finish_reasons == ("length",)
    assert read("ollama", "/api/chat", {}, 404, {}, {"error": "model 'x' not found"}).error_type == "404"


@pytest.mark.parametrize(
    "usage", [{"prompt_cache_hit_tokens": 64}, {"cached_tokens": 64}, {"prompt_tokens_details": {"cached_tokens": 64}}]
)
def test_cached_tokens_are_told_in_several_places(usage: dict[str, Any]) -> None:
    answer = {"model": "m", "choices": [], "usage": {"prompt_tokens": 100, "completion_tokens": 5, **usage}}
    found = read("deepseek", "/chat/completions", None, 200, {}, answer)
    assert (found.input_tokens, found.cache_read_tokens) == (100, 64)


def test_groq_tells_the_usage_of_a_stream_in_a_place_of_its_own() -> None:
    chunk = {"choices": [], "x_groq": {"usage": {"prompt_tokens": 3, "completion_tokens": 4}}}
    found = read("groq", "/openai/v1/chat/completions", {"stream": True}, 200, {}, f"data: {json.dumps(chunk)}\n\n")
    assert found.usage == {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}


_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                (
                    *("usage", "choices", "error", "message", "delta", "results", "metadata", "type", "candidates"),
                    *("inputTokens", "input_tokens", "finish_reason", "stopReason", "tokens", "done", "meta"),
                )
            ),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=12,
)


@given(st.sampled_from(PATHS), _JSON, st.one_of(_JSON, st.binary(max_size=60), st.text(max_size=60)), st.booleans())
@settings(max_examples=200, deadline=None)
def test_no_body_makes_it_fail(path: str, request: Any, response: Any, as_text: bool) -> None:
    body = json.dumps(response) if as_text and not isinstance(response, bytes) else response
    found = read("openai", path, request, 200, {}, body)
    assert all(count >= 0 for count in found.usage.values())


@pytest.mark.parametrize("odd", [None, 7, "x", [1], {"a": 1}, object()])
def test_no_argument_makes_it_fail(odd: Any) -> None:
    assert read(odd, odd, odd, odd, odd, odd).usage == {}
