"""OpenAI's form: Chat Completions, Responses, Completions and Embeddings. Many other providers answer in it.

Cached tokens are counted inside the tokens in, reasoning inside the tokens out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from observatory_sdk.genai.draft import Draft, count, newest, objects, within, word

_PATHS = re.compile(r"/(chat/completions|responses|embeddings|completions)/?$")
_OPERATIONS = {"chat/completions": "chat", "responses": "chat", "embeddings": "embeddings"}
# Azure names the model in the path.
_DEPLOYMENT = re.compile(r"/deployments/([^/]+)/")
# Why a response of the Responses interface ended, by its status or by what made it incomplete.
_ENDS = {"completed": "stop", "failed": "error", "max_output_tokens": "length", "max_tokens": "length"}
_RUNNING = ("queued", "in_progress")


def operation(path: str) -> str | None:
    """What is asked of the model, by the path; None where the path is another."""
    found = _PATHS.search(path)
    return None if found is None else _OPERATIONS.get(found[1], "text_completion")


def asked(draft: Draft, path: str, request: Mapping[str, object] | None) -> None:
    """What the request says."""
    deployment = _DEPLOYMENT.search(path)
    draft.request_model = word(deployment[1]) if deployment else None
    if request is None:
        return
    draft.request_model = word(request.get("model")) or draft.request_model
    draft.is_stream = request.get("stream") is True
    _conversation(draft, request)


def told(draft: Draft, document: Mapping[str, object]) -> None:
    """What a response, or an event of a stream, says."""
    kind = document.get("type")
    if isinstance(kind, str) and kind.startswith("response."):
        _response(draft, within(document, "response"))
    elif document.get("object") == "response":
        _response(draft, document)
    else:
        _completion(draft, document)
        if kind == "error":
            draft.failed(document.get("code"))


def _completion(draft: Draft, document: Mapping[str, object]) -> None:
    _head(draft, document)
    for choice in objects(document, "choices"):
        draft.finished(choice.get("index"), word(choice.get("finish_reason")))
    _usage(draft, within(document, "usage") or within(within(document, "x_groq"), "usage"))


def _response(draft: Draft, response: Mapping[str, object]) -> None:
    _head(draft, response)
    _conversation(draft, response)
    status = word(response.get("status"))
    if status is not None and status not in _RUNNING:
        reason = word(within(response, "incomplete_details").get("reason")) or status
        draft.finished(0, _ENDS.get(reason, reason))
    _usage(draft, within(response, "usage"))


def _head(draft: Draft, document: Mapping[str, object]) -> None:
    draft.response_id = draft.response_id or word(document.get("id"))
    draft.response_model = draft.response_model or word(document.get("model"))
    if document.get("error"):
        error = within(document, "error")
        draft.failed(error.get("code"), error.get("type"))


def _conversation(draft: Draft, document: Mapping[str, object]) -> None:
    found = document.get("conversation")
    given = found.get("id") if isinstance(found, Mapping) else found
    draft.conversation_id = draft.conversation_id or word(given)


def _usage(draft: Draft, usage: Mapping[str, object]) -> None:
    if not usage:
        return
    inside = within(usage, "prompt_tokens_details") or within(usage, "input_tokens_details")
    outside = within(usage, "completion_tokens_details") or within(usage, "output_tokens_details")
    draft.input_tokens = newest(draft.input_tokens, _either(usage, "prompt_tokens", "input_tokens"))
    draft.output_tokens = newest(draft.output_tokens, _either(usage, "completion_tokens", "output_tokens"))
    # DeepSeek and Moonshot tell it beside.
    cached = _either(usage, "cached_tokens", "prompt_cache_hit_tokens")
    draft.cache_read_tokens = newest(newest(draft.cache_read_tokens, cached), inside.get("cached_tokens"))
    draft.cache_write_tokens = newest(draft.cache_write_tokens, inside.get("cache_write_tokens"))
    draft.reasoning_tokens = newest(draft.reasoning_tokens, outside.get("reasoning_tokens"))
    draft.total_tokens = newest(draft.total_tokens, usage.get("total_tokens"))


def _either(usage: Mapping[str, object], one: str, other: str) -> int | None:
    return newest(count(usage.get(other)), usage.get(one))
