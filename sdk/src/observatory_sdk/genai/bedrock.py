"""Amazon Bedrock's forms: Converse, and Invoke with the bodies of the models behind it.

Tokens read from and written to the cache are counted beside the tokens in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import unquote

from observatory_sdk.genai import anthropic
from observatory_sdk.genai.draft import Draft, added, count, newest, objects, within, word

_PATH = re.compile(r"/model/([^/]+)/(converse|converse-stream|invoke|invoke-with-response-stream)/?$")
_ENDS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "stop": "stop",
    "FINISH": "stop",
    "max_tokens": "length",
    "LENGTH": "length",
    "length": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
    "CONTENT_FILTERED": "content_filter",
}


def operation(path: str) -> str | None:
    """What is asked of the model, by the path; None where the path is another."""
    found = _PATH.search(path)
    if found is None:
        return None
    return "embeddings" if "embed" in found[1] else "chat"


def asked(draft: Draft, path: str, request: Mapping[str, object] | None) -> None:
    """What the request says: the model stands in the path."""
    found = _PATH.search(path)
    if found is not None:
        draft.request_model = word(unquote(found[1]))
        draft.is_stream = "stream" in found[2]
    elif request is not None:
        draft.request_model = word(request.get("modelId"))


def told(draft: Draft, document: Mapping[str, object]) -> None:
    """What a response, or an event of a stream, says."""
    if isinstance(document.get("type"), str):
        anthropic.told(draft, document)
        return
    for part in (document, within(document, "messageStop")):
        _ended(draft, part.get("stopReason") or part.get("stop_reason"))
    for part in (document, within(document, "metadata")):
        _usage(draft, within(part, "usage"))
    _others(draft, document)
    for name in document:
        if name.endswith("Exception"):
            draft.failed(name)
    kind = document.get("__type")
    if isinstance(kind, str):
        draft.failed(kind.rpartition("#")[2])


def _ended(draft: Draft, value: object) -> None:
    reason = word(value)
    if reason is not None:
        draft.finished(0, _ENDS.get(reason, reason.lower()))


def _usage(draft: Draft, usage: Mapping[str, object]) -> None:
    draft.fresh_tokens = newest(draft.fresh_tokens, usage.get("inputTokens"))
    draft.output_tokens = newest(draft.output_tokens, usage.get("outputTokens"))
    draft.cache_read_tokens = newest(draft.cache_read_tokens, usage.get("cacheReadInputTokens"))
    draft.cache_write_tokens = newest(draft.cache_write_tokens, usage.get("cacheWriteInputTokens"))
    draft.total_tokens = newest(draft.total_tokens, usage.get("totalTokens"))


def _others(draft: Draft, document: Mapping[str, object]) -> None:
    """Llama's and Titan's counts."""
    draft.input_tokens = newest(draft.input_tokens, document.get("prompt_token_count"))
    draft.input_tokens = newest(draft.input_tokens, document.get("inputTextTokenCount"))
    draft.output_tokens = newest(draft.output_tokens, document.get("generation_token_count"))
    results = objects(document, "results")
    draft.output_tokens = newest(draft.output_tokens, added(*(count(each.get("tokenCount")) for each in results)))
    for place, each in enumerate(results):
        reason = word(each.get("completionReason"))
        draft.finished(place, None if reason is None else _ENDS.get(reason, reason.lower()))
