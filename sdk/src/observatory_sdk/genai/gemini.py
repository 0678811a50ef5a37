"""Google's form: generateContent, also of Vertex AI.

Cached tokens are counted inside those of the prompt; what tools gave the model to read and what it thought are counted
beside. Counts of nothing are left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from observatory_sdk.genai.draft import Draft, added, count, objects, within, word

_PATH = re.compile(r"/(?:models|tunedModels|endpoints)/([^/:]+):(\w+)$")
_OPERATIONS = {
    "generateContent": "generate_content",
    "streamGenerateContent": "generate_content",
    "embedContent": "embeddings",
    "batchEmbedContents": "embeddings",
}
_ENDS = {"STOP": "stop", "MAX_TOKENS": "length"} | dict.fromkeys(
    (
        "SAFETY",
        "RECITATION",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "SPII",
        "IMAGE_SAFETY",
        "IMAGE_RECITATION",
        "IMAGE_PROHIBITED_CONTENT",
    ),
    "content_filter",
)


def operation(path: str) -> str | None:
    """What is asked of the model, by the path; None where the path is another."""
    found = _PATH.search(path)
    return None if found is None else _OPERATIONS.get(found[2])


def asked(draft: Draft, path: str, request: Mapping[str, object] | None) -> None:
    """What the request says: all of it stands in the path."""
    found = _PATH.search(path)
    if found is not None:
        draft.request_model = word(found[1])
        draft.is_stream = found[2] == "streamGenerateContent"


def told(draft: Draft, document: Mapping[str, object]) -> None:
    """What a response, or a piece of a stream, says."""
    draft.response_id = draft.response_id or word(document.get("responseId"))
    draft.response_model = draft.response_model or word(document.get("modelVersion"))
    for candidate in objects(document, "candidates"):
        draft.finished(candidate.get("index"), _end(candidate.get("finishReason")))
    draft.finished(0, _end(within(document, "promptFeedback").get("blockReason")))
    _usage(draft, within(document, "usageMetadata"))
    # Each piece counts what was written up to there.
    draft.closing = not draft.is_stream or bool(draft.finish_reasons)
    if document.get("error"):
        error = within(document, "error")
        code = count(error.get("code"))
        draft.failed(error.get("status"), None if code is None else str(code))


def _end(value: object) -> str | None:
    reason = word(value)
    return None if reason is None else _ENDS.get(reason, reason.lower())


def _usage(draft: Draft, usage: Mapping[str, object]) -> None:
    if not usage:
        return
    prompt, total = count(usage.get("promptTokenCount")), count(usage.get("totalTokenCount"))
    written, thought = count(usage.get("candidatesTokenCount")), count(usage.get("thoughtsTokenCount"))
    draft.input_tokens = None if prompt is None else added(prompt, count(usage.get("toolUsePromptTokenCount")))
    draft.cache_read_tokens = count(usage.get("cachedContentTokenCount"))
    draft.reasoning_tokens = thought
    draft.total_tokens = total
    if written is not None:
        draft.output_tokens = added(written, thought)
    elif total is not None and draft.input_tokens is not None and total >= draft.input_tokens:
        draft.output_tokens = total - draft.input_tokens
    else:
        draft.output_tokens = None
