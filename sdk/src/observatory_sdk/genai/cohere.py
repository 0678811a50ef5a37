"""Cohere's form: Chat (both versions), Generate and Embed. What is billed is what is counted."""

from __future__ import annotations

import re
from collections.abc import Mapping

from observatory_sdk.genai.draft import Draft, newest, within, word

_PATH = re.compile(r"/v[12]/(chat|generate|embed)/?$")
_OPERATIONS = {"chat": "chat", "generate": "text_completion", "embed": "embeddings"}
_ENDS = {
    "COMPLETE": "stop",
    "STOP_SEQUENCE": "stop",
    "MAX_TOKENS": "length",
    "ERROR_LIMIT": "length",
    "TOOL_CALL": "tool_calls",
    "ERROR_TOXIC": "content_filter",
    "ERROR": "error",
    "TIMEOUT": "error",
}


def operation(path: str) -> str | None:
    """What is asked of the model, by the path; None where the path is another."""
    found = _PATH.search(path)
    return None if found is None else _OPERATIONS[found[1]]


def asked(draft: Draft, path: str, request: Mapping[str, object] | None) -> None:
    """What the request says."""
    if request is not None:
        draft.request_model = word(request.get("model"))
        draft.is_stream = request.get("stream") is True


def told(draft: Draft, document: Mapping[str, object]) -> None:
    """What a response, or an event of a stream, says."""
    draft.response_id = draft.response_id or word(document.get("id")) or word(document.get("generation_id"))
    draft.response_model = draft.response_model or word(document.get("model"))
    for part in (document, within(document, "delta"), within(document, "response")):
        reason = word(part.get("finish_reason"))
        draft.finished(0, None if reason is None else _ENDS.get(reason, reason.lower()))
        _usage(draft, within(part, "usage") or within(part, "meta"))
    if document.get("error"):
        draft.failed(within(document, "error").get("type"))


def _usage(draft: Draft, usage: Mapping[str, object]) -> None:
    for counted in (within(usage, "tokens"), within(usage, "billed_units")):
        draft.input_tokens = newest(draft.input_tokens, counted.get("input_tokens"))
        draft.output_tokens = newest(draft.output_tokens, counted.get("output_tokens"))
    draft.cache_read_tokens = newest(draft.cache_read_tokens, usage.get("cached_tokens"))
