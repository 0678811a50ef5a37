"""Anthropic's form: Messages. Tokens read from and written to the cache are counted beside the tokens in."""

from __future__ import annotations

import re
from collections.abc import Mapping

from observatory_sdk.genai.draft import Draft, newest, within, word

_PATH = re.compile(r"/messages/?$")
_ENDS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}


def operation(path: str) -> str | None:
    """What is asked of the model, by the path; None where the path is another."""
    return "chat" if _PATH.search(path) else None


def asked(draft: Draft, path: str, request: Mapping[str, object] | None) -> None:
    """What the request says."""
    if request is not None:
        draft.request_model = word(request.get("model"))
        draft.is_stream = request.get("stream") is True


def told(draft: Draft, document: Mapping[str, object]) -> None:
    """What a response, or an event of a stream, says."""
    kind = document.get("type")
    if kind == "message_start":
        _message(draft, within(document, "message"))
        # It counts a first token or so, whatever comes: until the end nobody knows.
        draft.output_tokens = None
    elif kind == "message_delta":
        _ended(draft, within(document, "delta"))
        _usage(draft, within(document, "usage"))
    elif kind == "message":
        _message(draft, document)
    elif kind == "error" or document.get("error"):
        draft.failed(within(document, "error").get("type"))


def _message(draft: Draft, message: Mapping[str, object]) -> None:
    draft.response_id = word(message.get("id"))
    draft.response_model = word(message.get("model"))
    _ended(draft, message)
    _usage(draft, within(message, "usage"))


def _ended(draft: Draft, document: Mapping[str, object]) -> None:
    reason = word(document.get("stop_reason"))
    if reason is not None:
        draft.finished(0, _ENDS.get(reason, reason))


def _usage(draft: Draft, usage: Mapping[str, object]) -> None:
    """Counts of a stream are sums so far, and stand where a later event leaves them out."""
    outside = within(usage, "output_tokens_details")
    draft.fresh_tokens = newest(draft.fresh_tokens, usage.get("input_tokens"))
    draft.cache_read_tokens = newest(draft.cache_read_tokens, usage.get("cache_read_input_tokens"))
    draft.cache_write_tokens = newest(draft.cache_write_tokens, usage.get("cache_creation_input_tokens"))
    draft.output_tokens = newest(draft.output_tokens, usage.get("output_tokens"))
    draft.reasoning_tokens = newest(draft.reasoning_tokens, outside.get("thinking_tokens"))
