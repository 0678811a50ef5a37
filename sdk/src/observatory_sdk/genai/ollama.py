"""Ollama's own form: chat, generate, embed; streamed as lines of JSON unless the request says otherwise."""

from __future__ import annotations

import re
from collections.abc import Mapping

from observatory_sdk.genai.draft import Draft, newest, word

_PATH = re.compile(r"/api/(chat|generate|embed|embeddings)/?$")
_OPERATIONS = {"chat": "chat", "generate": "text_completion"}


def operation(path: str) -> str | None:
    """What is asked of the model, by the path; None where the path is another."""
    found = _PATH.search(path)
    return None if found is None else _OPERATIONS.get(found[1], "embeddings")


def asked(draft: Draft, path: str, request: Mapping[str, object] | None) -> None:
    """What the request says."""
    if request is not None:
        draft.request_model = word(request.get("model"))
        draft.is_stream = request.get("stream") is not False and operation(path) != "embeddings"


def told(draft: Draft, document: Mapping[str, object]) -> None:
    """What a response, or a line of a stream, says. The last line has the counts."""
    draft.response_model = draft.response_model or word(document.get("model"))
    if document.get("done") is True:
        draft.finished(0, word(document.get("done_reason")) or "stop")
    draft.input_tokens = newest(draft.input_tokens, document.get("prompt_eval_count"))
    draft.output_tokens = newest(draft.output_tokens, document.get("eval_count"))
    if document.get("error"):
        draft.failed()
