"""What is read of the providers' requests and responses, in one piece and as streams."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observatory_sdk.genai import Call, operation, read
from observatory_sdk.genai.documents import MAX_DOCUMENT, Documents

CHAT = "/v1/chat/completions"
RESPONSES = "/v1/responses"
MESSAGES = "/v1/messages"
GEMINI = "/v1beta/models/gemini-2.5-flash:generateContent"
GEMINI_STREAM = "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse&key=AIzaSomething"
SECRET = "buy everything now, said the oracle"

OPENAI_USAGE = {
    "prompt_tokens": 1200,
    "completion_tokens": 300,
    "total_tokens": 1500,
    "prompt_tokens_details": {"cached_tokens": 1024, "audio_tokens": 0, "cache_write_tokens": 64},
    "completion_tokens_details": {"reasoning_tokens": 128},
}
COMPLETION = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "model": "gpt-5-2025-08-07",
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": SECRET}, "finish_reason": "stop"},
        {"index": 1, "message": {"role": "assistant", "content": SECRET}, "finish_reason": "length"},
    ],
    "usage": OPENAI_USAGE,
}
RESPONSE = {
    "id": "resp_1",
    "object": "response",
    "status": "incomplete",
    "model": "gpt-5-2025-08-07",
    "incomplete_details": {"reason": "max_output_tokens"},
    "conversation": {"id": "conv_7"},
    "output": [{"type": "message", "content": [{"type": "output_text", "text": SECRET}]}],
    "usage": {
        "input_tokens": 50,
        "input_tokens_details": {"cached_tokens": 40},
        "output_tokens": 30,
        "output_tokens_details": {"reasoning_tokens": 20},
        "total_tokens": 80,
    },
}
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4-5",
    "content": [{"type": "text", "text": SECRET}],
    "stop_reason": "end_turn",
    "usage": {
        "input_tokens": 10,
        "cache_creation_input_tokens": 200,
        "cache_read_input_tokens": 3000,
        "output_tokens": 55,
        "output_tokens_details": {"thinking_tokens": 12},
    },
}
CONTENT = {
    "candidates": [{"content": {"parts": [{"text": SECRET}], "role": "model"}, "finishReason": "STOP", "index": 0}],
    "usageMetadata": {
        "promptTokenCount": 700,
        "cachedContentTokenCount": 512,
        "toolUsePromptTokenCount": 30,
        "candidatesTokenCount": 40,
        "thoughtsTokenCount": 60,
        "totalTokenCount": 830,
    },
    "modelVersion": "gemini-2.5-flash-002",
    "responseId": "r-1",
}


def sse(*events: object, end: str = "\n", named: bool = False) -> bytes:
    lines = []
    for event in events:
        if named and isinstance(event, Mapping):
            lines.append(f"event: {event.get('type')}{end}")
        lines.append(f"data: {event if isinstance(event, str) else json.dumps(event)}{end}{end}")
    return "".join(lines).encode()


def chunk(delta: Mapping[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "gpt-5-2025-08-07"}
    return {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more}


def openai_stream(usage: bool) -> bytes:
    last = [{**chunk({}), "choices": [], "usage": OPENAI_USAGE}] if usage else []
    told: dict[str, Any] = {"usage": None} if usage else {}
    return sse(chunk({"content": SECRET}, **told), chunk({}, "stop", **told), *last, "[DONE]")


def anthropic_stream(*, whole: bool = True) -> bytes:
    start = {**MESSAGE, "content": [], "stop_reason": None, "usage": {**_usage(MESSAGE), "output_tokens": 1}}
    del start["usage"]["output_tokens_details"]
    events: list[object] = [
        {"type": "message_start", "message": start},
        {"type": "ping"},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": SECRET}},
    ]
    if whole:
        usage = {"output_tokens": 55, "output_tokens_details": {"thinking_tokens": 12}}
        events += [
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage},
            {"type": "message_stop"},
        ]
    return sse(*events, named=True)


def gemini_pieces() -> list[dict[str, Any]]:
    begun = {
        **CONTENT,
        "candidates": [{"content": {"parts": [{"text": '{"a": ["\\"}'}]}, "index": 0}],
        "usageMetadata": {"promptTokenCount": 700, "thoughtsTokenCount": 60, "totalTokenCount": 760},
    }
    return [begun, CONTENT]


def _usage(message: Mapping[str, Any]) -> dict[str, Any]:
    return dict(message["usage"])


def tokens(call: Call) -> tuple[int | None, ...]:
    """In, out, read from the cache, written to it, reasoning, total."""
    return (
        call.input_tokens,
        call.output_tokens,
        call.cache_read_tokens,
        call.cache_write_tokens,
        call.reasoning_tokens,
        call.total_tokens,
    )


def test_a_chat_completion_is_read() -> None:
    call = read("openai", CHAT, {"model": "gpt-5"}, 200, {}, COMPLETION)
    assert call == Call(
        provider="openai",
        operation="chat",
        request_model="gpt-5",
        response_model="gpt-5-2025-08-07",
        response_id="chatcmpl-1",
        finish_reasons=("stop", "length"),
        input_tokens=1200,
        output_tokens=300,
        cache_read_tokens=1024,
        cache_write_tokens=64,
        reasoning_tokens=128,
        total_tokens=1500,
        is_stream=False,
    )


def test_a_response_is_read_with_its_conversation() -> None:
    call = read("openai", RESPONSES, b'{"model": "gpt-5", "conversation": "conv_7"}', 200, {}, RESPONSE)
    assert tokens(call) == (50, 30, 40, None, 20, 80)
    assert (call.operation, call.finish_reasons, call.conversation_id) == ("chat", ("length",), "conv_7")


@pytest.mark.parametrize(("status", "reason"), [("completed", ("stop",)), ("failed", ("error",)), ("queued", ())])
def test_how_a_response_ended_is_told_in_opentelemetrys_words(status: str, reason: tuple[str, ...]) -> None:
    body = {**RESPONSE, "status": status, "incomplete_details": None, "usage": None}
    call = read("openai", RESPONSES, {"model": "gpt-5"}, 200, {}, body)
    assert (call.finish_reasons, call.input_tokens) == (reason, None)


def test_the_cache_of_anthropic_is_counted_into_the_tokens_in() -> None:
    call = read("anthropic", MESSAGES, {"model": "claude-sonnet-4-5"}, 200, {}, MESSAGE)
    assert tokens(call) == (3210, 55, 3000, 200, 12, 3265)
    assert (call.finish_reasons, call.response_id) == (("stop",), "msg_1")


def test_the_thoughts_of_gemini_are_counted_into_the_tokens_out_and_its_tools_into_those_in() -> None:
    call = read("gcp.gemini", GEMINI, {"contents": []}, 200, {}, CONTENT)
    assert tokens(call) == (730, 100, 512, None, 60, 830)
    assert (call.operation, call.request_model) == ("generate_content", "gemini-2.5-flash")
    assert (call.response_model, call.response_id, call.is_stream) == ("gemini-2.5-flash-002", "r-1", False)


def test_what_gemini_leaves_out_follows_from_its_total() -> None:
    body = {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 9, "totalTokenCount": 9}}
    call = read("gcp.gemini", GEMINI, None, 200, {}, body)
    assert (tokens(call), call.finish_reasons) == ((9, 0, None, None, None, 9), ("content_filter",))
    call = read("gcp.gemini", GEMINI, None, 200, {}, {"usageMetadata": {"promptTokenCount": 9}})
    assert tokens(call) == (9, None, None, None, None, None)


def test_embeddings_have_no_tokens_out() -> None:
    body = {"object": "list", "data": [], "model": "text-embedding-3", "usage": {"prompt_tokens": 8, "total_tokens": 8}}
    call = read("openai", "/v1/embeddings", {"model": "text-embedding-3"}, 200, {}, body)
    assert (call.operation, tokens(call)) == ("embeddings", (8, None, None, None, None, 8))


def test_a_stream_with_usage_is_read_like_the_whole() -> None:
    call = read("openai", CHAT, {"model": "gpt-5", "stream": True}, 200, {}, openai_stream(usage=True))
    assert tokens(call) == (1200, 300, 1024, 64, 128, 1500)
    assert (call.is_stream, call.finish_reasons) == (True, ("stop",))


def test_a_stream_without_usage_leaves_the_tokens_unknown() -> None:
    call = read("openai", CHAT, {"model": "gpt-5", "stream": True}, 200, {}, openai_stream(usage=False))
    assert tokens(call) == (None,) * 6
    assert (call.response_model, call.finish_reasons) == ("gpt-5-2025-08-07", ("stop",))
    assert not [name for name in call.attributes() if "usage" in name]


def test_a_stream_of_responses_is_read_by_its_last_event() -> None:
    begun = {**RESPONSE, "status": "in_progress", "incomplete_details": None, "usage": None, "output": []}
    body = sse(
        {"type": "response.created", "response": begun},
        {"type": "response.output_text.delta", "delta": SECRET},
        {"type": "response.incomplete", "response": RESPONSE},
        named=True,
    )
    call = read("openai", RESPONSES, {"model": "gpt-5", "stream": True}, 200, {}, body)
    assert (tokens(call), call.finish_reasons) == ((50, 30, 40, None, 20, 80), ("length",))


def test_a_stream_of_anthropic_is_read_like_the_whole() -> None:
    call = read("anthropic", MESSAGES, {"model": "claude", "stream": True}, 200, {}, anthropic_stream())
    assert (tokens(call), call.finish_reasons) == ((3210, 55, 3000, 200, 12, 3265), ("stop",))


def test_a_stream_of_anthropic_that_was_cut_tells_only_the_tokens_in() -> None:
    call = read("anthropic", MESSAGES, {"model": "claude", "stream": True}, 200, {}, anthropic_stream(whole=False))
    assert (tokens(call), call.finish_reasons) == ((3210, None, 3000, 200, None, None), ())


@pytest.mark.parametrize("form", ["events", "array"])
def test_a_stream_of_gemini_is_read_as_events_and_as_an_array(form: str) -> None:
    body = sse(*gemini_pieces(), end="\r\n") if form == "events" else json.dumps(gemini_pieces(), indent=1).encode()
    call = read("gcp.gemini", GEMINI_STREAM, {"contents": []}, 200, {}, body)
    assert (tokens(call), call.is_stream) == ((730, 100, 512, None, 60, 830), True)
    cut = read("gcp.gemini", GEMINI_STREAM, {"contents": []}, 200, {}, body[: len(body) // 2])
    assert tokens(cut) == (700, None, None, None, None, None)


@pytest.mark.parametrize(
    ("provider", "path", "body", "status", "error"),
    [
        ("openai", CHAT, {"error": {"message": SECRET, "type": "requests", "code": "rate_limit_exceeded"}}, 429, None),
        ("openai", CHAT, {"error": {"message": SECRET, "type": "server_error", "code": None}}, 500, "server_error"),
        ("openai", CHAT, {"error": SECRET}, 500, "500"),
        ("openai", CHAT, {"error": SECRET}, 200, "error"),
        ("anthropic", MESSAGES, {"type": "error", "error": {"type": "overloaded_error"}}, 529, "overloaded_error"),
        ("gcp.gemini", GEMINI, {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED"}}, 429, "RESOURCE_EXHAUSTED"),
        ("gcp.gemini", GEMINI, [{"error": {"code": 503}}], 503, "503"),
        ("openai", CHAT, b"<html>bad gateway</html>", 502, "502"),
        ("openai", CHAT, b"", 401, "401"),
        ("openai", CHAT, None, None, ""),
    ],
)
def test_what_went_wrong_is_the_providers_word_or_the_status(
    provider: str, path: str, body: Any, status: int | None, error: str | None
) -> None:
    call = read(provider, path, {"model": "m"}, status, {}, body)
    assert (call.error_type or "") == ("rate_limit_exceeded" if error is None else error)
    assert tokens(call) == (None,) * 6


@pytest.mark.parametrize(
    ("provider", "path", "event", "error"),
    [
        ("openai", CHAT, {"error": {"type": "server_error"}}, "server_error"),
        (
            "openai",
            RESPONSES,
            {"type": "error", "code": "rate_limit_exceeded", "message": SECRET},
            "rate_limit_exceeded",
        ),
        (
            "openai",
            RESPONSES,
            {"type": "response.failed", "response": {"status": "failed", "error": {"code": "server_error"}}},
            "server_error",
        ),
        ("anthropic", MESSAGES, {"type": "error", "error": {"type": "overloaded_error"}}, "overloaded_error"),
    ],
)
def test_an_error_in_the_middle_of_a_stream_is_one(provider: str, path: str, event: object, error: str) -> None:
    assert read(provider, path, {"model": "m", "stream": True}, 200, {}, sse(event)).error_type == error


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        (CHAT, "chat"),
        ("/openai/deployments/gpt-5-eu/chat/completions?api-version=2025-01-01", "chat"),
        (RESPONSES, "chat"),
        ("/v1/completions", "text_completion"),
        ("/v1/embeddings", "embeddings"),
        (MESSAGES, "chat"),
        ("/v1/messages/count_tokens", None),
        ("/v1/messages/batches", None),
        (GEMINI, "generate_content"),
        (GEMINI_STREAM, "generate_content"),
        ("/v1beta/models/embedding-001:batchEmbedContents", "embeddings"),
        ("/v1beta/models/gemini-2.5-flash:countTokens", None),
        ("/v1/files", None),
        ("/v1/responses/resp_1/cancel", None),
    ],
)
def test_the_path_tells_what_is_asked(path: str, asked: str | None) -> None:
    assert operation(path) == asked


def test_azure_names_the_model_in_the_path_and_gemini_speaks_openais_form_too() -> None:
    azure = read("azure.ai.openai", "/openai/deployments/gpt-5-eu/chat/completions", {"messages": []}, 200, {}, {})
    assert azure.request_model == "gpt-5-eu"
    compatible = read("gcp.gemini", "/v1beta/openai/chat/completions", {"model": "gemini"}, 200, {}, COMPLETION)
    assert (compatible.provider, compatible.output_tokens) == ("gcp.gemini", 300)


def test_attributes_have_opentelemetrys_names_and_nothing_unknown() -> None:
    call = read("anthropic", MESSAGES, {"model": "claude"}, 200, {}, MESSAGE)
    assert call.attributes() == {
        "gen_ai.provider.name": "anthropic",
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "claude",
        "gen_ai.response.model": "claude-sonnet-4-5",
        "gen_ai.response.id": "msg_1",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 3210,
        "gen_ai.usage.output_tokens": 55,
        "gen_ai.usage.cache_read.input_tokens": 3000,
        "gen_ai.usage.cache_write.input_tokens": 200,
        "gen_ai.usage.reasoning.output_tokens": 12,
    }


def test_sentences_in_the_place_of_names_are_not_kept() -> None:
    body = {"id": SECRET, "model": SECRET, "choices": [{"finish_reason": SECRET}], "error": {"code": SECRET}}
    call = read("openai", CHAT, {"model": SECRET}, 200, {}, body)
    assert SECRET not in repr(call)
    assert call.error_type == "error"


CASES: Sequence[tuple[str, str, bytes]] = (
    ("openai", CHAT, json.dumps(COMPLETION).encode()),
    ("openai", CHAT, openai_stream(usage=True)),
    ("anthropic", MESSAGES, anthropic_stream()),
    ("gcp.gemini", GEMINI_STREAM, sse(*gemini_pieces(), end="\r\n")),
    ("gcp.gemini", GEMINI_STREAM, sse(*gemini_pieces(), end="\r")),
    ("gcp.gemini", GEMINI_STREAM, b"\xef\xbb\xbf " + json.dumps(gemini_pieces()).encode()),
)


@given(st.sampled_from(CASES), st.lists(st.integers(0, 4000)), st.sampled_from(["", "gzip", "deflate"]))
def test_where_a_body_is_cut_into_pieces_changes_nothing(
    case: tuple[str, str, bytes], cuts: list[int], encoding: str
) -> None:
    provider, path, body = case
    packed = {"": body, "gzip": gzip.compress(body), "deflate": zlib.compress(body)}[encoding]
    places = [0, *sorted(cut % (len(packed) + 1) for cut in cuts), len(packed)]
    pieces = [packed[start:end] for start, end in pairwise(places)]
    whole = read(provider, path, {"model": "m", "stream": True}, 200, {}, body)
    assert whole.output_tokens is not None
    assert read(provider, path, {"model": "m", "stream": True}, 200, {"Content-Encoding": encoding}, pieces) == whole


@given(st.sampled_from(CASES))
def test_a_body_in_pieces_of_one_byte_is_the_same(case: tuple[str, str, bytes]) -> None:
    provider, path, body = case
    pieces = [body[place : place + 1] for place in range(len(body))]
    assert read(provider, path, None, 200, {}, pieces) == read(provider, path, None, 200, {}, body)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "usage",
                    "choices",
                    "error",
                    "message",
                    "response",
                    "type",
                    "delta",
                    "candidates",
                    "usageMetadata",
                    "id",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(st.sampled_from(CASES), st.binary(max_size=200) | json_values, json_values, st.none() | st.integers(100, 599))
def test_nothing_that_comes_raises(case: tuple[str, str, bytes], body: Any, request_: Any, status: int | None) -> None:
    call = read(case[0], case[1], request_, status, {}, body)
    assert (call.provider, call.input_tokens or 0) == (case[0], call.input_tokens or 0)
    assert all(value is None or value >= 0 for value in tokens(call))


@given(st.sampled_from(CASES), st.integers(0, 4000), st.integers(0, 255))
def test_a_broken_byte_does_no_more_than_hide_something(case: tuple[str, str, bytes], place: int, byte: int) -> None:
    provider, path, body = case
    broken = bytearray(body)
    broken[place % len(body)] = byte
    assert read(provider, path, None, 200, {}, bytes(broken)).provider == provider


@pytest.mark.parametrize("value", [True, -1, 1.5, "12", None, 2**63, [], {}])
def test_what_is_no_count_is_unknown(value: object) -> None:
    call = read("openai", CHAT, None, 200, {}, {"usage": {"prompt_tokens": value, "completion_tokens": 3}})
    assert tokens(call) == (None, 3, None, None, None, None)


@pytest.mark.parametrize("body", [b'{"a": "%b"}', b'data: {"a": "%b"}\n\n', b'[{"a": "%b"},', b'data: "%b\n' * 2])
def test_a_document_beyond_the_bound_is_dropped_and_what_follows_it_in_a_stream_is_read(body: bytes) -> None:
    long = body.replace(b"%b", b"x" * (MAX_DOCUMENT + 1))
    found = Documents()
    documents = [
        *(document for place in range(0, len(long), 65_536) for document in found.feed(long[place : place + 65_536])),
        *found.feed(b'\n\ndata: {"b": 1}\n\n'),
        *found.end(),
    ]
    assert documents == ([] if body.startswith(b"{") else [{"b": 1}])


def test_a_body_that_swells_is_not_unpacked_further() -> None:
    bomb = gzip.compress(b"[" + b" " * (64 * 1024 * 1024))
    call = read("gcp.gemini", GEMINI_STREAM, None, 200, {"content-encoding": "gzip"}, [bomb, gzip.compress(b"{}")])
    assert tokens(call) == (None,) * 6


def test_a_packing_that_is_not_known_leaves_the_tokens_unknown() -> None:
    body = bytes(range(128, 256))
    call = read("openai", CHAT, None, 200, {"content-encoding": "br"}, body)
    assert (tokens(call), call.error_type) == ((None,) * 6, None)


def test_bodies_deeper_than_the_stack_are_passed_over() -> None:
    assert tokens(read("openai", CHAT, None, 200, {}, b'{"a":' + b"[" * 200_000)) == (None,) * 6
